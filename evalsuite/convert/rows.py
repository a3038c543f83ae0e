"""A record batch as the bytes of CSV rows (RFC 4180, CRLF): null is nothing between the commas, `""` is empty."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from evalsuite.convert.cells import cell_parts, row_text
from evalsuite.convert.columns import Column, Fields
from evalsuite.convert.errors import readable


def header(columns: Sequence[Column], excel_safe: bool) -> bytes:
    """The first line; with `excel_safe` a byte-order mark tells spreadsheets that it is UTF-8."""
    if not columns:
        return b"\r\n"
    names = row_text([cell_parts(pa.array([column.name for column in columns]), excel_safe)])
    line = ",".join(name.removesuffix("\r\n") for name in names.to_pylist()) + "\r\n"
    return (b"\xef\xbb\xbf" if excel_safe else b"") + line.encode()


def rows(batch: pa.RecordBatch, columns: Sequence[Column], excel_safe: bool, by_name: bool) -> memoryview:
    """The batch's lines, in the batch's order: one view of Arrow's memory, not copied.

    Raises BadFile for text that is not UTF-8, and for rows too large for memory.
    """
    if not columns:
        return memoryview(b"\r\n" * batch.num_rows)
    with readable():
        batch.validate(full=True)  # Arrow reads text as it finds it
        fields = Fields(batch)
        text = row_text([column.cells(fields, excel_safe, by_name) for column in columns])
    ends = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    return memoryview(text.buffers()[2])[ends[0] : ends[-1]] if len(text) else memoryview(b"")
