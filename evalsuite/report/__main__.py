"""Create the report on an output folder: report.html, answers/, figures/ and report.zip.

    python -m evalsuite.report OUTPUT_DIR
    python -m evalsuite.report OUTPUT_DIR --no-answers --no-figures
    python -m evalsuite.report OUTPUT_DIR --inspect          # also logs for `inspect view`

Run analyze_results.py and analyze_summary.py first; the page lists what they have not written.
Exit codes: 0 done; 1 something could not be shown or written, and is reported; 2 a mistake in the arguments.
"""

import argparse
import sys
from pathlib import Path

from evalsuite.errors import EXIT_FAILED, EXIT_OK, UserError, command
from evalsuite.files import printable


@command("evalsuite.report")
def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    from evalsuite.report.make import make

    made = make(arguments)
    for line in made.lines:
        print(printable(line, 1000))
    for line in made.wrong:
        print(f"evalsuite.report: {printable(line, 1000)}", file=sys.stderr)
    return EXIT_FAILED if made.wrong else EXIT_OK


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evalsuite.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("output_dir", type=Path, metavar="OUTPUT_DIR", help="the folder that holds one folder per model")
    add("--no-answers", action="store_true", help="do not write the page of prompts and responses")
    add("--no-figures", action="store_true", help="do not write figures/ for papers")
    add("--no-zip", action="store_true", help="do not write report.zip")
    add(
        "--max-answers-gb",
        type=float,
        default=4.0,
        metavar="GB",
        help="limit on the text in answers/, before compression (default: 4)",
    )
    add("--inspect", action="store_true", help="also write inspect_logs/ for `inspect view`")
    arguments = parser.parse_args(argv)
    if not arguments.max_answers_gb > 0:
        raise UserError(f"--max-answers-gb {arguments.max_answers_gb}: must be above 0; use --no-answers for none")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
