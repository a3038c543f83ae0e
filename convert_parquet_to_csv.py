#!/usr/bin/env python3
"""Write every parquet file as CSV beside it, without losing a value.

    python convert_parquet_to_csv.py OUTPUT_DIR
    python convert_parquet_to_csv.py details.parquet --columns doc.query,metric --excel-safe

Structs are opened into dotted columns, other nested values are JSON text; null is an empty cell, an empty string "".
Token ids stand as their counts unless --columns all is given. What is up to date is skipped. docs/convert.md has more.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable

from evalsuite.errors import EXIT_FAILED, EXIT_OK, command

SHOWN = 20
LIVE_SECONDS = 0.2
LINE_SECONDS = 15.0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The arguments; exits with 2 on a mistake."""
    parser = argparse.ArgumentParser(
        prog="convert_parquet_to_csv.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", nargs="+", metavar="FILE_OR_DIR", help="parquet files, or folders to look through")
    parser.add_argument(
        "--columns",
        metavar="A,B.C",
        help="only these columns; `all`: token ids too; `stored`: the parquet's columns, structs as JSON",
    )
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
        print(f"no .parquet file in {', '.join(map(on_one_line, args.places))}")
        return EXIT_OK
    check_names(files, columns)
    outcome = convert_all(files, options, args.jobs, args.overwrite, progress())
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


def progress() -> Callable[[float, int], None]:
    """A line that counts up on a terminal; elsewhere one every LINE_SECONDS, so that a log shows life."""
    live, shown = sys.stderr.isatty(), [time.monotonic()]

    def tell(done: float, total: int) -> None:
        now = time.monotonic()
        if now - shown[0] > (LIVE_SECONDS if live else LINE_SECONDS):
            shown[0] = now
            line = f"{int(done)} of {total} files, {100 * done / total:.0f} %"
            print(f"\r\x1b[K{line}" if live else line, end="" if live else "\n", file=sys.stderr, flush=True)
        if live and done == total:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: temporary files are removed
    sys.exit(main())
