"""A terminal for tests: a pty, a process in it, and what a user would see, as pyte renders it."""

import contextlib
import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte


class Terminal:
    """A pty of the given size, and its screen."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (lines, columns))
        self.screen = pyte.HistoryScreen(columns, lines, history=1000)
        self.stream = pyte.ByteStream(self.screen)
        self.modes = termios.tcgetattr(self.slave)
        self.modes[3] |= termios.NOFLSH  # else Ctrl-C discards what was written and not read yet
        termios.tcsetattr(self.slave, termios.TCSANOW, self.modes)
        self.marker = os.open(self.name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        self.marks, self.unread, self.written = 0, b"", b""

    @property
    def name(self) -> str:
        return os.ttyname(self.slave)

    def start(self, *command: str, cwd: str | Path = "/", **environment: str) -> subprocess.Popen:
        """Run a command with this as its controlling terminal."""
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        return subprocess.Popen(
            command, cwd=cwd, env=env | {"TERM": "xterm-256color"} | environment, start_new_session=True,
            stdin=self.slave, stdout=self.slave, stderr=self.slave,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def read(self) -> None:
        """Read everything that was written so far.

        A mark is written to the terminal, and everything before it is read. The kernel does not let a mark into the
        middle of another program's write, so no panel is seen half drawn, even if that program gets no CPU time.
        """
        self.marks += 1
        mark = left = b"\x1b]99;%d\x07" % self.marks  # a command that terminals ignore
        deadline = time.monotonic() + 600  # only prevents a failing test from hanging
        while mark not in self.unread:
            assert time.monotonic() < deadline, self.unread
            with contextlib.suppress(BlockingIOError):  # nothing was read for long, and the kernel's buffer is full
                left = left[os.write(self.marker, left) :]
            if select.select([self.master], [], [], 0.05)[0]:
                self.unread += os.read(self.master, 65536)
        data, _, self.unread = self.unread.partition(mark)
        self.written += data
        self.stream.feed(data)

    def seen(self) -> list[str]:
        """The lines on the screen, without empty ones at the end."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    def scrolled(self) -> list[str]:
        """The lines that have scrolled off the screen, oldest first."""
        return ["".join(row[at].data for at in range(self.screen.columns)).rstrip() for row in self.screen.history.top]

    def frames(self, process: subprocess.Popen, enough: Callable[[list[str]], bool]) -> list[list[str]]:
        """The screen whenever it looked different, twenty times a second, until it is `enough` or the process has
        ended."""
        frames: list[list[str]] = []
        deadline = time.monotonic() + 600  # only prevents a failing test from hanging
        while not (frames and enough(frames[-1])):
            ended = process.poll() is not None
            self.read()
            if not frames or self.seen() != frames[-1]:
                frames.append(self.seen())
            if ended:
                break
            assert time.monotonic() < deadline, frames[-1]
            time.sleep(0.05)
        return frames

    def as_before(self) -> bool:
        """Whether the terminal's modes and its cursor are as they were at the start."""
        return termios.tcgetattr(self.slave) == self.modes and not self.screen.cursor.hidden

    def close(self) -> None:
        for handle in (self.master, self.slave, self.marker):
            os.close(handle)


@contextlib.contextmanager
def terminal(columns: int = 80, lines: int = 24) -> Iterator[Terminal]:
    made = Terminal(columns, lines)
    try:
        yield made
    finally:
        made.close()
