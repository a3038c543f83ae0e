"""Find the checkpoints of a training run that can be evaluated now: those that are complete and no longer changing.

    python -m evalsuite.launch.watch STATE --settle 30 --order oldest --limit 1 < LIST

LIST has a line `NAME<tab>FOLDER` for each checkpoint, sorted by step; the name is empty if the step is unknown. It
prints `ready<tab>NAME=FOLDER` and `skipped<tab>NAME: reason`, each once until the folder changes, and
`pending<tab>NUMBER` of those that may become ready. STATE is a file that keeps what was seen between calls.
"""

import argparse
import hashlib
import json
import os
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.errors import EXIT_OK, UserError, command
from evalsuite.files import printable, read_json, write_json
from evalsuite.plan.model import inspect


@dataclass
class Scan:
    """The result of examining the checkpoints; `pending` counts those that are still changing or must wait."""

    ready: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    pending: int = 0


def scan(
    state: dict[str, Any],
    checkpoints: list[tuple[str, str]],
    now: float,
    settle: float,
    limit: int | None,
    defect: Callable[[str], str | None],
) -> Scan:
    """Examine the checkpoints (name, folder) in this order, and update `state`, which is by folder.

    A folder whose files have changed is examined again, even if it was ready or skipped before. At most `limit`
    checkpoints are ready at a time. `defect` returns why a folder is incomplete, or None.
    """
    found, first = Scan(), {}
    for name, folder in checkpoints:
        signature = fingerprint(folder)
        seen = state.get(folder, {})
        if seen.get("signature") != signature or now < seen["since"]:
            seen = state[folder] = {"signature": signature, "since": now, "done": False}
        same_name = first.setdefault(name or folder, folder)
        if seen["done"]:
            continue
        if now - seen["since"] < settle or len(found.ready) == limit:
            found.pending += 1
            continue
        seen["done"] = True
        reason = _naming_defect(name, folder, same_name) or defect(folder)
        if reason is None:
            found.ready.append(f"{name}={folder}")
        else:
            found.skipped.append(f"{name or folder}: {reason}")
    for gone in state.keys() - {folder for _, folder in checkpoints}:
        del state[gone]
    return found


def _naming_defect(name: str, folder: str, same_name: str) -> str | None:
    if not name:
        return "neither its name nor a trainer_state.json gives the step"
    return None if same_name == folder else f"{folder} has the same step as {same_name}; rename one of them"


def fingerprint(folder: str) -> str:
    """Hash the names, sizes and times of all files in a folder; it changes whenever one of them is written to."""
    digest = hashlib.sha256()
    for inner, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(inner, name)
            try:
                status = os.stat(path)
            except OSError:  # deleted in the meantime, or a broken link
                digest.update(f"{path}\0".encode("utf-8", "surrogateescape"))
                continue
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def find_defect(folder: str) -> str | None:
    """Why a checkpoint is incomplete; None if it is complete as far as can be seen without loading it."""
    try:
        inspect("checkpoint", folder, None, served_elsewhere=False)
        for path in sorted(Path(folder).glob("*.index.json")):
            _check_index(path)
        for path in sorted(Path(folder).glob("*.safetensors")):
            _check_safetensors(path)
    except (UserError, OSError) as error:
        return str(error)
    return None


def _check_index(path: Path) -> None:
    """Raise UserError unless every file in an index of shards exists."""
    try:
        shards = sorted(set(read_json(path)["weight_map"].values()))
        missing = [name for name in shards if not (path.parent / name).is_file()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a valid index of weights; is the checkpoint complete?") from error
    if missing:
        raise UserError(f"{len(missing)} of the {len(shards)} files in {path} are missing, the first is {missing[0]}")


def _check_safetensors(path: Path) -> None:
    """Raise UserError unless the file is as long as its header says."""
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, size)))
        tensors = [value for name, value in header.items() if name != "__metadata__"]
        expected = 8 + length + max((tensor["data_offsets"][1] for tensor in tensors), default=0)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"{path} has no valid safetensors header; was it truncated?") from error
    if size != expected:
        raise UserError(f"{path} has {size} bytes, but its header says {expected}; was it truncated?")


def _state(path: str) -> dict[str, Any]:
    """Read the state of the last call; empty if the file is missing or damaged, which only costs another wait."""
    try:
        value = read_json(path)
        return {folder: dict(seen) for folder, seen in value.items() if {"signature", "since", "done"} <= set(seen)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evalsuite.launch.watch", description=__doc__.splitlines()[0])
    parser.add_argument("state", metavar="STATE", help="a JSON file, which is created if it does not exist")
    parser.add_argument("--settle", type=float, required=True, help="seconds for which no file must have changed")
    parser.add_argument("--order", choices=("oldest", "newest"), default="oldest", help="which checkpoint comes first")
    parser.add_argument("--limit", type=int, help="how many may be ready at a time (default: all)")
    return parser


@command("watch")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    lines = [line.split("\t", 1) for line in sys.stdin.read().split("\n") if "\t" in line]
    checkpoints = [(name, folder) for name, folder in lines]
    state = _state(args.state)
    ordered = checkpoints if args.order == "oldest" else checkpoints[::-1]
    found = scan(state, ordered, time.time(), args.settle, args.limit, find_defect)
    write_json(args.state, state)
    for line in found.ready:
        print(f"ready\t{line}")
    for line in found.skipped:
        print(f"skipped\t{printable(line, 500)}")
    print(f"pending\t{found.pending}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
