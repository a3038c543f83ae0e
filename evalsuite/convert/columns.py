"""Maps a parquet schema to CSV columns.

Every field of a struct becomes a column of its own (`doc.query`), at any depth; lists and maps become one cell of JSON.
Token ids are replaced by their number unless they are asked for. A struct that is null in some row also gets a column
of its own, which holds `{}` where the struct is not null: this distinguishes a null struct from one whose fields are
all null.
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

FieldPath = tuple[int, ...]  # a field's index in the schema, then in each enclosing struct from the outside in
_LISTS = (pa.ListType, pa.LargeListType, pa.FixedSizeListType, pa.ListViewType, pa.LargeListViewType)
_TOKEN_NAMES = ("tokens", "token_ids")


class BadFile(Exception):
    """A file that cannot be converted; the message is the reason in one line, without the file's name."""


@dataclass(frozen=True)
class Column:
    """One CSV column: its name, the field it is made from, and what it shows of that field.

    `names` and `path` both locate the field, from the schema inwards: by the names and by the indices on the way.
    """

    name: str
    names: tuple[str, ...]
    path: FieldPath
    shows: Literal["value", "count", "presence"] = "value"

    def cells(self, fields: "Fields", excel_safe: bool, by_name: bool) -> Parts:
        """The column's cells. Set `by_name` if the batch holds only some of the schema's fields."""
        array = fields[self.names if by_name else self.path]
        if self.shows == "count":
            array = token_counts(unwrap(array))
        if self.shows == "presence":
            return [pc.if_else(array.is_valid(), '"{}"', None)]
        return cell_parts(array, excel_safe)


def csv_columns(schema: pa.Schema, wanted: tuple[str, ...], nullable: set[FieldPath] = frozenset()) -> list[Column]:
    """Return the CSV's columns, in order. `nullable` holds the paths of structs that are null in some row.

    `wanted` is empty for the default, ("all",) to keep token ids, ("stored",) for the parquet file's own columns with
    structs as JSON, otherwise names of columns or structs. Raises BadFile for a name that the file does not have.
    """
    if wanted == ("stored",):
        return [Column(field.name, (field.name,), (index,)) for index, field in enumerate(schema)]
    everything = list(_flatten(schema, nullable))
    if wanted == ("all",):
        return everything
    taken = {column.name for column in everything}
    default = [_count_tokens(schema, column, taken) for column in everything]
    if not wanted:
        return default
    selected = [column for name in wanted for column in _select(name, default, everything)]
    return list(dict.fromkeys(selected))


def column_types(schema: pa.Schema) -> list[tuple[FieldPath, pa.DataType]]:
    """Return path and type of each field that becomes a column of its own, with structs flattened."""
    return [(column.path, _type_at(schema, column.path)) for column in _flatten(schema, frozenset())]


class Fields:
    """A batch's fields, looked up by their path or their names; null where an enclosing struct is null."""

    def __init__(self, batch: pa.RecordBatch):
        self._batch = batch
        self._children: dict[tuple, list[pa.Array]] = {}  # of each struct, so that it is flattened only once

    def __getitem__(self, path: tuple[int, ...] | tuple[str, ...]) -> pa.Array:
        *outer, last = path
        if not outer:
            return self._batch.column(last)
        struct = self[tuple(outer)]
        if (children := self._children.get(tuple(outer))) is None:
            children = self._children[tuple(outer)] = struct.flatten()
        return children[last if isinstance(last, int) else struct.type.get_field_index(last)]


def token_counts(array: pa.Array) -> pa.Array:
    """Count the ids in each (possibly nested) list of token ids; null stays null. (rows,) -> (rows,)

    >>> token_counts(pa.array([[[1, 2], [3]], [], None])).to_pylist()
    [3, 0, None]
    """
    values = unwrap(array.flatten())
    if not t.is_nested(values.type):
        return pc.list_value_length(array)
    sums = np.concatenate([[0], np.cumsum(token_counts(values).fill_null(0).to_numpy())])
    counts = np.diff(sums[offsets(array).to_numpy()])
    return pa.array(counts, pa.int64(), mask=array.is_null().to_numpy(zero_copy_only=False))


def _flatten(fields: pa.Schema | pa.StructType, nullable: set[FieldPath], names=(), path=()) -> Iterator[Column]:
    for index, field in enumerate(fields):
        inner_names, inner_path = (*names, field.name), (*path, index)
        if not t.is_struct(field.type) or not field.type.num_fields:
            yield Column(".".join(inner_names), inner_names, inner_path)
            continue
        if inner_path in nullable:
            yield Column(".".join(inner_names), inner_names, inner_path, "presence")
        yield from _flatten(field.type, nullable, inner_names, inner_path)


def _count_tokens(schema: pa.Schema, column: Column, taken: set[str]) -> Column:
    """Replace a column of token ids by one of their counts; any other column is returned unchanged."""
    name = f"{column.name}_count"
    if name in taken or not column.names[-1].endswith(_TOKEN_NAMES) or not _holds_ids(_type_at(schema, column.path)):
        return column
    return Column(name, column.names, column.path, "count")


def _holds_ids(kind: pa.DataType) -> bool:
    """Whether the type is a list of integers, at any nesting depth."""
    depth = 0
    while is_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth > 0 and t.is_integer(kind)


def is_list(kind: pa.DataType) -> bool:
    """Whether the type is a list of any kind; a map is not."""
    return isinstance(kind, _LISTS)


def _type_at(schema: pa.Schema, path: FieldPath) -> pa.DataType:
    kind = schema.field(path[0]).type
    for index in path[1:]:
        kind = kind.field(index).type
    return kind


def _select(name: str, default: list[Column], everything: list[Column]) -> list[Column]:
    """Return the columns that a name given by the user refers to.

    That is a column, all columns of a struct (token ids as counts), or a column of token ids given by its full name.
    """
    found = [column for column in default if column.name == name or column.name.startswith(name + ".")]
    found = found or [column for column in everything if column.name == name]
    if not found:
        names = list(dict.fromkeys(column.name for column in [*default, *everything]))
        near = difflib.get_close_matches(name, names, 5, 0.5) or names[:12]
        more = ", ..." if len(near) < len(names) else ""
        raise BadFile(f"no column {name}; the file has {', '.join(near)}{more}")
    return found


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Turn whatever Arrow raises for a broken file into BadFile.

    Use it only around reading: the same exceptions have another cause when they come from writing.
    """
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
