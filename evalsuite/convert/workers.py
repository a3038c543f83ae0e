"""Work on many files in several processes, of which each may die without taking the others' work along."""

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
_GRACE_SECONDS = 5.0  # for a process that is told to stop, to remove its temporary files


@dataclass(frozen=True)
class Died:
    """Instead of a result: the process that had the item ended. `how` says it in words."""

    how: str


class _Worker:
    """A process, the end of its pipe, and the item it has."""

    def __init__(self, context: Any, work: Callable):
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()  # else its death would not show as the pipe's end
        self.item: Any = None

    def give(self, item: Any) -> None:
        self.item = item
        with contextlib.suppress(BrokenPipeError):  # died while idle: the pipe's end says so
            self.connection.send(item)

    def result(self) -> Any:
        """What came back; Died where nothing will. An exception of the work, which is a bug, is raised here."""
        try:
            result, error = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            return Died(_ending(self.process.exitcode))
        if error is not None:
            raise error
        return result


def results(
    items: Sequence[Item], work: Callable[[Item], Result], jobs: int, preload: Sequence[str] = ()
) -> Iterator[tuple[Item, Result | Died]]:
    """`work(item)` of every item, as they finish. `work` and the items are pickled; it must not raise.

    The processes come from a server that has the modules in `preload` imported, so starting one costs little. They end
    with the iterator (also when it is closed early) and with this process, however it ends.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload])
    waiting = iter(items)
    workers: dict[Connection, _Worker] = {}
    try:
        for item in _first(waiting, min(jobs, len(items))):
            _add(workers, _Worker(context, work), item)
        while workers:
            for connection in wait(list(workers)):
                worker = workers.pop(connection)
                done, result = worker.item, worker.result()
                for item in _first(waiting, 1):
                    _add(workers, _Worker(context, work) if isinstance(result, Died) else worker, item)
                if worker.connection not in workers:
                    worker.connection.close()
                yield done, result
    finally:
        _stop([worker.process for worker in workers.values()])


def _first(items: Iterator[Item], count: int) -> list[Item]:
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


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"the process converting it ended with code {code}"
    name = signal.Signals(-code).name
    return f"the process converting it was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _serve(connection: Connection, work: Callable) -> None:
    """A worker's life: an item in, a result out, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by exception, so that temporary files are removed
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
