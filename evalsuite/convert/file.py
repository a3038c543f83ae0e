"""One parquet file to one CSV, in bounded memory: small batches, formatted by a few threads, written in order."""

import gzip
import io
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from evalsuite.convert.columns import columns_of
from evalsuite.convert.rows import header, rows
from evalsuite.files import replacing

BATCH_BYTES = 4 << 20  # Arrow bytes in a batch: fits the caches; formatting needs some five times that
MAX_ROWS = 4096


@dataclass(frozen=True)
class Options:
    """How a CSV is written. `columns` None: all, token ids as counts; `everything`: token ids too."""

    columns: tuple[str, ...] | None = None
    everything: bool = False
    excel_safe: bool = False
    compression: str | None = None  # gzip or zstd

    @property
    def suffix(self) -> str:
        return ".csv" + {"gzip": ".gz", "zstd": ".zst"}.get(self.compression or "", "")


def convert(source: Path, target: Path, options: Options, threads: int = 1) -> int:
    """Write `target` from `source`; returns the number of rows.

    Raises UserError for a column that is not there, OSError or pyarrow.ArrowException for a file that cannot be read,
    RunError for a disk that refuses. `target` is whole or untouched.
    """
    with pq.ParquetFile(source, memory_map=False, buffer_size=1 << 18, pre_buffer=False) as file:
        columns = columns_of(file.schema_arrow, options.columns, options.everything)
        with replacing(target, "wb", sync=False) as stream, _compressed(stream, options.compression) as out:
            out.write(header(columns, options.excel_safe))
            needed = sorted({column.path[0] for column in columns})
            paths = [".".join(column.path) for column in columns] if columns else needed
            for lines in _formatted(_batches(file, paths), columns, options.excel_safe, threads):
                out.write(lines)
        return file.metadata.num_rows


def _batches(file: pq.ParquetFile, paths: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of about BATCH_BYTES: guessed from the row groups' sizes, cut where they turn out larger."""
    size = max((_row_bytes(file.metadata.row_group(index)) for index in range(file.num_row_groups)), default=1.0)
    count = max(1, min(MAX_ROWS, int(BATCH_BYTES / max(size, 1.0))))
    for batch in file.iter_batches(batch_size=count, columns=paths, use_threads=False):
        step = max(1, int(batch.num_rows * BATCH_BYTES / max(batch.nbytes, 1)))
        for start in range(0, batch.num_rows, step):
            yield batch.slice(start, step)


def _row_bytes(group: Any) -> float:
    return group.total_byte_size / max(group.num_rows, 1)


def _formatted(batches: Iterator[pa.RecordBatch], columns: Any, excel_safe: bool, threads: int) -> Iterator[memoryview]:
    """The batches' lines in order; `threads` of them are being formatted while the next is read."""
    if threads == 1:
        yield from (rows(batch, columns, excel_safe) for batch in batches)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque = deque()
        for batch in batches:
            waiting.append(pool.submit(rows, batch, columns, excel_safe))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _compressed(stream: BinaryIO, compression: str | None) -> Iterator[Any]:
    if compression == "gzip":
        with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0) as out:
            yield io.BufferedWriter(out, 1 << 20)
    elif compression == "zstd":
        with pa.CompressedOutputStream(pa.PythonFile(stream, mode="w"), "zstd") as out:
            yield out
    else:
        yield stream
