"""A strict reader of what convert_parquet_to_csv.py writes, sharing no code with it, and what each cell must say.

RFC 4180: cells split by commas, lines ended by CRLF, quotes doubled inside quotes. Nothing between the commas is null.
"""

import base64
import json
import math
import re
import struct
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as t

_CELL = re.compile(rb'("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)')


class Cell(NamedTuple):
    text: str
    quoted: bool


def read(data: bytes) -> list[list[Cell | None]]:
    """Rows of cells, None for null. Raises ValueError where the bytes are not strict CSV of valid UTF-8."""
    rows: list[list[Cell | None]] = []
    row: list[Cell | None] = []
    at = 0
    while at < len(data):
        found = _CELL.match(data, at)
        if found is None:
            raise ValueError(f"not CSV at byte {at}: {data[at : at + 40]!r}")
        row.append(_cell(found[1]))
        at = found.end()
        if found[2] == b"\r\n":
            rows.append(row)
            row = []
    if row or not rows:
        raise ValueError("the last line is not ended")
    return rows


def _cell(raw: bytes) -> Cell | None:
    if not raw:
        return None
    quoted = raw[:1] == b'"'
    return Cell((raw[1:-1].replace(b'""', b'"') if quoted else raw).decode(), quoted)


def assert_same(source: Any, data: bytes, tokens: bool = True) -> None:
    """Every cell of the CSV `data` says exactly what the parquet file `source` holds; token ids may stand as counts."""
    table = pq.read_table(source, partitioning=None)
    header, *rows = read(data)
    leaves = [
        leaf for field, column in zip(table.schema, table.columns, strict=True) for leaf in _leaves(field, column)
    ]
    if not leaves:
        assert header == [None] and len(rows) == table.num_rows
        return
    counted = [not tokens and name.endswith("_tokens") for name, _, _ in leaves]
    names = [name + "_count" * short for (name, _, _), short in zip(leaves, counted, strict=True)]
    assert [cell and cell.text for cell in header] == names
    assert len(rows) == table.num_rows and {len(row) for row in rows} <= {len(leaves)}
    for index, (name, kind, values) in enumerate(leaves):
        for number, value in enumerate(values):
            cell = rows[number][index]
            here, value = (pa.int64(), value and _count(value)) if counted[index] else (kind, value)
            assert _agrees(cell, here, value), (name, number, cell, value)


def _leaves(field: pa.Field, column: Any) -> list[tuple[str, pa.DataType, list]]:
    """Dotted name, type and values of each column below a field; what lies below a null struct is null."""
    values = column.to_pylist() if not _exact_time(field.type) else column.cast(_plain(field.type)).to_pylist()
    return _open(field.name, field.type, values)


def _open(name: str, kind: pa.DataType, values: list) -> list[tuple[str, pa.DataType, list]]:
    """A struct's fields; where it is null in some row it also has a column of its own, `{}` where it is there."""
    if not (t.is_struct(kind) and kind.num_fields):
        return [(name, kind, values)]
    here = [(name, pa.struct([]), [None if value is None else {} for value in values])] if None in values else []
    return here + [
        leaf
        for inner in kind
        for leaf in _open(
            f"{name}.{inner.name}", inner.type, [None if value is None else value[inner.name] for value in values]
        )
    ]


def _exact_time(kind: pa.DataType) -> bool:
    return t.is_temporal(kind) or t.is_duration(kind)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The integers behind times: Python's own types lack nanoseconds."""
    return pa.int64() if kind.bit_width == 64 else pa.int32()


def _count(value: list) -> int:
    return sum(len(one or []) for one in value) if value and isinstance(value[0], (list, type(None))) else len(value)


def _agrees(cell: Cell | None, kind: pa.DataType, value: Any) -> bool:
    if value is None or cell is None:
        return value is None and cell is None
    if t.is_dictionary(kind):
        return _agrees(cell, kind.value_type, value)
    if t.is_nested(kind):
        return cell.quoted and _same(json.loads(cell.text), value)
    if t.is_string(kind) or t.is_large_string(kind) or t.is_string_view(kind):
        return cell.quoted and cell.text == value
    if t.is_binary(kind) or t.is_large_binary(kind) or t.is_fixed_size_binary(kind):
        return base64.b64decode(cell.text, validate=True) == value
    return not cell.quoted and _bare_agrees(cell.text, kind, value)


def _bare_agrees(text: str, kind: pa.DataType, value: Any) -> bool:
    if t.is_boolean(kind):
        return text == ("true" if value else "false")
    if t.is_floating(kind):
        return _same(float(text), value)
    if t.is_integer(kind) or t.is_duration(kind):
        return text == str(value)
    if t.is_decimal(kind):
        return text == f"{value:f}" or text == str(value)
    if t.is_timestamp(kind) and kind.tz is not None:
        assert text.endswith("Z")
        text, kind = text[:-1], pa.timestamp(kind.unit)
    if t.is_time(kind):  # Arrow reads times only as part of a timestamp
        return _agrees(Cell(f"1970-01-01 {text}", False), pa.timestamp(kind.unit), value)
    return pa.array([text]).cast(kind).cast(_plain(kind))[0].as_py() == value


def _same(read: Any, value: Any) -> bool:
    """JSON read back against the value: types too, floats to the bit, bytes as base64, maps as [key, value] pairs."""
    if isinstance(value, float):
        if math.isnan(value):
            return isinstance(read, float) and math.isnan(read)
        return isinstance(read, float) and struct.pack("d", read) == struct.pack("d", value)
    if isinstance(value, dict):
        return isinstance(read, dict) and list(read) == list(value) and all(_same(read[k], value[k]) for k in value)
    if isinstance(value, (list, tuple)):
        return isinstance(read, list) and len(read) == len(value) and all(map(_same, read, value))
    if isinstance(value, bytes):
        return isinstance(read, str) and base64.b64decode(read, validate=True) == value
    if value is None or isinstance(value, (bool, int, str)):
        return type(read) is type(value) and read == value
    return isinstance(read, str) and read == str(value)
