"""What lies in an output folder, and what of it could go: superseded and orphaned files, journals to compress.

    python -m evalsuite.housekeeping OUTPUT_DIR            says what there is; changes nothing
    python -m evalsuite.housekeeping OUTPUT_DIR --yes      does it; --csv also removes CSVs that can be made again

What a result rests on, unfinished experiments and what a run works on now are never touched (docs/housekeeping.md).
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalsuite.errors import EXIT_FAILED, EXIT_OK, command
from evalsuite.files import printable
from evalsuite.housekeeping.removal import actions, carry_out
from evalsuite.housekeeping.survey import AGAIN, BUSY, COMPRESS, DAMAGED, EMPTY, HALF, Item, Survey, survey


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


WIDTH = 80
PATHS = 5  # shown of each kind
MEANING = {
    BUSY: "a run works on them: left alone",
    EMPTY: "begun by a run: left alone",
    DAMAGED: "files they name are missing: left alone",
}


def lines(found: Survey, done: list[Item] | None) -> Iterator[str]:
    """The tables; `done` is what was carried out, None where nothing was asked for."""
    yield from _states(found)
    yield ""
    yield from _kinds(found.items if done is None else done, found.root, done is not None)
    if found.duplicates:
        yield ""
        yield f"{len(found.duplicates)} experiments lie in several folders; which one counts, analyze_results.py says:"
        yield from (f"  {_short(path, found.root)}" for paths in found.duplicates for path in paths)


def _states(found: Survey) -> Iterator[str]:
    yield f"{'state':<13} {'experiments':>11} {'size':>9}"
    yield "─" * WIDTH
    for state in dict.fromkeys(one.state for one in sorted(found.found, key=lambda one: one.state)):
        these = [one for one in found.found if one.state == state]
        completions = sum(one.completions or 0 for one in these)
        more = f"{completions:,} completions{'' if state == HALF else ' more than are graded'}"
        words = MEANING.get(state, more if completions else "")
        yield f"{state:<13} {len(these):>11,} {shown_size(sum(one.size for one in these)):>9}  {words}".rstrip()
    yield f"{'logs':<13} {'':>11} {shown_size(found.logs):>9}"


def _kinds(items: list[Item], root: Path, is_done: bool) -> Iterator[str]:
    yield f"{'done' if is_done else 'could go':<46} {'places':>7} {'files':>7} {'size':>9}"
    yield "─" * WIDTH
    if not items:
        yield "nothing"
    for action, kind in dict.fromkeys((item.action, item.kind) for item in sorted(items, key=lambda item: item.kind)):
        these = [item for item in items if (item.action, item.kind) == (action, kind)]
        size, files = sum(item.size for item in these), sum(item.files for item in these)
        yield f"{_title(action, kind):<46} {len(these):>7,} {files:>7,} {shown_size(size):>9}"
        yield from (f"  {_short(item.path, root)}" for item in these[:PATHS])
        if len(these) > PATHS:
            yield f"  and {len(these) - PATHS:,} more; --json names all"


def _title(action: str, kind: str) -> str:
    return f"{kind} ({'compress' if action == COMPRESS else '--csv'})" if action in (COMPRESS, AGAIN) else kind


def _short(path: Path, root: Path) -> str:
    """A path below the folder, its middle left out where it is too long."""
    text = printable(str(path.relative_to(root)), 4000)
    room = WIDTH - 2
    return text if len(text) <= room else f"{text[: room // 2 - 1]}…{text[-(room - room // 2) :]}"


def shown_size(size: int) -> str:
    """Bytes for people.

    >>> shown_size(0), shown_size(1500), shown_size(2_340_000_000)
    ('0 B', '1.5 kB', '2.3 GB')
    """
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def as_json(found: Survey, done: list[Item] | None, failed: list[str]) -> dict[str, Any]:
    """Everything, for programs; paths are relative to the folder, sizes in bytes."""
    place = found.root
    carried = {(item.action, item.path) for item in done or []}
    return {
        "schema_version": 1,
        "output_dir": str(place),
        "experiments": [
            {"path": str(one.path.relative_to(place)), "state": one.state, "bytes": one.size,
             "completions": one.completions} for one in found.found
        ],
        "items": [
            {"action": item.action, "kind": item.kind, "path": str(item.path.relative_to(place)), "bytes": item.size,
             "files": item.files, "done": (item.action, item.path) in carried} for item in found.items
        ],
        "duplicates": [[str(path.relative_to(place)) for path in paths] for paths in found.duplicates],
        "logs_bytes": found.logs,
        "failed": failed,
    }  # fmt: skip
