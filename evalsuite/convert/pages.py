"""How much memory reading a parquet column takes, from its metadata and the headers of its first pages.

A page is decompressed as a whole, and a column's dictionary stays in memory; Arrow's writer puts at least 1,024 rows
into either, so 100 kB answers make 100 MB pages. The footer does not tell: the page headers do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow.parquet as pq

_HEADER_BYTES = 64  # the fields read here come first; statistics follow them
_SMALL = 1 << 20


@dataclass(frozen=True)
class Cost:
    """Of one column in one row group, in bytes: its values once decoded, and the pages held while reading it."""

    decoded: int
    pages: int


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
