"""What lies in an output folder, and what of it could go: superseded and orphaned files, journals to compress.

    python -m evalsuite.housekeeping OUTPUT_DIR            says what there is; changes nothing
    python -m evalsuite.housekeeping OUTPUT_DIR --yes      does it; --csv also removes CSVs that can be made again

What a result rests on, unfinished experiments and what a run works on now are never touched (docs/housekeeping.md).
"""

import argparse
import json
import sys
from pathlib import Path

from evalsuite.errors import EXIT_FAILED, EXIT_OK, command
from evalsuite.files import printable
from evalsuite.housekeeping.carry_out import actions, carry_out
from evalsuite.housekeeping.screen import as_json, lines
from evalsuite.housekeeping.survey import Item, survey


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evalsuite.housekeeping", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("output_dir", type=Path)
    parser.add_argument("--yes", action="store_true", help="delete and compress what is listed")
    parser.add_argument("--csv", action="store_true", help="with --yes: also delete the CSVs beside details")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser


@command("housekeeping")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    found = survey(args.output_dir)
    done: list[Item] | None = None
    failed: list[str] = []
    if args.yes:
        done, failed = carry_out(found, actions(args.csv))
    if args.json:
        print(json.dumps(as_json(found, done, failed), indent=1))
    else:
        print("\n".join(lines(found, done)))
        if done is None and found.items:
            print("\nNothing was changed. --yes does it; CSVs only with --csv as well.")
    for line in failed:
        print(f"housekeeping: {printable(line)}", file=sys.stderr)
    return EXIT_FAILED if failed else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
