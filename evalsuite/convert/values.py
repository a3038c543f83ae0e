"""Formats a column of a batch as CSV cells; nested values become JSON.

All work is done by Arrow kernels on whole arrays: no Python code runs per value, and threads run in parallel. JSON is
written with its quotation marks already doubled (`""`), as a quoted CSV cell needs them.
"""

import base64
import functools
import uuid
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

# A column's cells are kept as parts: arrays and constants whose concatenation is the text. So long text is copied only
# once, when the rows are put together.
Parts = list[pa.Array | str]

QUOTE = '""'  # a quotation mark inside a quoted CSV cell
_TABLE_SIZE = 1 << 18  # above the largest token id of any vocabulary in use
_TABLE_MIN_LENGTH = 20_000  # integers from which making a table of digits and using it is faster than formatting
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_ESCAPES = {chr(code): _SHORT.get(chr(code), f"\\u{code:04x}") for code in range(32)}
# What spreadsheets take for the start of a formula, after blanks; full-width characters count in East Asian locales.
# A leading apostrophe is matched as well, so that removing the one added here restores the text.
_FORMULA = r"^[\x00-\x20]*[=+\-@＝＋－＠]|^['\t\r\n]"


def row_text(cells: list[Parts]) -> pa.Array:
    """Join the cells of all columns, as made by `cell_parts`, into CSV rows that end in CRLF.

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
    """Format the cells of one column: strings and JSON in quotes, numbers and times without; null stays null."""
    array = unwrap(array)
    if t.is_nested(array.type):
        parts = json_parts(array)
    else:
        text = scalar_text(array)
        if excel_safe and not (t.is_integer(array.type) or t.is_decimal(array.type)):
            text = _without_formulas(text, numbers=t.is_floating(array.type))
        if not (t.is_string(array.type) or is_bytes(array.type)):
            return [text]
        parts = [_replaced(text, '"', QUOTE) if 34 in _specials(text) else text]
    parts = ['"', *parts, '"']
    return [pc.if_else(array.is_valid(), _joined(parts), None)] if array.null_count else parts


def json_parts(array: pa.Array) -> Parts:
    """Format every value as JSON with doubled quotation marks; null becomes the text "null".

    Structs are objects with all fields. Maps are arrays of [key, value], which keeps their order, repeated keys and
    keys that are not strings. NaN and the infinities are written as Python's json writes them.

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
    if is_map:  # the kernels used below accept only lists
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
    """Return where each list starts in `array.flatten()`, as int32 (lists + 1,); works for any list type and slice."""
    if t.is_list(array.type) and not array.null_count:
        starts = array.offsets
        return starts if not (first := starts[0].as_py()) else pc.subtract(starts, first)
    lengths = pc.list_value_length(array).fill_null(0).to_numpy()
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _escaped(text: pa.Array) -> pa.Array:
    """Escape the characters that JSON forbids inside strings, with one pass for each character that occurs."""
    present = _specials(text)
    if 92 in present:  # first, so that the backslashes of the other escapes are not escaped again
        text = _replaced(text, "\\", "\\\\")
    if 34 in present:
        text = _replaced(text, '"', "\\" + QUOTE)
    for code in present - {34, 92}:
        text = _replaced(text, chr(code), _ESCAPES[chr(code)])
    return text


def _specials(text: pa.StringArray) -> set[int]:
    """Return the codes of the control characters, quotation marks and backslashes that occur in the strings."""
    if not len(text):
        return set()
    ends = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    if ends[0] == ends[-1]:
        return set()
    data = np.frombuffer(text.buffers()[2], np.uint8)[ends[0] : ends[-1]]
    found = {code for code in (34, 92) if (data == code).any()}
    rest = np.count_nonzero(data < 32)
    for code in (10, 9, 13):  # usually the only ones, and counting them is faster than np.unique
        if rest and (count := np.count_nonzero(data == code)):
            found.add(code)
            rest -= count
    return found.union(np.unique(data[data < 32]).tolist()) if rest else found


def _replaced(text: pa.Array, old: str, new: str) -> pa.Array:
    return pc.replace_substring(text, old, new)


def _without_formulas(text: pa.Array, numbers: bool) -> pa.Array:
    """Put an apostrophe before cells that a spreadsheet would run as a formula; of numbers, only -Infinity."""
    risky = pc.equal(text, "-Infinity") if numbers else pc.match_substring_regex(text, _FORMULA)
    return pc.if_else(risky, _joined(["'", text]), text) if pc.any(risky).as_py() else text


def unwrap(array: pa.Array) -> pa.Array:
    """Convert to the plain type with the same values: no extension types, dictionaries, views or 64-bit offsets.

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
    """Whether values are bytes. They are written as base64 in quotes, so that empty bytes differ from null."""
    return t.is_binary(kind) or t.is_large_binary(kind) or t.is_fixed_size_binary(kind) or t.is_binary_view(kind)


def scalar_text(array: pa.Array) -> pa.Array:
    """Format the values of an unwrapped array that is not nested.

    Numbers read back exactly. Timestamps are ISO 8601, in UTC with a Z if the column has a time zone; durations are
    integers in the column's unit; bytes are base64. Raises pa.ArrowInvalid for a nested type.
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
    """Format lists of integers as "1,2,3" in one table look-up; None where that is slower or not possible.

    `values` holds the integers of all lists (integers,) without nulls, `starts` where each list begins (lists + 1,).
    """
    if values.null_count or not _in_table(values):
        return None
    text = _digits(",").take(values)
    ends = np.frombuffer(text.buffers()[1], np.int32)[text.offset + starts]
    bounds = np.repeat(ends, 2)[:-1]  # alternately a list without its last comma, and that comma
    bounds[1::2] = np.maximum(ends[1:] - 1, ends[:-1])
    pieces = pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), text.buffers()[2])
    return pieces.take(pa.array(np.arange(0, len(pieces), 2)))


def _integer_text(array: pa.Array) -> pa.Array:
    return _digits("").take(array) if _in_table(array) else array.cast(pa.string())


def _in_table(array: pa.Array) -> bool:
    """Whether the digits can be looked up, and there are enough values to make the table pay off."""
    if len(array) < _TABLE_MIN_LENGTH:
        return False
    span = pc.min_max(array)
    return span["min"].is_valid and span["min"].as_py() >= 0 and span["max"].as_py() < _TABLE_SIZE


@functools.cache
def _digits(after: str) -> pa.Array:
    return pc.binary_join_element_wise(pa.array(np.arange(_TABLE_SIZE)).cast(pa.string()), after, "")


def _float_text(array: pa.Array) -> pa.Array:
    """Format with the fewest digits that read back to the same double; whole numbers keep `.0` to remain floats."""
    array = array.cast(pa.float64())
    text = array.cast(pa.string())
    # Arrow writes whole numbers as bare digits, or as 1e+10, which JSON readers already take for a float.
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
