"""Read what was logged to trackers: W&B's offline files and TensorBoard's events."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def wandb_log(path: Path) -> list[Any]:
    """The records of a .wandb file."""
    from wandb.proto.wandb_internal_pb2 import Record

    return [Record.FromString(data) for data in _pieces(path)]


def _pieces(path: Path) -> Iterator[bytes]:
    """The records in a log of leveldb's format: pieces in blocks of 32 KiB, after a header of 7 bytes."""
    data, at, record = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        record += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last piece
            yield record
            record = b""


def tensorboard_scalars(folder: Path) -> list[tuple[int, str, float]]:
    """Step, tag and value of every scalar in a folder's event files, in order."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (size,) = struct.unpack("<Q", data[at : at + 8])
            event = Event.FromString(data[at + 12 : at + 12 + size])
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
            at += 16 + size
    return found
