"""Runs work on many files in several processes, any of which may die without losing the others' results."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_GRACE_SECONDS = 5.0  # that a terminated process has for removing its temporary files


@dataclass(frozen=True)
class Died:
    """Takes the place of a result when the process working on the item died; `how` describes it in words."""

    how: str


class _Worker:
    """A process, our end of its pipe, and the item it is working on."""

    def __init__(self, context: Any, work: Callable):
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()  # otherwise the pipe would stay open after the process died
        self.item: Any = None

    def give(self, item: Any) -> None:
        self.item = item
        with contextlib.suppress(BrokenPipeError):  # it died while idle; `result` notices the closed pipe
            self.connection.send(item)

    def result(self) -> Any:
        """Receive the result, or Died if the process is gone. An exception of the work is a bug and raised here."""
        try:
            result, error = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            return Died(_describe_exit(self.process.exitcode))
        if error is not None:
            raise error
        return result


def run_in_processes(
    items: Sequence[Item], work: Callable[[Item], Result], jobs: int, preload: Sequence[str] = ()
) -> Iterator[tuple[Item, Result | Died]]:
    """Yield each item with `work(item)`, in the order in which they finish.

    `work` and the items are pickled; `work` must not raise. The processes are forked from a server that has imported
    the modules in `preload`, so that starting one is cheap. They end when the iterator does (also when it is closed
    early) and when this process ends for whatever reason.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload])
    waiting = iter(items)
    workers: dict[Connection, _Worker] = {}
    try:
        for item in _take(waiting, min(jobs, len(items))):
            _add(workers, _Worker(context, work), item)
        while workers:
            for connection in wait(list(workers)):
                worker = workers.pop(connection)
                done, result = worker.item, worker.result()
                for item in _take(waiting, 1):
                    _add(workers, _Worker(context, work) if isinstance(result, Died) else worker, item)
                if worker.connection not in workers:
                    worker.connection.close()
                yield done, result
    finally:
        _stop([worker.process for worker in workers.values()])


def _take(items: Iterator[Item], count: int) -> list[Item]:
    return [item for _, item in zip(range(count), items, strict=False)]


def _add(workers: dict[Connection, _Worker], worker: _Worker, item: Any) -> None:
    workers[worker.connection] = worker
    worker.give(item)


def _stop(processes: list[Any]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_GRACE_SECONDS)
        process.kill()


def _describe_exit(code: int | None) -> str:
    if code is None or code >= 0:
        return f"the process converting it ended with code {code}"
    name = signal.Signals(-code).name
    return f"the process converting it was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _serve(connection: Connection, work: Callable) -> None:
    """The main loop of a worker process: receive an item, send the result, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent handles it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by an exception, so that temporary files are removed
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            item = connection.recv()
            try:
                answer = (work(item), None)
            except Exception as error:
                answer = (None, error)
            connection.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(_GRACE_SECONDS)
        os._exit(1)
