"""Reading many experiments on several cores; a file that kills its reader costs that file alone."""

import itertools
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from evalsuite.collect.source import OWN, Bad, Record, Source, Stopped

ALONE = 24  # so few are read here: starting processes takes as long
CHUNK = 8
KILLED = "reading it killed the reader (a hostile or damaged file, or out of memory)"


def read_source(source: Source, tokenizer: str | None = None) -> Record | Bad:
    """One experiment, or the file that stops it. Raises UserError for a tokenizer that cannot be loaded."""
    from evalsuite.collect.details import token_counter
    from evalsuite.collect.lighteval import read_lighteval
    from evalsuite.collect.own import read_own

    count = (lambda text: token_counter(tokenizer)(text)) if tokenizer else None
    try:
        return read_own(source, count) if source.kind == OWN else read_lighteval(source, count)
    except Stopped as stopped:
        return stopped.bad


def read_all(sources: list[Source], tokenizer: str | None, jobs: int) -> Iterator[Record | Bad]:
    """Read the sources, in their order, on `jobs` processes."""
    if jobs < 2 or len(sources) <= ALONE:
        yield from (read_source(source, tokenizer) for source in sources)
        return
    at = 0
    while at < len(sources):
        try:
            for result in _pooled(sources[at:], tokenizer, jobs):
                yield result
                at += 1
        except BrokenProcessPool:  # one of those in flight did it
            for source in sources[at : at + jobs * CHUNK * 2]:
                yield _isolated(source, tokenizer)
                at += 1


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pooled(sources: list[Source], tokenizer: str | None, jobs: int) -> Iterator[Record | Bad]:
    context = multiprocessing.get_context("spawn")  # the caller may have threads
    pool = ProcessPoolExecutor(min(jobs, len(sources)), mp_context=context, initializer=_prepare)
    try:
        yield from pool.map(read_source, sources, itertools.repeat(tokenizer), chunksize=CHUNK)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _isolated(source: Source, tokenizer: str | None) -> Record | Bad:
    try:
        return next(_pooled([source], tokenizer, 1))
    except BrokenProcessPool:
        return Bad(source.path, KILLED)


def _prepare() -> None:
    """One thread in each process: the processes are the parallelism."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
