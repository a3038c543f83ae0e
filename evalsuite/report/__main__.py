"""Make the report on an output folder: report.html, answers/, figures/ and report.zip.

    python -m evalsuite.report OUTPUT_DIR
    python -m evalsuite.report OUTPUT_DIR --no-answers --no-figures
    python -m evalsuite.report OUTPUT_DIR --inspect          # and logs that `inspect view` opens

analyze_results.py and analyze_summary.py come first; what they have not written is named on the page.
Exit codes: 0 done; 1 something could not be shown or written, each named; 2 a mistake in the arguments.
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
    add("output_dir", type=Path, metavar="OUTPUT_DIR", help="the folder that holds one folder a model")
    add("--no-answers", action="store_true", help="without the page of prompts and responses")
    add("--no-figures", action="store_true", help="without figures/ for papers")
    add("--no-zip", action="store_true", help="without report.zip")
    add(
        "--max-answers-gb", type=float, default=4.0, metavar="GB", help="of text in answers/ (default: 4); it is packed"
    )
    add("--inspect", action="store_true", help="also write inspect_logs/, which `inspect view` opens")
    arguments = parser.parse_args(argv)
    if not arguments.max_answers_gb > 0:
        raise UserError(f"--max-answers-gb {arguments.max_answers_gb}: a number above 0; --no-answers writes none")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
