"""Arrow arrays as JSON text, one string an element, without making Python objects of them."""

import json

import pyarrow as pa
import pyarrow.compute as pc

_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


def json_text(array: pa.Array) -> pa.Array:
    """JSON of each element as large_string; a null element is the text `null`. Floats that JSON lacks are written as
    Python's json does: NaN, Infinity, -Infinity."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return json_text(array.dictionary_decode())
    if isinstance(kind, pa.BaseExtensionType):
        return json_text(array.storage)
    text = _valid_text(array)
    return pc.fill_null(text, "null")


def _valid_text(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_struct(kind):
        return _struct(array)
    if pa.types.is_map(kind):
        return _list(array, _struct(pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])))
    if pa.types.is_fixed_size_list(kind):
        return _valid_text(array.cast(pa.large_list(kind.value_type)))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _list(array, json_text(array.values))
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.large_string())
    if is_bare(kind):
        return scalar_text(array)
    return quoted(scalar_text(array))


def is_bare(kind: pa.DataType) -> bool:
    """Types whose values stand in JSON without quotes."""
    return (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    )


def scalar_text(array: pa.Array) -> pa.Array:
    """A flat array as text, null where it is null. Bytes that are no UTF-8 are written in hexadecimal."""
    kind = array.type
    if pa.types.is_floating(kind):
        return _floats(array)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([None if value is None else value.hex() for value in array.to_pylist()], pa.large_string())
    return array.cast(pa.large_string())


def _floats(array: pa.Array) -> pa.Array:
    text = array.cast(pa.float64() if array.type == pa.float16() else array.type).cast(pa.large_string())
    for arrow, name in (("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity"), ("-nan", "NaN")):
        text = pc.if_else(pc.equal(text, arrow), name, text)
    return text


def quoted(text: pa.Array) -> pa.Array:
    """Strings as JSON strings."""
    escaped = text
    for plain, escape in _ESCAPES:
        escaped = pc.replace_substring(escaped, plain, escape)
    if pc.any(pc.match_substring_regex(escaped, r"[\x00-\x1f]")).as_py():  # rare control characters: one by one
        values = [None if value is None else json.dumps(value, ensure_ascii=False) for value in text.to_pylist()]
        return pa.array(values, pa.large_string())
    quote = pa.scalar('"', pa.large_string())
    return pc.binary_join_element_wise(quote, escaped, quote, pa.scalar("", pa.large_string()))


def _list(array: pa.Array, values: pa.Array) -> pa.Array:
    """`[a,b]` for each list, its values' JSON given for the whole child array."""
    offsets = array.offsets.cast(pa.int64())
    joined = pc.binary_join(pa.LargeListArray.from_arrays(offsets, values), pa.scalar(",", pa.large_string()))
    text = _around("[", joined, "]")
    return pc.if_else(array.is_valid(), text, pa.scalar(None, pa.large_string()))


def _struct(array: pa.StructArray) -> pa.Array:
    parts: list = []
    for index, field in enumerate(array.type):
        name = json.dumps(field.name, ensure_ascii=False) + ":"
        parts += [pa.scalar(("," if index else "{") + name, pa.large_string()), json_text(array.field(index))]
    if not parts:
        text = pa.array(["{}"] * len(array), pa.large_string())
    else:
        text = pc.binary_join_element_wise(*parts, pa.scalar("}", pa.large_string()), pa.scalar("", pa.large_string()))
    return pc.if_else(array.is_valid(), text, pa.scalar(None, pa.large_string()))


def _around(left: str, text: pa.Array, right: str) -> pa.Array:
    ends = [pa.scalar(part, pa.large_string()) for part in (left, right, "")]
    return pc.binary_join_element_wise(ends[0], text, ends[1], ends[2])
