"""Show what an output folder contains and what can be deleted: superseded and orphaned files, journals to compress.

    python -m evalsuite.housekeeping OUTPUT_DIR            shows it; changes nothing
    python -m evalsuite.housekeeping OUTPUT_DIR --yes      deletes and compresses what is listed

Files that a result needs, unfinished experiments and experiments in use by a run are never touched; see
docs/housekeeping.md. Exit codes: 0 done; 1 something could not be removed, and is reported; 2 a folder without
experiments of this suite.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalsuite.errors import EXIT_FAILED, EXIT_OK, command
from evalsuite.files import printable
from evalsuite.housekeeping.removal import apply, chosen_actions
from evalsuite.housekeeping.survey import COMPRESS, DAMAGED, EMPTY, HALF_DONE, IN_USE, REGENERABLE, Item, Survey, survey

WIDTH = 80
MAX_PATHS = 5  # listed for each kind of item
REMARKS = {
    IN_USE: "a run is working on them: left alone",
    EMPTY: "a run created them: left alone",
    DAMAGED: "manifest or its files missing: left alone",
}


@command("housekeeping")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    found = survey(args.output_dir)
    done: list[Item] | None = None
    failed: list[str] = []
    if args.yes:
        done, failed = apply(found, chosen_actions(args.csv))
    if args.json:
        print(json.dumps(as_json(found, done, failed), indent=1))
    else:
        print("\n".join(lines(found, done)))
        if done is None and found.items:
            print("\nNothing was changed. Add --yes to do this, --csv to delete CSV files as well.")
    for line in failed:
        print(f"housekeeping: {printable(line)}", file=sys.stderr)
    return EXIT_FAILED if failed else EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evalsuite.housekeeping", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("output_dir", type=Path, metavar="OUTPUT_DIR", help="the OUTPUT_DIR of a run")
    parser.add_argument("--yes", action="store_true", help="delete and compress what is listed")
    parser.add_argument("--csv", action="store_true", help="with --yes: also delete the CSV files made from details")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser


def lines(found: Survey, done: list[Item] | None) -> Iterator[str]:
    """The tables to print, at most WIDTH columns wide; `done` holds the items carried out, None without --yes."""
    yield from _states(found)
    yield ""
    yield from _kinds(found.items if done is None else done, found.root, done is not None)
    if count := len(found.duplicates):
        yield ""
        subject = "1 experiment is" if count == 1 else f"{count} experiments are"
        yield f"{subject} in several folders; analyze_results.py says which one counts:"
        yield from (f"  {_short(path, found.root)}" for paths in found.duplicates for path in paths)


def _states(found: Survey) -> Iterator[str]:
    yield f"{'state':<13} {'experiments':>11} {'size':>9}"
    yield "─" * WIDTH
    for state in sorted({one.state for one in found.experiments}):
        these = [one for one in found.experiments if one.state == state]
        completions = sum(one.completions or 0 for one in these)
        counted = f"{completions:,} completions{'' if state == HALF_DONE else ' not graded yet'}"
        remark = REMARKS.get(state, counted if completions else "")
        yield f"{state:<13} {len(these):>11,} {shown_size(sum(one.size for one in these)):>9}  {remark}".rstrip()
    yield f"{'logs':<13} {'':>11} {shown_size(found.logs):>9}"


def _kinds(items: list[Item], root: Path, is_done: bool) -> Iterator[str]:
    title = "deleted or compressed" if is_done else "can be deleted or compressed"
    yield f"{title:<46} {'items':>7} {'files':>7} {'size':>9}"
    yield "─" * WIDTH
    if not items:
        yield "nothing"
    for action, kind in dict.fromkeys((item.action, item.kind) for item in sorted(items, key=lambda item: item.kind)):
        these = [item for item in items if (item.action, item.kind) == (action, kind)]
        size, files = sum(item.size for item in these), sum(item.files for item in these)
        yield f"{_title(action, kind):<46} {len(these):>7,} {files:>7,} {shown_size(size):>9}"
        yield from (f"  {_short(item.path, root)}" for item in these[:MAX_PATHS])
        if len(these) > MAX_PATHS:
            yield f"  and {len(these) - MAX_PATHS:,} more; --json lists all"


def _title(action: str, kind: str) -> str:
    return f"{kind} ({'compress' if action == COMPRESS else '--csv'})" if action in (COMPRESS, REGENERABLE) else kind


def _short(path: Path, root: Path) -> str:
    """A path relative to `root`, its middle left out if it is too long for a line."""
    text = printable(str(path.relative_to(root)), 4000)
    room = WIDTH - 2
    return text if len(text) <= room else f"{text[: room // 2 - 1]}…{text[-(room - room // 2) :]}"


def shown_size(size: int) -> str:
    """A number of bytes, rounded for reading.

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
    """The whole survey as JSON for other programs; paths are relative to the folder, sizes are in bytes."""
    root = found.root
    carried_out = {(item.action, item.path) for item in done or []}
    return {
        "schema_version": 1,
        "output_dir": str(root),
        "experiments": [
            {"path": str(one.path.relative_to(root)), "state": one.state, "bytes": one.size,
             "completions": one.completions} for one in found.experiments
        ],
        "items": [
            {"action": item.action, "kind": item.kind, "path": str(item.path.relative_to(root)), "bytes": item.size,
             "files": item.files, "done": (item.action, item.path) in carried_out} for item in found.items
        ],
        "duplicates": [[str(path.relative_to(root)) for path in paths] for paths in found.duplicates],
        "logs_bytes": found.logs,
        "failed": failed,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
