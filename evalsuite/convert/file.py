"""One parquet file to one CSV (RFC 4180, CRLF; a null is an empty cell, an empty string is ""), in bounded memory."""

import gzip
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evalsuite.convert.columns import BadFile, Column, Fields, csv_columns, readable
from evalsuite.convert.reading import Reader
from evalsuite.convert.values import cell_parts, row_text
from evalsuite.errors import UserError
from evalsuite.files import replacing

PAGE_BYTES = 96 << 20  # decompressed pages in memory at once; columns with larger ones are read one by one


@dataclass(frozen=True)
class Options:
    """How a CSV is written. `columns` empty: all, token ids as counts; ("all",): token ids too."""

    columns: tuple[str, ...] = ()
    excel_safe: bool = False
    compression: str | None = None  # gzip or zstd

    @property
    def suffix(self) -> str:
        return ".csv" + {"gzip": ".gz", "zstd": ".zst"}.get(self.compression or "", "")


def convert(
    source: Path, target: Path, options: Options, threads: int = 1, seen: Callable[[float], None] = lambda share: None
) -> int:
    """Write `target` from `source`; returns the number of rows. `seen` is told what share of them has been read.

    Raises BadFile for a file that cannot be read or lacks a column, RunError for a disk that refuses. `target` is whole
    or untouched.
    """
    with readable():
        opened = Reader(source)
    with opened as reader:
        with readable():
            columns = csv_columns(reader.schema, options.columns, reader.missing_structs())
        batches = reader.batches([column.places for column in columns], PAGE_BYTES, target.parent)
        batches = _read(batches, reader.metadata.num_rows, seen)
        line = partial(rows, columns=columns, excel_safe=options.excel_safe, by_name=reader.unique)
        with replacing(target, "wb", sync=False) as stream, _compressed(stream, options.compression) as out:
            out.write(header(columns, options.excel_safe))
            for lines in _formatted(batches, line, threads):
                out.write(lines)
        return reader.metadata.num_rows


def check_names(files: Iterable[Path], wanted: Sequence[str]) -> None:
    """Raises UserError for the first name in `wanted` that none of the files that can be read has a column for."""
    missing, complaint = [name for name in wanted if name != "all"], None
    for path in files:
        if not missing:
            return
        with suppress(OSError, pa.ArrowException):
            schema = pq.read_schema(path)
            for name in list(missing):
                try:
                    csv_columns(schema, (name,))
                    missing.remove(name)
                except BadFile as error:
                    complaint = complaint or error
    if missing and complaint:
        raise UserError(str(complaint))


def _read(batches: Iterable[pa.RecordBatch], rows: int, seen: Callable[[float], None]) -> Iterator[pa.RecordBatch]:
    """The same batches; what is wrong with the file is BadFile, never taken for an error in writing."""
    remaining, done = iter(batches), 0
    while True:
        with readable():
            batch = next(remaining, None)
        if batch is None:
            return
        done += batch.num_rows
        seen(done / rows)
        yield batch


def _formatted(
    batches: Iterable[pa.RecordBatch], line: Callable[[pa.RecordBatch], memoryview], threads: int
) -> Iterator[memoryview]:
    """The batches' lines in order; `threads` of them are being formatted while the next is read."""
    if threads == 1:
        yield from map(line, batches)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque = deque()
        for batch in batches:
            waiting.append(pool.submit(line, batch))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _compressed(stream: BinaryIO, compression: str | None) -> Iterator[Any]:
    if compression == "gzip":
        with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0) as out:
            yield out
    elif compression == "zstd":  # closes the file it writes to, so it gets a second handle
        with (
            os.fdopen(os.dup(stream.fileno()), "wb") as second,
            pa.CompressedOutputStream(pa.PythonFile(second, mode="w"), "zstd") as out,
        ):
            yield out
    else:
        yield stream


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
