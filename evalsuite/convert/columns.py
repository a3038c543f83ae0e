"""Which columns a CSV gets from a parquet schema: structs are opened into dotted columns, token ids become counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalsuite.convert.cells import offsets
from evalsuite.convert.scalars import unwrap
from evalsuite.errors import UserError

TOKEN_IDS = frozenset({"input_tokens", "output_tokens", "cont_tokens", "token_ids"})


@dataclass(frozen=True)
class Column:
    """A CSV column: the path into the schema, and whether token ids stand as their count."""

    path: tuple[str, ...]
    counted: bool = False

    @property
    def name(self) -> str:
        return ".".join(self.path)


def columns_of(schema: pa.Schema, wanted: Sequence[str] | None, everything: bool = False) -> list[Column]:
    """All columns, or those named (`doc.query`; `metric` stands for all below it).

    Raises UserError for a name that the schema lacks.
    """
    found = [column for field in schema for column in _leaves((field.name,), field.type, everything)]
    twice = [one.name for one in found if found.count(one) > 1]
    if twice:
        raise UserError(f"two columns are named {twice[0]!r}; a CSV could not tell them apart")
    if wanted is None:
        return found
    chosen: list[Column] = []
    for name in wanted:
        below = [one for one in found if one.name == name or one.name.startswith(name + ".")]
        if not below:
            raise UserError(f"no column {name!r}; there are {', '.join(one.name for one in found)}")
        chosen += [one for one in below if one not in chosen]
    return chosen


def _leaves(path: tuple[str, ...], kind: pa.DataType, everything: bool) -> list[Column]:
    if pa.types.is_struct(kind) and kind.num_fields:
        return [leaf for field in kind for leaf in _leaves((*path, field.name), field.type, everything)]
    return [Column(path, counted=not everything and path[-1] in TOKEN_IDS and _holds_tokens(kind))]


def extract(batch: pa.RecordBatch, column: Column) -> pa.Array:
    """A column's values; below a null struct they are null."""
    array = batch.column(batch.schema.get_field_index(column.path[0]))
    for name in column.path[1:]:
        index = array.type.get_field_index(name)
        array = array.flatten()[index]  # flatten, unlike field, carries the struct's nulls down
    return count(array) if column.counted else array


def count(array: pa.Array) -> pa.Array:
    """How many token ids each element holds: of `[1, 2]` two, of one answer's `[[1, 2, 3]]` three."""
    array = unwrap(array)
    if not _is_list(array.type.value_type):
        return pc.list_value_length(array)
    inner = count(array.flatten()).fill_null(0).to_numpy(zero_copy_only=False)
    ends = offsets(array).to_numpy()
    before = np.concatenate([[0], np.cumsum(inner, dtype=np.int64)])
    return pc.if_else(array.is_valid(), pa.array(before[ends[1:]] - before[ends[:-1]]), None)


def _holds_tokens(kind: pa.DataType) -> bool:
    """Whether it is a list of integers, or of lists of them; lists that are all empty have no type of their own."""
    if not _is_list(kind):
        return False
    while _is_list(kind):
        kind = kind.value_type
    return pa.types.is_integer(kind) or pa.types.is_null(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
