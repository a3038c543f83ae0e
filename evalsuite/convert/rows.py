"""A record batch as the bytes of CSV rows (RFC 4180, CRLF): null is nothing between the commas, `""` is empty."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from evalsuite.convert.columns import Column, extract
from evalsuite.convert.json_text import is_bare, json_text, scalar_text

_FORMULA = r"^[=+\-@\t\r]"
_NUMBER = r"^[+-]?[0-9][0-9.,]*$"


def _literal(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def header(columns: Sequence[Column], excel_safe: bool) -> bytes:
    """The first line; with `excel_safe` a byte-order mark tells spreadsheets that it is UTF-8."""
    names = pa.array([column.name for column in columns], pa.large_string())
    line = ",".join(_quote(names, excel_safe).to_pylist()) + "\r\n"
    return (b"\xef\xbb\xbf" if excel_safe else b"") + line.encode()


def rows(batch: pa.RecordBatch, columns: Sequence[Column], excel_safe: bool) -> memoryview:
    """The batch's lines, in the batch's order."""
    parts: list = []
    for index, column in enumerate(columns):
        parts += [_literal(",")] if index else []
        parts.append(pc.fill_null(cell(extract(batch, column), excel_safe), ""))
    text = pc.binary_join_element_wise(*parts, _literal("\r\n"), _literal(""))
    offsets = memoryview(text.buffers()[1]).cast("q")
    return memoryview(text.buffers()[2] or b"")[offsets[0] : offsets[len(text)]]


def cell(array: pa.Array, excel_safe: bool) -> pa.Array:
    """A column's cells as they stand in the file, null where nothing does."""
    while pa.types.is_dictionary(array.type) or isinstance(array.type, pa.BaseExtensionType):
        array = array.storage if isinstance(array.type, pa.BaseExtensionType) else array.dictionary_decode()
    kind = array.type
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.large_string())
    if is_bare(kind):
        return scalar_text(array)
    if pa.types.is_nested(kind):
        missing = pa.scalar(None, pa.large_string())
        return pc.if_else(array.is_valid(), _quote(json_text(array), excel_safe), missing)
    return _quote(scalar_text(array), excel_safe)


def _quote(text: pa.Array, excel_safe: bool) -> pa.Array:
    if excel_safe:
        formula = pc.and_(pc.match_substring_regex(text, _FORMULA), pc.invert(pc.match_substring_regex(text, _NUMBER)))
        text = pc.if_else(formula, pc.binary_join_element_wise(_literal("'"), text, _literal("")), text)
    doubled = pc.replace_substring(text, '"', '""')
    return pc.binary_join_element_wise(_literal('"'), doubled, _literal('"'), _literal(""))
