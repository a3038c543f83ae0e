"""Reads a parquet file in batches of bounded size, whatever its row groups, pages and encodings.

A "unit" below is a field that becomes a CSV column of its own: it is read as a whole.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as t

from evalsuite.convert import spool
from evalsuite.convert.columns import FieldPath, Fields, column_types, is_list

# Large enough that Python's overhead per batch is small; small enough for a core's cache and for holding several.
BATCH_BYTES = 3 << 20
_BATCH_ROWS = 1 << 16
_READ_ROWS = 1024  # at most in one read, which limits the memory used if a row's estimated size is wrong
_HEADER_BYTES = 64  # of a page header: the fields that are needed come first, statistics follow
_SMALL = 1 << 20  # bytes below which a column's exact size does not matter


@dataclass(frozen=True)
class Cost:
    """Bytes that reading one column of one row group takes: its decoded values, and the pages held meanwhile."""

    decoded: int
    pages: int


class Reader:
    """One open parquet file. Use it as a context manager; it raises Arrow's exceptions (see columns.readable).

    `unique` says whether all columns, and all fields within each struct, have different names. Only then can Arrow
    read a selection of columns, and find them by name.
    """

    def __init__(self, path: Path):
        self._bytes = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        try:
            # Without a buffer size, Arrow reads a whole column chunk into memory.
            self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)
        except BaseException:
            self._bytes.close()
            raise
        self.metadata: pq.FileMetaData = self._file.metadata
        self.schema: pa.Schema = self._file.schema_arrow
        self.unique = _unique(self.schema)
        self._leaves = _leaves(self.schema)
        self._cost_cache: dict[FieldPath, list[Cost]] = {}

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()
        self._bytes.close()

    def missing_structs(self) -> set[FieldPath]:
        """The structs that are null in some row.

        Decided by the column statistics where they suffice, otherwise by reading the struct's smallest field.
        """
        units = list(self._leaves)
        structs = sorted({unit[:depth] for unit in units for depth in range(1, len(unit))})
        missing = set()
        for struct in structs:
            inside = [unit for unit in units if unit[: len(struct)] == struct]
            if any(self._never_null(unit) for unit in inside):
                continue
            smallest = min(inside, key=lambda unit: sum(cost.decoded for cost in self._costs(unit)))
            path = self._names(struct) if self.unique else struct
            if any(Fields(batch)[path].null_count for batch in self._read([smallest])):
                missing.add(struct)
        return missing

    def batches(self, paths: Iterable[FieldPath], page_bytes: int, folder: Path) -> Iterator[pa.RecordBatch]:
        """Yield all rows in order, in batches of about BATCH_BYTES that hold at least the fields at `paths`.

        If the pages to be held together exceed `page_bytes`, the largest fields are first copied one by one to an
        unnamed temporary file in `folder`.
        """
        wanted = set(paths)
        units = [unit for unit in self._leaves if any(unit[: len(path)] == path for path in wanted)]
        pages = {unit: max((cost.pages for cost in self._costs(unit)), default=0) for unit in units}
        together, *alone = spool.parts(pages, page_bytes) if self.unique else [units]
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(spool.spooled(self._read(part), folder)) for part in alone]
            yield from rebatched(spool.merged(self.schema, [self._read(together), *streams]))

    def _read(self, units: list[FieldPath]) -> Iterator[pa.RecordBatch]:
        """Yield batches of these fields, with fewer rows where rows are large."""
        everything = not self.unique or len(units) == len(self._leaves)
        paths = None if everything else [".".join(self._names(unit)) for unit in units]
        sizes = [self._read_rows(group, units) for group in range(self.metadata.num_row_groups)]
        for rows, run in itertools.groupby(range(len(sizes)), sizes.__getitem__):
            yield from self._file.iter_batches(rows, row_groups=list(run), columns=paths, use_threads=False)

    def _read_rows(self, group: int, units: list[FieldPath]) -> int:
        """Rows of a row group to decode in one read.

        A power of two, so that similar row groups get the same number and are read in a single call.
        """
        decoded = sum(self._costs(unit)[group].decoded for unit in units)
        rows = BATCH_BYTES * self.metadata.row_group(group).num_rows // max(decoded, 1)
        return min(_READ_ROWS, 1 << max(rows, 1).bit_length() - 1)

    def _costs(self, unit: FieldPath) -> list[Cost]:
        """The cost of reading a field, per row group."""
        if unit not in self._cost_cache:
            groups = (self.metadata.row_group(group) for group in range(self.metadata.num_row_groups))
            self._cost_cache[unit] = [
                total_cost(estimate_cost(self._bytes, group.column(leaf)) for leaf in self._leaves[unit])
                for group in groups
            ]
        return self._cost_cache[unit]

    def _never_null(self, unit: FieldPath) -> bool:
        """Whether the statistics show a value in every row for some parquet column of the field.

        If so, no struct around the field is ever null either.
        """
        groups = [self.metadata.row_group(group) for group in range(self.metadata.num_row_groups)]
        return any(all(_no_nulls(group.column(leaf)) for group in groups) for leaf in self._leaves[unit])

    def _names(self, path: FieldPath) -> tuple[str, ...]:
        names, kind = [], pa.struct(self.schema)
        for index in path:
            names.append(kind.field(index).name)
            kind = kind.field(index).type
        return tuple(names)


def rebatched(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of about BATCH_BYTES, combining small batches and splitting large ones."""
    waiting: list[pa.RecordBatch] = []
    size = rows = 0
    for batch in batches:
        waiting.append(batch)
        size, rows = size + batch.nbytes, rows + batch.num_rows
        if size >= BATCH_BYTES or rows >= _BATCH_ROWS:
            yield from _split(waiting, size)
            waiting, size, rows = [], 0, 0
    if waiting:
        yield from _split(waiting, size)


def _split(waiting: list[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    whole = waiting[0] if len(waiting) == 1 else pa.concat_batches(waiting)
    step = max(1, whole.num_rows // max(1, size // BATCH_BYTES))
    for start in range(0, whole.num_rows, step):
        yield whole.slice(start, step)


def _leaves(schema: pa.Schema) -> dict[FieldPath, range]:
    """For every unit, the indices of the parquet columns that it is stored in."""
    leaves, start = {}, 0
    for path, kind in column_types(schema):
        leaves[path] = range(start, start := start + _leaf_count(kind))
    return leaves


def _leaf_count(kind: pa.DataType) -> int:
    """The number of parquet columns that store a value of this type."""
    if isinstance(kind, pa.BaseExtensionType):
        return _leaf_count(kind.storage_type)
    if t.is_struct(kind):
        return sum(_leaf_count(field.type) for field in kind)
    if t.is_map(kind):
        return _leaf_count(kind.key_type) + _leaf_count(kind.item_type)
    return _leaf_count(kind.value_type) if is_list(kind) else 1


def _no_nulls(chunk: pq.ColumnChunkMetaData) -> bool:
    return chunk.is_stats_set and chunk.statistics.has_null_count and chunk.statistics.null_count == 0


def _unique(fields: pa.Schema | pa.StructType) -> bool:
    names = [field.name for field in fields]
    return len(set(names)) == len(names) and all(_unique(field.type) for field in fields if t.is_struct(field.type))


def total_cost(costs: Iterable[Cost]) -> Cost:
    """The cost of reading several columns together."""
    costs = list(costs)
    return Cost(sum(cost.decoded for cost in costs), sum(cost.pages for cost in costs))


def estimate_cost(file: BinaryIO, chunk: pq.ColumnChunkMetaData) -> Cost:
    """Estimate the cost of reading a column chunk."""
    stored = chunk.total_uncompressed_size
    if chunk.physical_type != "BYTE_ARRAY":
        page = stored if stored < _SMALL else _header(file, chunk.data_page_offset)[0]
        return Cost(decoded=chunk.num_values * 8, pages=min(page, stored))
    # With a dictionary, values can repeat, so the stored size says little about the decoded size.
    if not chunk.has_dictionary_page or stored * chunk.num_values < _SMALL:
        page = stored if stored < _SMALL else _header(file, chunk.data_page_offset)[0]
        return Cost(decoded=stored, pages=min(page, stored))
    size, entries = _header(file, chunk.dictionary_page_offset)
    decoded = max(stored, size * chunk.num_values // max(entries, 1))
    # Once a dictionary has reached its size limit, plain pages follow, each as large as the dictionary.
    return Cost(decoded=decoded, pages=min(2 * size, size + stored))


def _header(file: BinaryIO, offset: int) -> tuple[int, int]:
    """Return the uncompressed size in bytes and the number of values (0 if not given) of the page at `offset`.

    The header uses Thrift's compact protocol: each field starts with a byte, increment of the field's number << 4 |
    type, and integers are zigzag varints. See PageHeader in the parquet-format specification for the field numbers.
    """
    file.seek(offset)
    data = file.read(_HEADER_BYTES)
    at, number, size, values = 0, 0, 0, 0
    while at < len(data):
        step, kind = data[at] >> 4, data[at] & 15
        number += step
        at += 1
        if kind == 12 and number in (5, 7, 8):  # the struct of a data or dictionary page; it starts with num_values
            return size, _varint(data, at + 1)[0]
        if kind != 5 or not step:  # not a 32-bit integer, so not a header that this function understands
            break
        value, at = _varint(data, at)
        if number == 2:
            size = value
    return size, values


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return (value >> 1) ^ -(value & 1), at
