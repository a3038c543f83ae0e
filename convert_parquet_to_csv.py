#!/usr/bin/env python3
"""Write a CSV file beside every parquet file, without losing a value.

    python convert_parquet_to_csv.py OUTPUT_DIR
    python convert_parquet_to_csv.py details.parquet --columns doc.query,metric --excel-safe

Structs become dotted columns and other nested values JSON text; null is an empty cell, an empty string is "".
Token ids are replaced by their number unless --columns all is given. Files that are up to date are skipped.
docs/convert.md describes the format.

Exit codes: 0 done; 1 some files failed, each of them reported; 2 a mistake in the arguments.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable

from evalsuite.errors import EXIT_FAILED, EXIT_OK, command

MAX_PATHS = 20  # written files that are listed by name
TERMINAL_SECONDS = 0.2  # between two updates of the progress line on a terminal
LOG_SECONDS = 15.0  # between two progress lines in a log


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line; exits with 2 on a mistake."""
    parser = argparse.ArgumentParser(
        prog="convert_parquet_to_csv.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", nargs="+", metavar="FILE_OR_DIR", help="parquet files, or folders to search")
    parser.add_argument(
        "--columns",
        metavar="A,B.C",
        help="write only these columns; `all` also writes the token ids; `stored` keeps the columns of the parquet "
        "file and writes structs as JSON",
    )
    parser.add_argument(
        "--excel-safe", action="store_true", help="no cell is run as a formula; the file starts with a byte-order mark"
    )
    parser.add_argument("--compression", choices=("gzip", "zstd"), help="write .csv.gz or .csv.zst files")
    parser.add_argument("--overwrite", action="store_true", help="also convert files that are up to date")
    parser.add_argument(
        "--jobs",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="number of processes (default: one per core)",
    )
    args = parser.parse_args(argv)
    if args.jobs < 1:
        parser.error("--jobs must be at least 1")
    return args


@command("convert_parquet_to_csv.py")
def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    from evalsuite.convert.file import Options, check_names
    from evalsuite.convert.tree import convert_all, find_parquet

    columns = tuple(args.columns.split(",")) if args.columns else ()
    options = Options(columns, args.excel_safe, args.compression)
    files, bad = find_parquet(args.places)
    if not files and not bad:
        print(f"no .parquet file in {', '.join(map(on_one_line, args.places))}")
        return EXIT_OK
    check_names(files, columns)
    outcome = convert_all(files, options, args.jobs, args.overwrite, progress())
    for path in sorted(outcome.written)[:MAX_PATHS]:
        print(f"wrote {on_one_line(path)}")
    if len(outcome.written) > MAX_PATHS:
        print(f"... and {len(outcome.written) - MAX_PATHS} more")
    print(f"{len(outcome.written)} written ({outcome.rows} rows), {outcome.up_to_date} already up to date")
    for path, reason in [*bad, *outcome.failed]:
        print(f"failed: {on_one_line(path)}: {on_one_line(reason)}")
    return EXIT_FAILED if bad or outcome.failed else EXIT_OK


def on_one_line(text: str) -> str:
    """Make text safe for a terminal; line breaks and tabs are escaped as well."""
    from evalsuite.files import printable

    return printable(text.replace("\n", "\\n").replace("\t", "\\t"))


def progress() -> Callable[[float, int], None]:
    """Return a function that shows progress: one changing line on a terminal, occasional lines in a log."""
    is_terminal, last = sys.stderr.isatty(), [time.monotonic()]

    def show(done: float, total: int) -> None:
        now = time.monotonic()
        if now - last[0] > (TERMINAL_SECONDS if is_terminal else LOG_SECONDS):
            last[0] = now
            line = f"{int(done)} of {total} files, {100 * done / total:.0f}%"
            print(
                f"\r\x1b[K{line}" if is_terminal else line,
                end="" if is_terminal else "\n",
                file=sys.stderr,
                flush=True,
            )
        if is_terminal and done == total:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    return show


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as with Ctrl-C, which removes temporary files
    sys.exit(main())
