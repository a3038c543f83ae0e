"""Calls bounded in time and memory: hostile input may cost the child its life, never the caller.

    with Bounded(verify, seconds=10, memory_bytes=1 << 30) as bounded:
        verdict = bounded("12", response, "latex")

The caller forks a keeper, the keeper forks a worker, and the worker answers calls one by one over a socket. The
keeper sleeps until the caller tells it to leave or dies, and then kills the worker and whatever that started: as
their subreaper it sees them all. So nothing outlives the caller.
Linux only. Create it in a process with one thread: a fork copies one thread and every held lock.
"""

import contextlib
import ctypes
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: dlopen after a fork could wait for a lock for ever


class BoundedError(Exception):
    """A bounded call gave no result of its own."""


class BoundedTimeout(BoundedError):
    """The call took longer than it may. `starved`: mostly because others had the processor, or it slept."""

    def __init__(self, message: str, starved: bool = False) -> None:
        super().__init__(message)
        self.starved = starved


class BoundedMemory(BoundedError):
    """The call asked for more memory than it may."""


class BoundedCrash(BoundedError):
    """The process that ran the call died, or its result could not be sent."""


class Bounded:
    """Call `function` in a child process, at most `seconds` and `memory_bytes` above the caller's own size a call.

    Arguments, results and exceptions are pickled; the function itself is inherited by fork, so any callable will do.
    An exception of the function is raised here as itself. After a timeout, too much memory or a crash the child
    and all its descendants are gone when the error is raised; the next call starts another.
    """

    def __init__(self, function: Callable[..., Any], seconds: float = 10.0, memory_bytes: int = 1 << 30):
        self.function, self.seconds, self.memory_bytes = function, seconds, memory_bytes
        self._keeper = 0
        self._spent = 0.0
        self.deadline = 0.0
        self._control = -1  # a byte on it, or its end, tells the keeper to kill and leave
        self.channel: Connection | None = None  # readable when a result is there

    def __enter__(self) -> "Bounded":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return `function(*args, **kwargs)`. Raises what it raises, or BoundedTimeout, BoundedMemory, BoundedCrash."""
        self.submit(*args, **kwargs)
        return self.result()

    def submit(self, *args: Any, **kwargs: Any) -> None:
        """Start a call; `result` waits for it. One at a time."""
        message = pickle.dumps((args, kwargs), pickle.HIGHEST_PROTOCOL)
        if self.channel is None:
            self._start()
        self._spent = _processor_seconds(self._keeper)
        self.deadline = time.monotonic() + self.seconds
        with contextlib.suppress(ConnectionError):  # the child is gone: `result` says so
            self.channel.send_bytes(message)

    def result(self) -> Any:
        """The outcome of the call that was submitted, as `__call__` gives it."""
        try:
            if not self.channel.poll(max(0.0, self.deadline - time.monotonic())):
                starved = _processor_seconds(self._keeper) - self._spent < self.seconds / 4
                self.close()
                raise BoundedTimeout(f"no result within {self.seconds:g} s", starved)
            outcome, value = pickle.loads(self.channel.recv_bytes())
        except (EOFError, ConnectionError):
            raise BoundedCrash(f"the child ended without a result ({_ending(self.close())})") from None
        except BaseException:  # KeyboardInterrupt included: an answer still to come must not be taken for the next one
            self.close()
            raise
        return self._unwrap(outcome, value)

    def close(self) -> int:
        """End the child and its descendants, if any, and return the worker's exit status as `os.waitpid` gives it."""
        if self.channel is None:
            return 0
        channel, self.channel = self.channel, None
        with contextlib.suppress(BrokenPipeError):
            os.write(self._control, b"x")  # not only closed: a process forked since may hold a copy
        os.close(self._control)
        channel.close()
        _, status = os.waitpid(self._keeper, 0)
        return os.waitstatus_to_exitcode(status)

    def _unwrap(self, outcome: str, value: Any) -> Any:
        if outcome == "result":
            return value
        if outcome == "error":
            raise value
        self.close()
        if outcome == "memory":
            raise BoundedMemory(f"asked for more than {self.memory_bytes} bytes")
        raise BoundedCrash(value)

    def _start(self) -> None:
        ours, theirs = Pipe()
        watched, control = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        caller = os.getpid()
        keeper = os.fork()
        if keeper == 0:
            os.close(control)
            ours.close()
            _keep(self, caller, watched, theirs)
        os.close(watched)
        theirs.close()
        self._keeper, self._control, self.channel = keeper, control, ours


class _CallerGone(BaseException):
    """The signal that a parent's death sends."""


def _caller_gone(*_: object) -> NoReturn:
    raise _CallerGone


def _keep(bounded: Bounded, caller: int, watched: int, channel: Connection) -> NoReturn:
    """The keeper: fork the worker, sleep until told to leave, kill all descendants, exit as the worker did."""
    status = 255
    try:
        os.setsid()  # out of reach of the terminal's Ctrl-C: the caller decides
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for name in (signal.SIGINT, signal.SIGALRM, signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        worker = os.fork()
        if worker == 0:
            os.close(watched)
            _work(bounded, channel)
        channel.close()
        _sleep(caller, watched)
        status = _kill_descendants(worker)
    finally:
        os._exit(status & 255)


def _sleep(caller: int, watched: int) -> None:
    """Until a byte comes, the pipe ends, or the caller is dead."""
    with contextlib.suppress(_CallerGone):
        signal.signal(signal.SIGTERM, _caller_gone)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() == caller:
            os.read(watched, 1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _work(bounded: Bounded, channel: Connection) -> NoReturn:
    """The worker: answer calls until the channel closes."""
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # should the keeper itself be killed
        limit = _address_space() + bounded.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                channel.send_bytes(_answer(bounded.function, channel.recv_bytes()))
    finally:
        sys.stdout.flush()
        os._exit(0)


def _answer(function: Callable[..., Any], message: bytes) -> bytes:
    try:
        args, kwargs = pickle.loads(message)
        return pickle.dumps(("result", function(*args, **kwargs)), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        return pickle.dumps(("memory", None))
    except Exception as error:
        return _pickled_error(error)


def _pickled_error(error: Exception) -> bytes:
    """The exception, if it survives a round trip; else what it said."""
    try:
        data = pickle.dumps(("error", error))
        pickle.loads(data)
        return data
    except Exception:
        return pickle.dumps(("crash", f"the result or its error cannot be pickled: {type(error).__name__}: {error}"))


def _kill_descendants(worker: int) -> int:
    """Kill all children until none is left; orphans of those killed become ours. Returns the worker's exit code."""
    code = 0
    while True:
        for pid in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return code
        if pid == worker:
            code = os.waitstatus_to_exitcode(status)


def _children(pid: int | None = None) -> list[int]:
    pid = pid or os.getpid()
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _processor_seconds(keeper: int) -> float:
    """Processor time that the keeper's worker has used so far; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{_children(keeper)[0]}/stat").read_text().rpartition(")")[2].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _address_space() -> int:
    """Bytes of address space this process has now; RLIMIT_AS counts them all."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _ending(code: int) -> str:
    """An exit code in words; the keeper passes a signal on as 256 minus its number."""
    if code > 128:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(256 - code).name}"
    return f"exit code {code}"


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block when it takes longer; SIGALRM is what it was before, afterwards."""

    def on_alarm(number: int, frame: Any) -> None:
        raise TimeoutError(f"no end after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
