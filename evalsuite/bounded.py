"""Function calls with limits on time and memory: hostile input can kill the child process, never the caller.

    with Bounded(verify, seconds=10, memory_bytes=1 << 30) as bounded:
        verdict = bounded("12", response, "latex")

The caller forks a keeper, the keeper forks a worker, and the worker answers calls one by one over a socket. The keeper
sleeps until the caller tells it to exit, or dies. It then kills the worker and everything that the worker started: as
their subreaper it finds them all. So nothing outlives the caller.
Linux only. Create a Bounded in a process with one thread: a fork copies only one thread, but every lock that is held.
"""

import contextlib
import ctypes
import os
import pickle
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)  # loaded here, because dlopen after a fork may deadlock


class BoundedError(Exception):
    """A bounded call ended without a result."""


class BoundedTimeout(BoundedError):
    """The call exceeded its time limit. `starved` means that it got little CPU time: other processes had the CPU, or it
    slept."""

    def __init__(self, message: str, starved: bool = False) -> None:
        super().__init__(message)
        self.starved = starved


class BoundedMemory(BoundedError):
    """The call exceeded its memory limit."""


class BoundedCrash(BoundedError):
    """The process that ran the call died, or its result could not be sent."""


class Bounded:
    """Call `function` in a child process. Each call may take `seconds`; the child may use `memory_bytes` more address
    space than the caller has when the child starts.

    Arguments, results and exceptions are pickled; the function itself is inherited by fork, so any callable will do.
    An exception of the function is raised here unchanged. When a timeout, a memory error or a crash is raised, the
    child and all its descendants are gone; the next call starts a new child.
    """

    def __init__(self, function: Callable[..., Any], seconds: float = 10.0, memory_bytes: int = 1 << 30):
        self.function, self.seconds, self.memory_bytes = function, seconds, memory_bytes
        self.deadline = 0.0  # of the call under way, on the monotonic clock
        self.channel: Connection | None = None  # readable when a result has arrived
        self._keeper = 0  # process ID
        self._cpu_before = 0.0  # CPU seconds that the worker had used before the call under way
        self._control = -1  # a byte written here, or closing it, tells the keeper to kill everything and exit

    def __enter__(self) -> "Bounded":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return `function(*args, **kwargs)`. Raises what it raises, BoundedTimeout, BoundedMemory or BoundedCrash."""
        self.submit(*args, **kwargs)
        return self.result()

    def submit(self, *args: Any, **kwargs: Any) -> None:
        """Start a call; `result` waits for it. Only one call may be under way."""
        message = pickle.dumps((args, kwargs), pickle.HIGHEST_PROTOCOL)
        if self.channel is None:
            self._start()
        self._cpu_before = _cpu_seconds(self._keeper)
        self.deadline = time.monotonic() + self.seconds
        with contextlib.suppress(ConnectionError):  # the child is gone; `result` raises BoundedCrash
            self.channel.send_bytes(message)

    def result(self) -> Any:
        """Wait for the submitted call; return or raise what `__call__` would."""
        try:
            if not self.channel.poll(max(0.0, self.deadline - time.monotonic())):
                starved = _cpu_seconds(self._keeper) - self._cpu_before < self.seconds / 4
                self.close()
                raise BoundedTimeout(f"no result within {self.seconds:g} s", starved)
            outcome, value = pickle.loads(self.channel.recv_bytes())
        except (EOFError, ConnectionError):
            raise BoundedCrash(f"the child ended without a result ({_ending(self.close())})") from None
        except BaseException:  # KeyboardInterrupt too: a late result must not be taken for that of the next call
            self.close()
            raise
        return self._unwrap(outcome, value)

    def close(self) -> int:
        """End the child and its descendants, if any; returns the keeper's exit code, which `_ending` explains."""
        if self.channel is None:
            return 0
        channel, self.channel = self.channel, None
        with contextlib.suppress(BrokenPipeError):
            os.write(self._control, b"x")  # closing is not enough: a process forked since then may hold a copy
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
            raise BoundedMemory(f"needs more than {self.memory_bytes} bytes")
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


def _keep(bounded: Bounded, caller: int, watched: int, channel: Connection) -> NoReturn:
    """The keeper: fork the worker, sleep until told to exit, kill all descendants, exit with the worker's code."""
    status = 255
    try:
        os.setsid()  # a Ctrl-C in the terminal must reach only the caller, which decides what to do
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for name in (signal.SIGINT, signal.SIGALRM, signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        worker = os.fork()
        if worker == 0:
            os.close(watched)
            _work(bounded, channel)
        channel.close()
        _wait_for_caller(caller, watched)
        status = _kill_descendants(worker)
    finally:
        os._exit(status & 255)


def _wait_for_caller(caller: int, watched: int) -> None:
    """Return when a byte arrives on the pipe, the pipe is closed, or the caller is dead.

    The kernel's signal of the caller's death wakes us through a second pipe. An exception raised by its handler might
    come just after the first pipe has woken us, and end the keeper before it has killed anything.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGTERM, lambda *_: None)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == caller:
        waiting = select.poll()
        waiting.register(watched, select.POLLIN)  # which includes that it is closed
        waiting.register(woken, select.POLLIN)
        waiting.poll()


def _work(bounded: Bounded, channel: Connection) -> NoReturn:
    """The worker: answer calls until the channel is closed."""
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # in case the keeper itself is killed
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
    """The exception if it survives pickling and unpickling; otherwise a crash with its message."""
    try:
        data = pickle.dumps(("error", error))
        pickle.loads(data)
        return data
    except Exception:
        return pickle.dumps(("crash", f"the result or its error cannot be pickled: {type(error).__name__}: {error}"))


def _kill_descendants(worker: int) -> int:
    """Kill children until none is left; a killed child's own children become ours. Returns the worker's exit code."""
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


def _cpu_seconds(keeper: int) -> float:
    """CPU seconds that the keeper's worker has used so far; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{_children(keeper)[0]}/stat").read_text().rpartition(")")[2].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _address_space() -> int:
    """The address space of this process in bytes, which is what RLIMIT_AS limits."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _ending(code: int) -> str:
    """The keeper's exit code in words: the worker's own, or 256 minus the number of the signal that killed it."""
    if code > 128:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(256 - code).name}"
    return f"exit code {code}"


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise TimeoutError if the block takes longer than `seconds`. The handler of SIGALRM is restored afterwards."""

    def on_alarm(number: int, frame: Any) -> None:
        raise TimeoutError(f"not finished after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
