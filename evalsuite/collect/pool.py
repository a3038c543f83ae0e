"""Reads many experiments on several cores; a file that kills the process reading it costs only that experiment."""

import itertools
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from evalsuite.collect.source import NATIVE, BadPath, ReadError, Record, Source

MAX_IN_PROCESS = 24  # up to this many are read in this process, because starting others would take as long
CHUNK = 8  # experiments that are sent to a process at a time
KILLED = "the process reading it was killed (damaged or hostile file, or out of memory)"


def read_source(source: Source, tokenizer: str | None = None) -> Record | BadPath:
    """Read one experiment; returns the bad file if that fails. Raises UserError if the tokenizer cannot be loaded."""
    from evalsuite.collect.details import token_counter
    from evalsuite.collect.lighteval import read_lighteval
    from evalsuite.collect.native import read_native

    count = (lambda text: token_counter(tokenizer)(text)) if tokenizer else None
    try:
        return read_native(source, count) if source.kind == NATIVE else read_lighteval(source, count)
    except ReadError as error:
        return error.bad


def read_all(sources: list[Source], tokenizer: str | None, jobs: int) -> Iterator[Record | BadPath]:
    """Read the sources on `jobs` processes; yields the results in the order of the sources."""
    if jobs < 2 or len(sources) <= MAX_IN_PROCESS:
        yield from (read_source(source, tokenizer) for source in sources)
        return
    at = 0
    while at < len(sources):
        try:
            for result in _read_in_pool(sources[at:], tokenizer, jobs):
                yield result
                at += 1
        except BrokenProcessPool:  # any of the sources in work may be the cause, so each is read alone
            for source in sources[at : at + jobs * CHUNK * 2]:
                yield _read_alone(source, tokenizer)
                at += 1


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read_in_pool(sources: list[Source], tokenizer: str | None, jobs: int) -> Iterator[Record | BadPath]:
    context = multiprocessing.get_context("spawn")  # forking is not safe, since the caller may have threads
    pool = ProcessPoolExecutor(min(jobs, len(sources)), mp_context=context, initializer=_use_one_thread)
    try:
        yield from pool.map(read_source, sources, itertools.repeat(tokenizer), chunksize=CHUNK)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read_alone(source: Source, tokenizer: str | None) -> Record | BadPath:
    try:
        return next(_read_in_pool([source], tokenizer, 1))
    except BrokenProcessPool:
        return BadPath(source.path, KILLED)


def _use_one_thread() -> None:
    """Limit Arrow to one thread, since there is one process per core already."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
