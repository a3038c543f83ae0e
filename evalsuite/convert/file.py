"""One parquet file to one CSV, in bounded memory: small batches, formatted by a few threads, written in order."""

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

import pyarrow as pa
import pyarrow.parquet as pq

from evalsuite.convert.columns import csv_columns
from evalsuite.convert.errors import BadFile, readable
from evalsuite.convert.reading import Reader
from evalsuite.convert.rows import header, rows
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
