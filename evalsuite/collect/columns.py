"""Parquet columns as Python lists: only the leaves asked for, batch by batch, nested or written as strings.

Older lighteval casts every value to a string when a column's types differ; such columns are parsed, row by row.
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

from evalsuite.collect.untrusted import Unreadable, number, reason, stamp

BATCH_ROWS = 512  # of long reasoning, about 50 MB of token ids
MAX_LITERAL = 8 << 20
ARROW_ERRORS = (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, MemoryError, NotImplementedError,
                pa.ArrowException)  # fmt: skip
_IDS = re.compile(r"[\[\](), \n\d-]*")


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Turn what Arrow raises over a damaged file, from opening it to decoding a string, into Unreadable."""
    try:
        yield
    except ARROW_ERRORS as error:
        raise Unreadable(f"not readable as parquet: {reason(error)}") from error


class Details:
    """An open parquet file. Raises Unreadable, with the reason, wherever the file does not hold what it should."""

    def __init__(self, path: str) -> None:
        size, _ = stamp(path)
        if size == 0:
            raise Unreadable("empty file")
        with _readable():
            self.file = pq.ParquetFile(openable(path), memory_map=False, pre_buffer=False)
            self.schema = self.file.schema_arrow
            self.rows = self.file.metadata.num_rows

    def has(self, path: str) -> bool:
        """Whether anything lies, or within a string column may lie, at a dotted path."""
        return self._walk(path)[0]

    def surely_has(self, path: str) -> bool:
        """Whether a typed column lies at a dotted path."""
        return self._walk(path) == (True, True)

    def _walk(self, path: str) -> tuple[bool, bool]:
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
        """The rows in their order, only the leaves under `paths`."""
        wanted = [self._physical(path) for path in paths]
        found = 0
        with _readable():
            for batch in self.file.iter_batches(batch_size=BATCH_ROWS, columns=wanted, use_threads=False):
                found += batch.num_rows
                yield Batch(batch)
        if found != self.rows:
            raise Unreadable(f"damaged: {self.rows} rows promised, {found} found")

    def _physical(self, path: str) -> str:
        """As much of a dotted path as the file has: below a string column there is nothing to select."""
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
        """Some of the rows, by their places in the batch."""
        return Batch(self.batch.take(pa.array(rows, pa.int64())))

    def values(self, path: str) -> list:
        """One Python value a row: what lies at a dotted path, None where nothing does. (rows,)"""
        array, keys, at = self._leaf(path)
        if not keys:
            return _python(array)
        if at not in self._parsed:
            self._parsed[at] = [literal(value) for value in _python(array)]
        return [_walk(value, keys) for value in self._parsed[at]]

    def nested(self, path: str) -> list:
        """Like `values`, for lists and structs: strings are parsed into what they spell. (rows,)"""
        return [literal(value) if isinstance(value, str) else value for value in self.values(path)]

    def token_counts(self, path: str) -> list[tuple[int, int, int] | None]:
        """(tokens, completions, tokens of the longest) a row, from lists of token ids; None where unknown. (rows,)

        A row without a token is unknown: some backends of lighteval write empty lists.
        """
        array, keys, _ = self._leaf(path)
        if keys or is_text(array.type):
            return [_count_text(value) for value in self.values(path)]
        return _count_lists(array)

    @_readable()
    def _leaf(self, path: str) -> tuple[pa.Array, list[str], str]:
        """The array at a path, or the string array above it with the keys that remain; and that array's own path."""
        name, *rest = path.split(".")
        array = self.batch.column(name)
        for at, part in enumerate(rest):
            if is_text(array.type):
                return array, rest[at:], ".".join([name, *rest[:at]])
            array = pc.struct_field(array, [part])
        return array, [], path


def openable(path: str) -> str | BinaryIO:
    """A path as Arrow takes it; an open file where the path is not Unicode, which Arrow cannot take."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return open(path, "rb")
    return path


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def literal(value: Any) -> Any:
    """What a string spells, as JSON or as a Python literal; None if neither.

    >>> literal("{'extractive_match': 1.0}"), literal("tensor([1])")
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


def score(value: Any) -> float | None:
    """A score as a float: True is 1.0; NaN and what is no number are None.

    >>> score(True), score("0.5"), score(float("nan"))
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
    """All strings in a value, nested lists flattened.

    >>> strings([["a"], "b", None])
    ['a', 'b']
    """
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return [found for item in value for found in strings(item)]
    return []


@_readable()
def _python(array: pa.Array) -> list:
    return array.to_pylist()


def _walk(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _count_text(value: Any) -> tuple[int, int, int] | None:
    if isinstance(value, list | tuple):
        value = str(value)
    if not isinstance(value, str) or not _IDS.fullmatch(value):  # a tensor's or an abbreviated array's text
        return None
    runs = [len(re.findall(r"\d+", run)) for run in re.findall(r"[\[(]([^\[\]()]*)[\])]", value)]
    return (sum(runs), len(runs), max(runs)) if sum(runs) else None


@_readable()
def _count_lists(array: pa.Array) -> list[tuple[int, int, int] | None]:
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
