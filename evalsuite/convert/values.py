"""A column of a batch as the text of its CSV cells; nested values as JSON.

Everything is a whole-array kernel of Arrow, so no Python runs per value and two threads use two cores. JSON is written
with its quotes already doubled (`""`), as it will stand between the quotes of a CSV cell.
"""

import base64
import functools
import uuid
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

# Cells are passed on as parts: arrays and constants that make up the text when put one after another. The row is the
# one place where long text has to be copied together.
Parts = list[pa.Array | str]

QUOTE = '""'  # a quotation mark inside a quoted CSV cell
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_ESCAPES = {chr(code): _SHORT.get(chr(code), f"\\u{code:04x}") for code in range(32)}
# What a spreadsheet takes for the start of a formula, after any blanks; full-width forms count in East Asian locales.
# A leading apostrophe is doubled so that the one added here can be taken away again.
_FORMULA = r"^[\x00-\x20]*[=+\-@＝＋－＠]|^['\t\r\n]"


def row_text(cells: list[Parts]) -> pa.Array:
    """Rows of CSV, each ending in CRLF, of the cells that `cell_parts` made of every column.

    >>> columns = [pa.array(["one", "", None]), pa.array([[1, None], None, []])]
    >>> row_text([cell_parts(column) for column in columns]).to_pylist()
    ['"one","[1,null]"\\r\\n', '"",\\r\\n', ',"[]"\\r\\n']
    """
    parts = []
    for cell in cells:
        parts += [*cell, ","]
    parts[-1] = "\r\n"
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")


def cell_parts(array: pa.Array, excel_safe: bool = False) -> Parts:
    """Cells of one column: strings and JSON in quotes, numbers and times bare; null is null, which rows leave empty."""
    array = unwrap(array)
    if t.is_nested(array.type):
        parts = json_parts(array)
    else:
        text = scalar_text(array)
        if excel_safe and not (t.is_integer(array.type) or t.is_decimal(array.type)):
            text = _disarmed(text, numbers=t.is_floating(array.type))
        if not (t.is_string(array.type) or is_bytes(array.type)):
            return [text]
        parts = [_replaced(text, '"', QUOTE) if 34 in _specials(text) else text]
    parts = ['"', *parts, '"']
    return [pc.if_else(array.is_valid(), _joined(parts), None)] if array.null_count else parts


def json_parts(array: pa.Array) -> Parts:
    """JSON of every value, null included ("null"), with doubled quotation marks. Never null itself.

    Structs are objects with every field; maps are arrays of [key, value], which keeps order, repeated keys and keys
    that are not strings; NaN and the infinities stand as Python's json writes them.

    >>> print(_joined(json_parts(pa.array([{"a": "x", "b": None}])))[0])
    {""a"":""x"",""b"":null}
    """
    array = unwrap(array)
    if t.is_struct(array.type):
        parts = _object(array)
    elif t.is_nested(array.type):
        parts = _list(array)
    elif is_quoted(array.type):
        text = scalar_text(array)
        parts = [QUOTE, _escaped(text) if t.is_string(array.type) else text, QUOTE]
    else:
        parts = [scalar_text(array)]
    if not array.null_count:
        return parts
    return [pc.if_else(array.is_valid(), _joined(parts), "null")]


def _object(array: pa.StructArray) -> Parts:
    parts: Parts = []
    for field, values in zip(array.type, array.flatten(), strict=True):
        key = _escaped(pa.array([field.name]))[0].as_py()
        parts += [f"{',' if parts else '{'}{QUOTE}{key}{QUOTE}:", *json_parts(values)]
    return [*parts, "}"] if parts else [pa.repeat("{}", len(array))]


def _list(array: pa.Array) -> Parts:
    is_map = t.is_map(array.type)
    if is_map:  # the kernels know only lists
        array = array.cast(pa.list_(pa.struct([array.type.key_field, array.type.item_field])))
    values = array.flatten()
    starts = offsets(array)
    if t.is_integer(values.type) and (text := joined_integers(values, starts.to_numpy())) is not None:
        return ["[", text, "]"]
    texts = _joined(_pair(values) if is_map else json_parts(values))
    return ["[", pc.binary_join(pa.ListArray.from_arrays(starts, texts), ","), "]"]


def _pair(entries: pa.StructArray) -> Parts:
    keys, values = entries.flatten()
    return ["[", *json_parts(keys), ",", *json_parts(values), "]"]


def _joined(parts: Parts) -> pa.Array:
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "")


def offsets(array: pa.Array) -> pa.Array:
    """Where each list starts in `array.flatten()`: int32 (lists + 1,), whatever the kind of list, slice or nulls."""
    if t.is_list(array.type) and not array.null_count:
        starts = array.offsets
        return starts if not (first := starts[0].as_py()) else pc.subtract(starts, first)
    lengths = pc.list_value_length(array).fill_null(0).to_numpy()
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _escaped(text: pa.Array) -> pa.Array:
    """Strings with what JSON forbids inside a string escaped; only the characters that occur cost a pass."""
    present = _specials(text)
    if 92 in present:  # first, so that the backslashes of the other escapes stay single
        text = _replaced(text, "\\", "\\\\")
    if 34 in present:
        text = _replaced(text, '"', "\\" + QUOTE)
    for code in present - {34, 92}:
        text = _replaced(text, chr(code), _ESCAPES[chr(code)])
    return text


def _specials(text: pa.StringArray) -> set[int]:
    """Which control characters, quotation marks and backslashes occur anywhere in the strings."""
    if not len(text):
        return set()
    ends = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    if ends[0] == ends[-1]:
        return set()
    data = np.frombuffer(text.buffers()[2], np.uint8)[ends[0] : ends[-1]]
    found = {code for code in (34, 92) if (data == code).any()}
    rest = np.count_nonzero(data < 32)
    for code in (10, 9, 13):  # nearly always the only ones; counting them is faster than listing what occurs
        if rest and (count := np.count_nonzero(data == code)):
            found.add(code)
            rest -= count
    return found.union(np.unique(data[data < 32]).tolist()) if rest else found


def _replaced(text: pa.Array, old: str, new: str) -> pa.Array:
    return pc.replace_substring(text, old, new)


def _disarmed(text: pa.Array, numbers: bool) -> pa.Array:
    """Cells that would start a formula with an apostrophe before them; of numbers only -Infinity would."""
    risky = pc.equal(text, "-Infinity") if numbers else pc.match_substring_regex(text, _FORMULA)
    return pc.if_else(risky, _joined(["'", text]), text) if pc.any(risky).as_py() else text


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
