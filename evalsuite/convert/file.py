"""Converts one parquet file to one CSV file in bounded memory.

The format is RFC 4180 with CRLF line ends; null is an empty cell, an empty string is "".
"""

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

PAGE_BYTES = 96 << 20  # of decompressed pages held in memory together; beyond it, columns are read one by one


@dataclass(frozen=True)
class Options:
    """How a CSV is written; `columns` as `wanted` of csv_columns."""

    columns: tuple[str, ...] = ()
    excel_safe: bool = False
    compression: str | None = None  # gzip or zstd

    @property
    def suffix(self) -> str:
        return ".csv" + {"gzip": ".gz", "zstd": ".zst"}.get(self.compression or "", "")


def convert(
    source: Path,
    target: Path,
    options: Options,
    threads: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
) -> int:
    """Write `target` from `source` and return the number of rows; `progress` gets the fraction of rows read so far.

    Raises BadFile for a file that cannot be read or lacks a column, RunError if the disk refuses the CSV. `target` is
    either written completely or left untouched.
    """
    with readable():
        opened = Reader(source)
    with opened as reader:
        with readable():
            columns = csv_columns(reader.schema, options.columns, reader.missing_structs())
        batches = reader.batches([column.path for column in columns], PAGE_BYTES, target.parent)
        batches = _read(batches, reader.metadata.num_rows, progress)
        format_rows = partial(rows, columns=columns, excel_safe=options.excel_safe, by_name=reader.unique)
        with replacing(target, "wb", sync=False) as stream, _compressed(stream, options.compression) as out:
            out.write(header(columns, options.excel_safe))
            for lines in _formatted(batches, format_rows, threads):
                out.write(lines)
        return reader.metadata.num_rows


def check_names(files: Iterable[Path], wanted: Sequence[str]) -> None:
    """Raise UserError for the first name in `wanted` that no readable file has a column for."""
    missing, first_error = [name for name in wanted if name != "all"], None
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
                    first_error = first_error or error
    if missing and first_error:
        raise UserError(f"--columns: {first_error}")


def _read(batches: Iterable[pa.RecordBatch], rows: int, progress: Callable[[float], None]) -> Iterator[pa.RecordBatch]:
    """Yield the batches unchanged; errors of the file are raised as BadFile, so that none passes for a write error."""
    remaining, done = iter(batches), 0
    while True:
        with readable():
            batch = next(remaining, None)
        if batch is None:
            return
        done += batch.num_rows
        progress(done / rows)
        yield batch


def _formatted(
    batches: Iterable[pa.RecordBatch], format_rows: Callable[[pa.RecordBatch], memoryview], threads: int
) -> Iterator[memoryview]:
    """Yield the batches' lines in order; up to `threads` batches are formatted while the next one is read."""
    if threads == 1:
        yield from map(format_rows, batches)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque = deque()
        for batch in batches:
            waiting.append(pool.submit(format_rows, batch))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _compressed(stream: BinaryIO, compression: str | None) -> Iterator[Any]:
    if compression == "gzip":
        with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0) as out:
            yield out
    elif compression == "zstd":  # Arrow's stream closes the file it writes to, so it gets a handle of its own
        with (
            os.fdopen(os.dup(stream.fileno()), "wb") as second,
            pa.CompressedOutputStream(pa.PythonFile(second, mode="w"), "zstd") as out,
        ):
            yield out
    else:
        yield stream


def header(columns: Sequence[Column], excel_safe: bool) -> bytes:
    """The header line; with `excel_safe` it starts with a byte-order mark, by which spreadsheets recognise UTF-8."""
    if not columns:
        return b"\r\n"
    names = row_text([cell_parts(pa.array([column.name for column in columns]), excel_safe)])
    line = ",".join(name.removesuffix("\r\n") for name in names.to_pylist()) + "\r\n"
    return (b"\xef\xbb\xbf" if excel_safe else b"") + line.encode()


def rows(batch: pa.RecordBatch, columns: Sequence[Column], excel_safe: bool, by_name: bool) -> memoryview:
    """Format a batch as CSV lines; returns a view of Arrow's memory, without copying it.

    Raises BadFile for text that is not UTF-8, and for rows too large for memory.
    """
    if not columns:
        return memoryview(b"\r\n" * batch.num_rows)
    with readable():
        batch.validate(full=True)  # Arrow does not check by itself that strings are UTF-8
        fields = Fields(batch)
        text = row_text([column.cells(fields, excel_safe, by_name) for column in columns])
    ends = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    return memoryview(text.buffers()[2])[ends[0] : ends[-1]] if len(text) else memoryview(b"")
