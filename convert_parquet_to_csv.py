#!/usr/bin/env python3
"""Write every parquet file as CSV beside it, without losing a value.

    python convert_parquet_to_csv.py OUTPUT_DIR
    python convert_parquet_to_csv.py details.parquet --columns doc.query,metric --excel-safe

Structs are opened into dotted columns, other nested values are JSON text; null is an empty cell, an empty string "".
Token ids stand as their counts unless --columns all is given. What is up to date is skipped. docs/convert.md has more.
"""

import argparse
import os
import sys

from evalsuite.errors import EXIT_FAILED, EXIT_OK, command

SHOWN = 20


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The arguments; exits with 2 on a mistake."""
    parser = argparse.ArgumentParser(
        prog="convert_parquet_to_csv.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", nargs="+", metavar="FILE_OR_DIR", help="parquet files, or folders to look through")
    parser.add_argument("--columns", metavar="A,B.C", help="only these columns, or `all`: token ids too")
    parser.add_argument("--excel-safe", action="store_true", help="no cell starts a formula; UTF-8 with a mark")
    parser.add_argument("--compression", choices=("gzip", "zstd"), help="write .csv.gz or .csv.zst")
    parser.add_argument("--overwrite", action="store_true", help="convert again what is up to date")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N", help="processes")
    args = parser.parse_args(argv)
    if args.jobs < 1:
        parser.error("--jobs must be at least 1")
    return args


@command("convert_parquet_to_csv.py")
def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    from evalsuite.convert.file import Options, check_names
    from evalsuite.convert.tree import convert_all, find

    columns = tuple(args.columns.split(",")) if args.columns else ()
    options = Options(columns, args.excel_safe, args.compression)
    files, bad = find(args.places)
    if not files and not bad:
        print("no .parquet file there")
        return EXIT_OK
    check_names(files, columns)
    outcome = convert_all(files, options, args.jobs, args.overwrite, tell=show_progress)
    for path in sorted(outcome.written)[:SHOWN]:
        print(f"wrote {on_one_line(path)}")
    if len(outcome.written) > SHOWN:
        print(f"... and {len(outcome.written) - SHOWN} more")
    print(f"{len(outcome.written)} written ({outcome.rows} rows), {outcome.current} were up to date")
    for path, reason in [*bad, *outcome.failed]:
        print(f"failed: {on_one_line(path)}: {on_one_line(reason)}")
    return EXIT_FAILED if bad or outcome.failed else EXIT_OK


def on_one_line(text: str) -> str:
    """Safe on a terminal, line breaks in names escaped too."""
    from evalsuite.files import printable

    return printable(text.replace("\n", "\\n").replace("\t", "\\t"))


def show_progress(done: int, total: int) -> None:
    """A counter on a terminal."""
    if sys.stderr.isatty() and total > 2:
        print(f"\r{done}/{total} files", end="\n" if done == total else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
