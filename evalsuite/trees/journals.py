"""How far an unfinished experiment is, by its journal."""

import os

from evalsuite.journal import LIVE, PACKED
from evalsuite.trees.safe import Unreadable, reason, stamp
from evalsuite.trees.source import Stopped

BLOCK = 1 << 20


def whole_completions(folder: str) -> int:
    """The completions in a folder's journal, a torn last line not counted; raises Stopped for a bad journal."""
    return sum(_lines(path) for name in (PACKED, LIVE) if os.path.lexists(path := os.path.join(folder, name)))


def _lines(path: str) -> int:
    import pyarrow as pa

    from evalsuite.trees.columns import openable

    try:
        stamp(path)
        compression = "zstd" if path.endswith(".zst") else None
        with pa.input_stream(openable(path), compression=compression, buffer_size=BLOCK) as stream:
            return sum(block.count(b"\n") for block in iter(lambda: stream.read(BLOCK), b""))
    except (OSError, ValueError) as error:
        raise Stopped(path, reason(error)) from error
    except Unreadable as error:
        raise Stopped(path, str(error)) from error
