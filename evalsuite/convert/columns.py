"""Which CSV columns a parquet schema becomes.

A struct's fields are columns of their own (`doc.query`), whatever the depth; lists and maps stay one cell of JSON.
Token ids stand as their counts unless asked for. A struct that is null in some row keeps a column of its own name, `{}`
where it is there, so that a missing struct and one of missing fields stay apart.
"""

import contextlib
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

from evalsuite.convert.values import Parts, cell_parts, offsets, unwrap

Place = tuple[int, ...]  # where a field is: its index in the schema, then in the struct, and so on
_LISTS = (pa.ListType, pa.LargeListType, pa.FixedSizeListType, pa.ListViewType, pa.LargeListViewType)
_TOKEN_NAMES = ("tokens", "token_ids")


@dataclass(frozen=True)
class Column:
    """One CSV column: its name, the field it comes from (names and places from the top down), what it shows of it."""

    name: str
    names: tuple[str, ...]
    places: Place
    shows: Literal["value", "count", "presence"] = "value"

    def cells(self, fields: "Fields", excel_safe: bool, by_name: bool) -> Parts:
        """The column's cells; `by_name` where the batch holds only some of the schema's fields."""
        array = fields[self.names if by_name else self.places]
        if self.shows == "count":
            array = token_counts(unwrap(array))
        if self.shows == "presence":
            return [pc.if_else(array.is_valid(), '"{}"', None)]
        return cell_parts(array, excel_safe)


def csv_columns(schema: pa.Schema, wanted: tuple[str, ...], missing: set[Place] = frozenset()) -> list[Column]:
    """The CSV's columns, in order. `missing` holds the places of structs that are null in some row.

    `wanted` is empty for the default, ("all",) to keep token ids, ("stored",) for the parquet's own columns with
    structs as JSON, else names of columns or of structs. Raises BadFile for a name that the file lacks.
    """
    if wanted == ("stored",):
        return [Column(field.name, (field.name,), (place,)) for place, field in enumerate(schema)]
    everything = list(_spread(schema, missing))
    if wanted == ("all",):
        return everything
    taken = {column.name for column in everything}
    shown = [_counted(schema, column, taken) for column in everything]
    if not wanted:
        return shown
    picked = [column for name in wanted for column in _named(name, shown, everything)]
    return list(dict.fromkeys(picked))


def column_types(schema: pa.Schema) -> list[tuple[Place, pa.DataType]]:
    """The fields, down through all structs, that become columns of their own, and their types."""
    return [(column.places, _type_at(schema, column.places)) for column in _spread(schema, frozenset())]


class Fields:
    """The fields of a batch by their places or names from the top; null where a struct around them is null."""

    def __init__(self, batch: pa.RecordBatch):
        self._batch = batch
        self._inner: dict[tuple, list[pa.Array]] = {}  # of each struct, opened once

    def __getitem__(self, path: tuple[int, ...] | tuple[str, ...]) -> pa.Array:
        *outer, last = path
        if not outer:
            return self._batch.column(last)
        struct = self[tuple(outer)]
        if (inner := self._inner.get(tuple(outer))) is None:
            inner = self._inner[tuple(outer)] = struct.flatten()
        return inner[last if isinstance(last, int) else struct.type.get_field_index(last)]


def token_counts(array: pa.Array) -> pa.Array:
    """How many ids each (nested) list of token ids holds, over all its inner lists; null stays null.

    >>> token_counts(pa.array([[[1, 2], [3]], [], None])).to_pylist()
    [3, 0, None]
    """
    values = unwrap(array.flatten())
    if not t.is_nested(values.type):
        return pc.list_value_length(array)
    sums = np.concatenate([[0], np.cumsum(token_counts(values).fill_null(0).to_numpy())])
    counts = np.diff(sums[offsets(array).to_numpy()])
    return pa.array(counts, pa.int64(), mask=array.is_null().to_numpy(zero_copy_only=False))


def _spread(fields: pa.Schema | pa.StructType, missing, names=(), places=()) -> Iterator[Column]:
    for place, field in enumerate(fields):
        path, where = (*names, field.name), (*places, place)
        if not t.is_struct(field.type) or not field.type.num_fields:
            yield Column(".".join(path), path, where)
            continue
        if where in missing:
            yield Column(".".join(path), path, where, "presence")
        yield from _spread(field.type, missing, path, where)


def _counted(schema: pa.Schema, column: Column, taken: set[str]) -> Column:
    name = f"{column.name}_count"
    if name in taken or not column.names[-1].endswith(_TOKEN_NAMES) or not _holds_ids(_type_at(schema, column.places)):
        return column
    return Column(name, column.names, column.places, "count")


def _holds_ids(kind: pa.DataType) -> bool:
    """Lists of integers, or lists of those."""
    depth = 0
    while is_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth > 0 and t.is_integer(kind)


def is_list(kind: pa.DataType) -> bool:
    """Every kind of list; a map is none."""
    return isinstance(kind, _LISTS)


def _type_at(schema: pa.Schema, places: Place) -> pa.DataType:
    kind = schema.field(places[0]).type
    for place in places[1:]:
        kind = kind.field(place).type
    return kind


def _named(name: str, shown: list[Column], everything: list[Column]) -> list[Column]:
    """The columns that a user's name means: a struct's with its counts, a column, or token ids asked for by name."""
    found = [column for column in shown if column.name == name or column.name.startswith(name + ".")]
    found = found or [column for column in everything if column.name == name]
    if not found:
        names = list(dict.fromkeys(column.name for column in [*shown, *everything]))
        near = difflib.get_close_matches(name, names, 5, 0.5) or names[:12]
        raise BadFile(f"no column {name}; it has {', '.join(near)}{', ...' if len(near) < len(names) else ''}")
    return found


class BadFile(Exception):
    """A file that cannot be converted: the reason in one line, without the file's name."""


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Turn whatever Arrow raises over a broken file into BadFile.

    Only for blocks that read: the same exceptions from a block that writes mean something else.
    """
    import pyarrow as pa

    try:
        yield
    except MemoryError as error:
        raise BadFile("not enough memory to read it") from error
    except OSError as error:
        raise BadFile(error.strerror or _one_line(error)) from error
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise BadFile(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
