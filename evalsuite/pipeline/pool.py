"""The pool of worker processes, which are forked from a forkserver that has lighteval preloaded.

Functions are given by name, such as `evalsuite.pipeline.worker:grade`, because importing them would import lighteval.
"""

import asyncio
import contextlib
import multiprocessing
import os
import pkgutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.errors import RunError, UserError
from evalsuite.files import ROOT
from evalsuite.pipeline.jobs import Graded, GradeJob

ATTEMPTS = 3  # of a call whose worker is killed
# The forkserver silently ignores modules that it cannot import, so tests/pipeline/test_workers.py imports these.
PRELOADED = ("evalsuite.pipeline.forkserver", "evalsuite.pipeline.worker")
GRADE, RENDER = "evalsuite.pipeline.worker:grade", "evalsuite.pipeline.render:render"


class WorkerKilled(RunError):
    """A worker ended without a result."""


@dataclass(frozen=True, eq=False)
class Child:
    """A worker's process, the pipe to it, and the purpose that it serves."""

    process: Any
    channel: Any
    purpose: str


class Workers:
    """Children of a forkserver that has lighteval loaded. The forkserver ends with this process, and its children with
    it.

    A child that has graded one experiment of a task caches what it has parsed for the next one.
    """

    def __init__(self, count: int) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload([*PRELOADED])
        self.executor = ThreadPoolExecutor(count + 1, thread_name_prefix="grade")
        self.slots = asyncio.Semaphore(count)
        self.living: set[Child] = set()
        self._idle: list[Child] = []
        self._lock = threading.Lock()
        self._closed = False

    def warm_up(self) -> None:
        """Start the forkserver, which loads lighteval in the background."""
        from multiprocessing import forkserver

        with self._lock, _package_on_path():
            forkserver.ensure_running()

    async def call(self, function: str, argument: Any, log: Path, purpose: str = "") -> Any:
        """Run `function`, given as `module:name`, on the argument in a child: an idle one that served the same purpose,
        or a new one.

        UserErrors and RunErrors of the function are raised here. If the child is killed, another one is tried; raises
        RunError if that keeps happening, or if the function raises anything else.
        """
        for attempt in range(ATTEMPTS):
            try:
                return await asyncio.get_running_loop().run_in_executor(
                    self.executor, self._call, function, argument, log, purpose
                )
            except WorkerKilled:
                if self._closed or attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.5)
        raise AssertionError("unreachable")

    def _call(self, function: str, argument: Any, log: Path, purpose: str) -> Any:
        try:
            child = self._take(purpose)
        except (OSError, EOFError) as error:  # the forkserver was killed
            raise WorkerKilled(f"a worker could not be started: {error}") from error
        try:
            child.channel.send((function, argument, str(log)))
            kind, value = child.channel.recv()
        except (EOFError, OSError):
            self._end(child)
            raise WorkerKilled(
                f"a worker was killed (exit code {child.process.exitcode}) {ATTEMPTS} times; see {log}"
            ) from None
        if kind == "value" and purpose:
            with self._lock:
                self._idle.append(child)
        else:
            self._end(child)
        if kind == "value":
            return value
        if kind == "known":
            raise value
        raise RunError(f"a worker failed: {value}; see {log}")

    def _take(self, purpose: str) -> "Child":
        """An idle child that served this purpose, or a new one, which replaces an idle one that served another."""
        with self._lock:
            for child in self._idle:
                if child.purpose == purpose:
                    self._idle.remove(child)
                    return child
            unfit = self._idle.pop() if self._idle else None
        if unfit is not None:
            self._end(unfit)
        return self._start(purpose)

    def _start(self, purpose: str) -> "Child":
        with self._lock, _package_on_path():
            if self._closed:
                raise EOFError("stopping")
            ours, theirs = self.context.Pipe()
            process = self.context.Process(target=_main, args=(theirs,), daemon=False)
            try:
                process.start()
            finally:
                theirs.close()
            child = Child(process, ours, purpose)
            self.living.add(child)
            return child

    def _end(self, child: "Child") -> None:
        """End a child: it exits when its pipe is closed."""
        child.channel.close()
        child.process.join()
        self.living.discard(child)

    async def grade(self, job: GradeJob) -> Graded:
        """Grade an experiment in a worker. If that fails, the result says why; nothing is raised."""
        async with self.slots:
            try:
                return await self.call(GRADE, job, job.log, job.spec)
            except (RunError, UserError) as error:
                return Graded(job.manifest["experiment"], error=str(error))

    def kill(self) -> None:
        """Kill all children; what they were grading is graded again by a later run."""
        self._closed = True
        if not self._lock.acquire(timeout=0.2):  # a child is being started, and the forkserver still loads lighteval
            _kill_forkserver()
            self._lock.acquire()
        self._lock.release()
        for child in list(self.living):
            with contextlib.suppress(OSError, ValueError):
                os.kill(child.process.pid, signal.SIGKILL)
        self.executor.shutdown(wait=True, cancel_futures=True)


def _kill_forkserver() -> None:
    """Kill the forkserver; a later start makes a new one."""
    from multiprocessing import forkserver

    if pid := forkserver._forkserver._forkserver_pid:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _main(channel: Any) -> None:
    """The child: make one call after the other, its output going to a log, and send back the result or the error."""
    from evalsuite.engine.supervisor import PR_SET_PDEATHSIG, prctl

    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if not multiprocessing.parent_process().is_alive():  # the forkserver ended before prctl was called
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    with contextlib.suppress(EOFError):
        while True:
            function, argument, log = channel.recv()
            Path(log).parent.mkdir(parents=True, exist_ok=True)
            with open(log, "ab", buffering=0) as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            channel.send(_outcome(function, argument))


def _outcome(function: str, argument: Any) -> tuple[str, Any]:
    try:
        return "value", pkgutil.resolve_name(function)(argument)
    except (UserError, RunError) as error:
        return "known", error
    except Exception as error:
        import traceback

        traceback.print_exc()
        return "bug", f"{type(error).__name__}: {error}"[:500]


@contextlib.contextmanager
def _package_on_path() -> Iterator[None]:
    """Let the forkserver find this package from any folder, and know the process that it belongs to."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    values = {"PYTHONPATH": path, "EVALSUITE_PARENT": str(os.getpid())}  # the latter: see forkserver.py
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
