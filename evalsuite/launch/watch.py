"""Which checkpoints of a training run can be evaluated now: whole, and no longer changing.

    python -m evalsuite.launch.watch STATE --settle 30 --order oldest --limit 1 < LIST

LIST has a line `NAME<tab>FOLDER` for each checkpoint, the first step first; no name where no step is known. Printed are
`ready<tab>NAME=FOLDER`, `skipped<tab>NAME: reason`, each once until the folder changes, and `pending<tab>NUMBER` of
those that may become ready. STATE keeps between two calls what was seen when. Times are in seconds.
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
class Look:
    """What one look at the checkpoints found; `pending` counts those that are still changing or have to wait."""

    ready: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    pending: int = 0


def look(
    state: dict[str, Any],
    checkpoints: list[tuple[str, str]],
    now: float,
    settle: float,
    limit: int | None,
    fault: Callable[[str], str | None],
) -> Look:
    """Judge the checkpoints in this order; `state`, by folder, is brought up to date.

    A folder that changed begins anew, whatever became of it before; at most `limit` are ready at a time.
    """
    found, first = Look(), {}
    for name, folder in checkpoints:
        signature = fingerprint(folder)
        seen = state.get(folder, {})
        if seen.get("signature") != signature or now < seen["since"]:
            seen = state[folder] = {"signature": signature, "since": now, "done": False}
        twin = first.setdefault(name or folder, folder)
        if seen["done"]:
            continue
        if now - seen["since"] < settle or len(found.ready) == limit:
            found.pending += 1
            continue
        seen["done"] = True
        reason = _fault_of(name, folder, twin) or fault(folder)
        if reason is None:
            found.ready.append(f"{name}={folder}")
        else:
            found.skipped.append(f"{name or folder}: {reason}")
    for gone in state.keys() - {folder for _, folder in checkpoints}:
        del state[gone]
    return found


def _fault_of(name: str, folder: str, twin: str) -> str | None:
    if not name:
        return "neither its name nor a trainer_state.json says the step"
    return None if twin == folder else f"{folder} has the step of {twin}; name one of them otherwise"


def fingerprint(folder: str) -> str:
    """Hash of the names, sizes and times of all files in a folder: another value when one of them is written to."""
    digest = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(place, name)
            try:
                status = os.stat(path)
            except OSError:  # gone meanwhile, or a link to nowhere
                digest.update(f"{path}\0".encode("utf-8", "surrogateescape"))
                continue
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def fault(folder: str) -> str | None:
    """Why a checkpoint is not whole; None where it is, as far as can be seen without loading it."""
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
    """Raise UserError unless every file that an index of shards names is there."""
    try:
        shards = sorted(set(read_json(path)["weight_map"].values()))
        missing = [name for name in shards if not (path.parent / name).is_file()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no index of weights; is the checkpoint complete?") from error
    if missing:
        raise UserError(f"{path.parent} has no {missing[0]}, which {path.name} names ({len(missing)} of {len(shards)})")


def _check_safetensors(path: Path) -> None:
    """Raise UserError unless the file is as long as its header says."""
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, size)))
        tensors = [value for name, value in header.items() if name != "__metadata__"]
        whole = 8 + length + max((tensor["data_offsets"][1] for tensor in tensors), default=0)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"{path} has no safetensors header; was it cut off?") from error
    if size != whole:
        raise UserError(f"{path} has {size} bytes, not the {whole} that its header says; was it cut off?")


def _state(path: str) -> dict[str, Any]:
    """What the last call saw; nothing where the file is missing or damaged, which costs one wait."""
    try:
        value = read_json(path)
        return {folder: dict(seen) for folder, seen in value.items() if {"signature", "since", "done"} <= set(seen)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evalsuite.launch.watch", description=__doc__.splitlines()[0])
    parser.add_argument("state", help="a JSON file, made if it is not there")
    parser.add_argument("--settle", type=float, required=True, help="how long nothing must have changed")
    parser.add_argument("--order", choices=("oldest", "newest"), default="oldest")
    parser.add_argument("--limit", type=int, help="how many may be ready at a time; default: all")
    return parser


@command("watch")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    lines = [line.split("\t", 1) for line in sys.stdin.read().split("\n") if "\t" in line]
    checkpoints = [(name, folder) for name, folder in lines]
    state = _state(args.state)
    ordered = checkpoints if args.order == "oldest" else checkpoints[::-1]
    found = look(state, ordered, time.time(), args.settle, args.limit, fault)
    write_json(args.state, state)
    for line in found.ready:
        print(f"ready\t{line}")
    for line in found.skipped:
        print(f"skipped\t{printable(line, 500)}")
    print(f"pending\t{found.pending}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
