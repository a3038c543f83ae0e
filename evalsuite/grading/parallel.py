"""Run many bounded calls in parallel and yield their results in the order of the arguments."""

import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import Any

from evalsuite.bounded import Bounded

_AHEAD = 256  # results held back while an earlier call is still running


def in_order(
    function: Callable[..., Any],
    arguments: Iterable[tuple],
    *,
    jobs: int = 1,
    seconds: float = 10.0,
    memory_bytes: int = 1 << 30,
) -> Iterator[Any]:
    """Yield `function(*one)` for each of `arguments`, in order; a call that raises yields its exception.

    `jobs` child processes work in parallel; each call is bounded as by `Bounded`. The calling process must have only
    one thread, because the children are forked.

    >>> list(in_order(divmod, [(7, 2), (1, 0)], jobs=2))
    [(3, 1), ZeroDivisionError('integer division or modulo by zero')]
    """
    lanes = [Bounded(function, seconds, memory_bytes) for _ in range(max(1, jobs))]
    try:
        yield from _ordered(lanes, enumerate(arguments))
    finally:
        for lane in lanes:
            lane.close()


def _ordered(lanes: list[Bounded], source: Iterator[tuple[int, tuple]]) -> Iterator[Any]:
    busy: dict[Bounded, int] = {}
    done: dict[int, Any] = {}
    following, exhausted = 0, False
    while True:
        for lane in lanes:
            if lane in busy or exhausted or len(done) >= _AHEAD:
                continue
            number, one = next(source, (None, ()))
            exhausted = number is None
            if not exhausted:
                lane.submit(*one)
                busy[lane] = number
        while following in done:
            yield done.pop(following)
            following += 1
        if not busy and exhausted:
            return
        for lane in _finished(busy):
            done[busy.pop(lane)] = _outcome(lane)


def _finished(busy: dict[Bounded, int]) -> list[Bounded]:
    """The lanes that have a result or have run out of time; waits for the first one."""
    left = min(lane.deadline for lane in busy) - time.monotonic()
    ready = wait([lane.channel for lane in busy], timeout=max(0.0, left))
    return [lane for lane in busy if lane.channel in ready or lane.deadline <= time.monotonic()]


def _outcome(lane: Bounded) -> Any:
    try:
        return lane.result()
    except Exception as error:  # the caller decides what an exception means
        return error
