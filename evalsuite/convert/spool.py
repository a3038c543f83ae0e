"""Reads columns with very large pages one at a time.

Reading rows needs the current page of every column in memory. Where that would be too much, the largest columns are
first copied, one after the other, to temporary files of small compressed batches, and then read back together with
the remaining columns.
"""

import contextlib
import tempfile
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.types as t

Unit = TypeVar("Unit", bound=Hashable)


def parts(page_bytes: dict[Unit, int], limit: int) -> list[list[Unit]]:
    """Split columns into those to read together, within `limit` bytes of pages, and those to copy one by one.

    The first list holds the columns to read together; each further list holds one column.

    >>> parts({"id": 1, "text": 90, "ids": 30}, 50)
    [['id', 'ids'], ['text']]
    """
    alone: list[Unit] = []
    together = dict(page_bytes)
    while sum(together.values()) > limit and len(together) > 1:
        largest = max(together, key=together.__getitem__)
        alone.append(largest)
        del together[largest]
    return [list(together), *([unit] for unit in alone)]


@contextlib.contextmanager
def spooled(batches: Iterator[pa.RecordBatch], folder: Path) -> Iterator[Iterator[pa.RecordBatch]]:
    """Copy batches to an unnamed file in `folder` and yield them from there, so that their pages are freed first."""
    with tempfile.TemporaryFile(dir=folder) as file:
        first = next(batches, None)
        if first is None:
            yield iter(())
            return
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        with pa.ipc.new_stream(file, first.schema, options=options) as writer:
            writer.write_batch(first)
            for batch in batches:
                writer.write_batch(batch)
        del first
        pa.default_memory_pool().release_unused()
        file.seek(0)
        yield iter(pa.ipc.open_stream(file, options=pa.ipc.IpcReadOptions(use_threads=False)))


def merged(schema: pa.Schema, streams: list[Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Merge streams that hold the same rows, each with other fields of `schema`, into batches of all fields."""
    if len(streams) == 1:
        yield from streams[0]
        return
    whole = pa.struct(schema)
    for batches in _aligned(streams):
        yield pa.RecordBatch.from_struct_array(_merge(whole, [batch.to_struct_array() for batch in batches]))


def _aligned(streams: list[Iterable[pa.RecordBatch]]) -> Iterator[list[pa.RecordBatch]]:
    """Yield one batch of each stream, sliced so that all hold the same rows."""
    iterators = [iter(stream) for stream in streams]
    current: list[pa.RecordBatch | None] = [None] * len(iterators)
    while True:
        current = [
            batch if batch is not None and batch.num_rows else next(iterator, None)
            for batch, iterator in zip(current, iterators, strict=True)
        ]
        if None in current:
            return
        rows = min(batch.num_rows for batch in current)
        yield [batch.slice(0, rows) for batch in current]
        current = [batch.slice(rows) for batch in current]


def _merge(kind: pa.StructType, arrays: list[pa.StructArray]) -> pa.StructArray:
    if len(arrays) == 1:
        return arrays[0]
    fields, children = [], []
    for field in kind:
        found = [array.field(field.name) for array in arrays if array.type.get_field_index(field.name) >= 0]
        if found:
            children.append(_merge(field.type, found) if t.is_struct(field.type) else found[0])
            fields.append(field.with_type(children[-1].type))
    return pa.StructArray.from_arrays(children, fields=fields, mask=arrays[0].is_null())
