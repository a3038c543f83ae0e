"""Text of values that are not nested: numbers, times, bytes. Functions map an array to a string array, null to null."""

import base64
import functools
import uuid
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

_TABLE_SIZE = 1 << 18  # token ids of every vocabulary in use are below this
_TABLE_WORTH = 20_000  # integers from which looking the digits up beats printing them, table-making included


def unwrap(array: pa.Array) -> pa.Array:
    """The array without what only changes how it is stored: extension types, dictionaries, views, 64-bit offsets.

    >>> unwrap(pa.array(["a", None, "a"]).dictionary_encode()).to_pylist()
    ['a', None, 'a']
    """
    if isinstance(array.type, pa.UuidType):
        return pa.array(
            [None if v is None else str(uuid.UUID(bytes=v)) for v in array.storage.to_pylist()], pa.string()
        )
    if isinstance(array.type, pa.BaseExtensionType):
        return unwrap(array.storage)
    if t.is_dictionary(array.type):
        return unwrap(array.dictionary_decode())
    if t.is_large_string(array.type) or t.is_string_view(array.type):
        return array.cast(pa.string())
    if t.is_list_view(array.type) or t.is_large_list_view(array.type):
        return array.cast(pa.list_(array.type.value_field))
    return array


def is_quoted(kind: pa.DataType) -> bool:
    """Whether JSON writes values of this (unwrapped) type as strings."""
    return not (t.is_null(kind) or t.is_boolean(kind) or t.is_integer(kind) or t.is_floating(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Whether values are bytes, written as base64, in quotes in the CSV too: no bytes are not null."""
    return t.is_binary(kind) or t.is_large_binary(kind) or t.is_fixed_size_binary(kind) or t.is_binary_view(kind)


def scalar_text(array: pa.Array) -> pa.Array:
    """Text of an unwrapped array that is not nested.

    Numbers read back exactly; timestamps are ISO 8601, in UTC with a Z where the column has a time zone; durations are
    counts of the column's unit; bytes are base64. Raises pa.ArrowInvalid for a type that is nested.
    """
    kind = array.type
    if t.is_string(kind):
        return array
    if t.is_floating(kind):
        return _float_text(array)
    if t.is_integer(kind):
        return _integer_text(array)
    if is_bytes(kind):
        return _per_value(array, lambda value: base64.b64encode(value).decode())
    if t.is_timestamp(kind) and kind.tz is not None:
        return pc.binary_join_element_wise(array.cast(pa.timestamp(kind.unit)).cast(pa.string()), "Z", "")
    return array.cast(pa.string())


def joined_integers(values: pa.Array, starts: np.ndarray) -> pa.Array | None:
    """Lists of integers as "1,2,3", without a step per integer for the commas; None where this does not pay or apply.

    `values` (integers,) without nulls; `starts` (lists + 1,) says where each list begins.
    """
    if values.null_count or not _in_table(values):
        return None
    text = _digits(",").take(values)
    ends = np.frombuffer(text.buffers()[1], np.int32)[text.offset + starts]
    bounds = np.repeat(ends, 2)[:-1]  # each list, then its last comma, which is left out
    bounds[1::2] = np.maximum(ends[1:] - 1, ends[:-1])
    pieces = pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), text.buffers()[2])
    return pieces.take(pa.array(np.arange(0, len(pieces), 2)))


def _integer_text(array: pa.Array) -> pa.Array:
    return _digits("").take(array) if _in_table(array) else array.cast(pa.string())


def _in_table(array: pa.Array) -> bool:
    """Whether looking the digits up is possible, and worth making the table."""
    if len(array) < _TABLE_WORTH:
        return False
    span = pc.min_max(array)
    return span["min"].is_valid and span["min"].as_py() >= 0 and span["max"].as_py() < _TABLE_SIZE


@functools.cache
def _digits(after: str) -> pa.Array:
    return pc.binary_join_element_wise(pa.array(np.arange(_TABLE_SIZE)).cast(pa.string()), after, "")


def _float_text(array: pa.Array) -> pa.Array:
    """Shortest digits that read back to the same double; whole numbers keep `.0`, so JSON readers see a float."""
    array = array.cast(pa.float64())
    text = array.cast(pa.string())
    # Arrow prints whole numbers as digits only, and some as 1e+10, which need no point.
    whole = pc.match_substring_regex(text, r"^-?\d+$")
    if pc.any(whole).as_py():
        text = pc.if_else(whole, pc.binary_join_element_wise(text, ".0", ""), text)
    if pc.all(pc.is_finite(array)).as_py() in (True, None):
        return text
    text = pc.if_else(pc.is_nan(array), "NaN", text)
    text = pc.if_else(pc.equal(array, float("inf")), "Infinity", text)
    return pc.if_else(pc.equal(array, float("-inf")), "-Infinity", text)


def _per_value(array: pa.Array, render: Callable[[bytes], str]) -> pa.Array:
    return pa.array([None if value is None else render(value) for value in array.to_pylist()], pa.string())
