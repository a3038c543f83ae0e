"""Reads parquet columns as Python lists: only the fields asked for, batch by batch, nested or written as strings.

Older releases of lighteval cast every value of a column to a string if the column's types differ; the strings of such
columns are parsed, row by row.
"""

import ast
import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalsuite.collect.validation import Unreadable, number, reason, stamp

BATCH_ROWS = 512  # with long reasoning, about 50 MB of token ids
MAX_LITERAL = 8 << 20  # characters of a string that is parsed
ARROW_ERRORS = (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, MemoryError, NotImplementedError,
                pa.ArrowException)  # fmt: skip
_IDS = re.compile(r"[\[\](), \n\d-]*")


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Turn whatever Arrow raises for a damaged file, on opening it or later, into Unreadable."""
    try:
        yield
    except ARROW_ERRORS as error:
        raise Unreadable(f"not readable as parquet: {reason(error)}") from error


class DetailsFile:
    """An open parquet file. Raises Unreadable, with the reason, wherever its contents are not as they should be."""

    def __init__(self, path: str) -> None:
        size, _ = stamp(path)
        if size == 0:
            raise Unreadable("empty file")
        with _readable():
            self.file = pq.ParquetFile(openable(path), memory_map=False, pre_buffer=False)
            self.schema = self.file.schema_arrow
            self.rows = self.file.metadata.num_rows

    def has(self, path: str) -> bool:
        """Whether the file has a field at this dotted path, or a string column that may contain it."""
        return self._find(path)[0]

    def has_typed(self, path: str) -> bool:
        """Whether the file has a field of its own at this dotted path, not only a string that may contain it."""
        return self._find(path) == (True, True)

    def _find(self, path: str) -> tuple[bool, bool]:
        name, *rest = path.split(".")
        if len(self.schema.get_all_field_indices(name)) != 1:
            return False, False
        kind = self.schema.field(name).type
        for part in rest:
            if is_text(kind):
                return True, False
            if not pa.types.is_struct(kind) or kind.get_field_index(part) < 0:
                return False, False
            kind = kind.field(part).type
        return (not pa.types.is_null(kind),) * 2

    def batches(self, paths: list[str]) -> Iterator["Batch"]:
        """Yield the rows in order, reading only the fields at `paths`."""
        wanted = [self._stored_path(path) for path in paths]
        found = 0
        with _readable():
            for batch in self.file.iter_batches(batch_size=BATCH_ROWS, columns=wanted, use_threads=False):
                found += batch.num_rows
                yield Batch(batch)
        if found != self.rows:
            raise Unreadable(f"damaged: {found} rows instead of {self.rows}")

    def _stored_path(self, path: str) -> str:
        """The part of a dotted path that the file has as fields: fields inside a string cannot be selected."""
        name, *rest = path.split(".")
        found, kind = [name], self.schema.field(name).type
        for part in rest:
            if not pa.types.is_struct(kind):
                break
            found, kind = [*found, part], kind.field(part).type
        return ".".join(found)

    def close(self) -> None:
        self.file.close()


class Batch:
    """Some rows of a details file."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.rows = batch.num_rows
        self._parsed: dict[str, list] = {}

    def only(self, rows: list[int]) -> "Batch":
        """Select rows by their indices within the batch."""
        return Batch(self.batch.take(pa.array(rows, pa.int64())))

    def values(self, path: str) -> list:
        """The Python value at a dotted path in each row, None where there is none. (rows,)"""
        array, keys, array_path = self._array_at(path)
        if not keys:
            return _to_python(array)
        if array_path not in self._parsed:
            self._parsed[array_path] = [parse_literal(value) for value in _to_python(array)]
        return [_lookup(value, keys) for value in self._parsed[array_path]]

    def nested(self, path: str) -> list:
        """Like `values`, for lists and structs: those written as strings are parsed. (rows,)"""
        return [parse_literal(value) if isinstance(value, str) else value for value in self.values(path)]

    def token_counts(self, path: str) -> list[tuple[int, int, int] | None]:
        """Count lists of token ids: (tokens, completions, tokens of the longest) per row, None if unknown. (rows,)

        A row without any token counts as unknown, because some backends of lighteval write empty lists.
        """
        array, keys, _ = self._array_at(path)
        if keys or is_text(array.type):
            return [_count_in_text(value) for value in self.values(path)]
        return _count_in_lists(array)

    @_readable()
    def _array_at(self, path: str) -> tuple[pa.Array, list[str], str]:
        """Return the array at a path, or the string array that contains it and the keys still to look up in there.

        Also returns the array's own path.
        """
        name, *rest = path.split(".")
        array = self.batch.column(name)
        for at, part in enumerate(rest):
            if is_text(array.type):
                return array, rest[at:], ".".join([name, *rest[:at]])
            array = pc.struct_field(array, [part])
        return array, [], path


def openable(path: str) -> str | BinaryIO:
    """Return the path, or an open file if the path is not valid Unicode, which Arrow does not accept."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return open(path, "rb")
    return path


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def parse_literal(value: Any) -> Any:
    """Parse a string as JSON or as a Python literal; None if it is neither.

    >>> parse_literal("{'extractive_match': 1.0}"), parse_literal("tensor([1])")
    ({'extractive_match': 1.0}, None)
    """
    if not isinstance(value, str) or len(value) > MAX_LITERAL:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def as_score(value: Any) -> float | None:
    """Convert a score to float: True is 1.0; NaN and anything that is not a number is None.

    >>> as_score(True), as_score("0.5"), as_score(float("nan"))
    (1.0, 0.5, None)
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    found = number(int(value) if isinstance(value, bool) else value)
    return None if found is None else float(found)


def strings(value: Any) -> list[str]:
    """All strings in a value, with nested lists flattened.

    >>> strings([["a"], "b", None])
    ['a', 'b']
    """
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return [found for item in value for found in strings(item)]
    return []


@_readable()
def _to_python(array: pa.Array) -> list:
    return array.to_pylist()


def _lookup(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _count_in_text(value: Any) -> tuple[int, int, int] | None:
    if isinstance(value, list | tuple):
        value = str(value)
    if not isinstance(value, str) or not _IDS.fullmatch(value):  # e.g. the repr of a tensor or an abbreviated array
        return None
    runs = [len(re.findall(r"\d+", run)) for run in re.findall(r"[\[(]([^\[\]()]*)[\])]", value)]
    return (sum(runs), len(runs), max(runs)) if sum(runs) else None


@_readable()
def _count_in_lists(array: pa.Array) -> list[tuple[int, int, int] | None]:
    if not is_list(array.type):
        return [None] * len(array)
    bounds = np.arange(len(array) + 1)
    while is_list(array.type.value_type):
        bounds = np.asarray(array.offsets)[bounds]
        array = array.values
    lengths = np.asarray(pc.fill_null(pc.list_value_length(array), 0))
    pairs = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    rows = [lengths[first:last] for first, last in pairs]
    return [(int(row.sum()), len(row), int(row.max())) if row.any() else None for row in rows]
