"""Batches of rows of a parquet file, small enough to hold several, however the file was written."""

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
from evalsuite.convert.columns import Fields, Place, column_types, is_list


@dataclass(frozen=True)
class Cost:
    """Of one column in one row group, in bytes: its values once decoded, and the pages held while reading it."""

    decoded: int
    pages: int


BATCH_BYTES = (
    3 << 20
)  # large enough that Python's share is small, small enough for a core's cache and for several copies
_READ_ROWS = 1024  # at most, in one read: bounds the damage where the estimate of a row's size is wrong
_BATCH_ROWS = 1 << 16


class Reader:
    """One parquet file, open for reading. Use as a context manager; raises what Arrow raises (see errors.readable).

    `unique` says whether no two fields of a struct, or columns, have the same name: only then is reading a part of the
    columns, and finding them by name, possible.
    """

    def __init__(self, path: Path):
        self._bytes = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        try:
            # buffered: else Arrow reads a column's whole chunk at once
            self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)
        except BaseException:
            self._bytes.close()
            raise
        self.metadata: pq.FileMetaData = self._file.metadata
        self.schema: pa.Schema = self._file.schema_arrow
        self.unique = _unique(self.schema)
        self._leaves = _leaves(self.schema)
        self._known: dict[Place, list[Cost]] = {}

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()
        self._bytes.close()

    def missing_structs(self) -> set[Place]:
        """Which structs are null in some row: by the statistics where they tell, else by reading a small field."""
        units = list(self._leaves)
        structs = sorted({unit[:depth] for unit in units for depth in range(1, len(unit))})
        missing = set()
        for place in structs:
            inside = [unit for unit in units if unit[: len(place)] == place]
            if any(self._never_null(unit) for unit in inside):
                continue
            smallest = min(inside, key=lambda unit: sum(cost.decoded for cost in self._costs(unit)))
            path = self._names(place) if self.unique else place
            if any(Fields(batch)[path].null_count for batch in self._read([smallest])):
                missing.add(place)
        return missing

    def batches(self, places: Iterable[Place], page_bytes: int, folder: Path) -> Iterator[pa.RecordBatch]:
        """All rows in order, in batches of about BATCH_BYTES, holding at least the fields at `places`.

        Where the pages to be held at once exceed `page_bytes`, the largest fields are first copied, one by one, to a
        nameless file in `folder`.
        """
        wanted = set(places)
        units = [unit for unit in self._leaves if any(unit[: len(place)] == place for place in wanted)]
        pages = {unit: max((cost.pages for cost in self._costs(unit)), default=0) for unit in units}
        together, *alone = spool.parts(pages, page_bytes) if self.unique else [units]
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(spool.spooled(self._read(part), folder)) for part in alone]
            yield from sized(spool.merged(self.schema, [self._read(together), *streams]))

    def _read(self, units: list[Place]) -> Iterator[pa.RecordBatch]:
        """Batches of these fields, as few rows at a time as their size asks for."""
        everything = not self.unique or len(units) == len(self._leaves)
        paths = None if everything else [".".join(self._names(unit)) for unit in units]
        sizes = [self._read_rows(group, units) for group in range(self.metadata.num_row_groups)]
        for rows, run in itertools.groupby(range(len(sizes)), sizes.__getitem__):
            yield from self._file.iter_batches(rows, row_groups=list(run), columns=paths, use_threads=False)

    def _read_rows(self, group: int, units: list[Place]) -> int:
        """How many rows of a row group to decode at once: a power of two, so that like groups are read in one go."""
        decoded = sum(self._costs(unit)[group].decoded for unit in units)
        rows = BATCH_BYTES * self.metadata.row_group(group).num_rows // max(decoded, 1)
        return min(_READ_ROWS, 1 << max(rows, 1).bit_length() - 1)

    def _costs(self, unit: Place) -> list[Cost]:
        """What reading a field takes, for every row group."""
        if unit not in self._known:
            groups = (self.metadata.row_group(group) for group in range(self.metadata.num_row_groups))
            self._known[unit] = [
                total(cost(self._bytes, group.column(leaf)) for leaf in self._leaves[unit]) for group in groups
            ]
        return self._known[unit]

    def _never_null(self, unit: Place) -> bool:
        """Whether the statistics say that some leaf below has a value in every row: so has all around it."""
        groups = [self.metadata.row_group(group) for group in range(self.metadata.num_row_groups)]
        return any(all(_no_nulls(group.column(leaf)) for group in groups) for leaf in self._leaves[unit])

    def _names(self, place: Place) -> tuple[str, ...]:
        names, kind = [], pa.struct(self.schema)
        for index in place:
            names.append(kind.field(index).name)
            kind = kind.field(index).type
        return tuple(names)


def sized(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of about BATCH_BYTES: small ones put together, large ones cut."""
    waiting: list[pa.RecordBatch] = []
    size = rows = 0
    for batch in batches:
        waiting.append(batch)
        size, rows = size + batch.nbytes, rows + batch.num_rows
        if size >= BATCH_BYTES or rows >= _BATCH_ROWS:
            yield from _cut(waiting, size)
            waiting, size, rows = [], 0, 0
    if waiting:
        yield from _cut(waiting, size)


def _cut(waiting: list[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    whole = waiting[0] if len(waiting) == 1 else pa.concat_batches(waiting)
    step = max(1, whole.num_rows // max(1, size // BATCH_BYTES))
    for start in range(0, whole.num_rows, step):
        yield whole.slice(start, step)


def _leaves(schema: pa.Schema) -> dict[Place, range]:
    """For every field that becomes a column of its own, the parquet columns that it is stored in."""
    leaves, start = {}, 0
    for place, kind in column_types(schema):
        leaves[place] = range(start, start := start + leaf_count(kind))
    return leaves


def leaf_count(kind: pa.DataType) -> int:
    """How many parquet columns hold a type."""
    if isinstance(kind, pa.BaseExtensionType):
        return leaf_count(kind.storage_type)
    if t.is_struct(kind):
        return sum(leaf_count(field.type) for field in kind)
    if t.is_map(kind):
        return leaf_count(kind.key_type) + leaf_count(kind.item_type)
    return leaf_count(kind.value_type) if is_list(kind) else 1


def _no_nulls(chunk: pq.ColumnChunkMetaData) -> bool:
    return chunk.is_stats_set and chunk.statistics.has_null_count and chunk.statistics.null_count == 0


def _unique(fields: pa.Schema | pa.StructType) -> bool:
    names = [field.name for field in fields]
    return len(set(names)) == len(names) and all(_unique(field.type) for field in fields if t.is_struct(field.type))


_HEADER_BYTES = 64  # the fields read here come first; statistics follow them
_SMALL = 1 << 20


def total(costs: Iterable[Cost]) -> Cost:
    """The cost of reading several columns side by side."""
    costs = list(costs)
    return Cost(sum(cost.decoded for cost in costs), sum(cost.pages for cost in costs))


def cost(file: BinaryIO, chunk: pq.ColumnChunkMetaData) -> Cost:
    """Estimate what reading a column chunk takes."""
    stored = chunk.total_uncompressed_size
    if chunk.physical_type != "BYTE_ARRAY":
        page = stored if stored < _SMALL else _header(file, chunk.data_page_offset)[0]
        return Cost(decoded=chunk.num_values * 8, pages=min(page, stored))
    # a value may be repeated from the dictionary, so the stored size says little about the decoded one
    if not chunk.has_dictionary_page or stored * chunk.num_values < _SMALL:
        page = stored if stored < _SMALL else _header(file, chunk.data_page_offset)[0]
        return Cost(decoded=stored, pages=min(page, stored))
    size, entries = _header(file, chunk.dictionary_page_offset)
    decoded = max(stored, size * chunk.num_values // max(entries, 1))
    # pages after a dictionary that overflowed hold as many plain values as it did
    return Cost(decoded=decoded, pages=min(2 * size, size + stored))


def _header(file: BinaryIO, offset: int) -> tuple[int, int]:
    """Uncompressed bytes and number of values (0 where not told) of the page at `offset`.

    Thrift's compact protocol: a field is a byte (step of the field's number << 4 | type); integers are zigzag varints.
    """
    file.seek(offset)
    data = file.read(_HEADER_BYTES)
    at, number, size, values = 0, 0, 0, 0
    while at < len(data):
        step, kind = data[at] >> 4, data[at] & 15
        number += step
        at += 1
        if kind == 12 and number in (
            5,
            7,
            8,
        ):  # the data or dictionary page's own header: its first field counts values
            return size, _varint(data, at + 1)[0]
        if kind != 5 or not step:  # not a 32-bit integer: a header this does not know
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
