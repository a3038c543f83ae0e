"""The terminal while a command runs: lines that stay, and below them a panel that changes.

On a terminal of its own the command draws there. run_interactive.sh hands the terminal's name over in EVALSUITE_SCREEN
and takes stdout for its log: then lines go to both, and the panel to the terminal alone. Nothing here changes a
terminal's modes or hides its cursor, so that no way to end, SIGKILL included, leaves it in disorder.
"""

import atexit
import contextlib
import io
import os
import re
import select
import signal
import sys
import textwrap
from collections.abc import Callable
from typing import TextIO

VARIABLE = "EVALSUITE_SCREEN"
LAST_WORDS = 2.0  # seconds that a terminal gets to take what is left at the end
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_screen: "Screen | None" = None


def current() -> "Screen | None":
    """The terminal that `take` found; None where there is none, and lines are all there is to show."""
    return _screen


def take() -> None:
    """Find the terminal, if there is one, and have all that Python prints appear above the panel."""
    global _screen
    lent = os.environ.pop(VARIABLE, "")  # popped: it is no terminal of our children
    if _screen is not None or os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return
    with contextlib.suppress(OSError, ValueError):
        name = lent or (os.ttyname(1) if sys.stdout is sys.__stdout__ and sys.stdout.isatty() else "")
        if not name:
            return
        _screen = Screen(name, lent=bool(lent))
        for stream in ("stdout", "stderr"):
            old = getattr(sys, stream)
            if lent or old.isatty():
                setattr(sys, stream, Stream(_screen, old if lent else None))
        atexit.register(_screen.close)


class Screen:
    """A terminal by its name. It is opened anew and never waited for: one that hangs must not hold up the run.

    Raises OSError where the name cannot be opened.
    """

    def __init__(self, name: str, lent: bool = False) -> None:
        self.fd = os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.lent = lent
        self._pending = b""
        self._shown: list[str] = []
        self._width = 0  # when it was shown
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # else `stty tostop` stops a command in a group of its own

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        with contextlib.suppress(OSError):
            columns, lines = os.get_terminal_size(self.fd)
            if columns and lines:
                return columns, lines
        return 80, 24

    def in_front(self) -> bool:
        """Whether we, or the script that lent the terminal, have it: not after Ctrl-Z, and not in the background."""
        try:
            front = os.tcgetpgrp(self.fd)
        except OSError:  # not the terminal that controls us
            return True
        return front == os.getpgrp() or (self.lent and front == os.getpgid(os.getppid()))

    def show(self, make: Callable[[int, int], list[str]]) -> None:
        """Replace the panel by the lines that `make` gives for so many columns and lines; skipped while it hangs."""
        self._send("")
        if self._pending:
            return
        width, height = self.size()
        lines = make(width, height - 1)  # the cursor has the last one
        # tmux remembers of a line that it was wrapped until it is cleared as a whole, and would join it with the next.
        erase = "\x1b[J" if width != self._width else ""
        text = self._up() + erase + "".join(f"{line}\x1b[K\r\n" for line in lines) + "\x1b[J"
        self._shown, self._width = lines, width
        self._send(text)

    def say(self, text: str) -> None:
        """Lines that stay, above the panel."""
        width = self.size()[0]
        text = "\n".join(_wrapped(line, width) for line in text.split("\n"))
        erase = f"{self._up()}\x1b[J" if self._shown else ""
        panel = "".join(f"{line}\r\n" for line in self._shown)
        self._send(f"{erase}{text}\n{panel}".replace("\r\n", "\n").replace("\n", "\r\n"))

    def clear(self) -> None:
        """Take the panel away."""
        if self._shown:
            self._send(f"{self._up()}\x1b[J")
            self._shown = []

    def forget(self) -> None:
        """Leave the panel where it is: somebody else has written to the terminal since."""
        self._shown = []

    def close(self) -> None:
        """Take the panel away and write what is left."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, Stream):
                stream.end_line()
        self.clear()
        if self._pending and select.select([], [self.fd], [], LAST_WORDS)[1]:
            self._send("")

    def _up(self) -> str:
        """Go to the panel's first line. In a terminal that became narrower its lines take more than one each."""
        columns = self.size()[0]
        rows = sum(max(1, -(-_cells(line) // columns)) if columns < self._width else 1 for line in self._shown)
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _send(self, text: str) -> None:
        self._pending += text.encode("utf-8", "replace")
        try:
            while self._pending:
                self._pending = self._pending[os.write(self.fd, self._pending) :]
        except BlockingIOError:
            pass
        except OSError:  # it is gone; the run goes on
            self._pending = b""


def _wrapped(line: str, width: int) -> str:
    """A line broken between words where it is too long; words are left whole, to be copied."""
    if len(line) < width:
        return line
    return textwrap.fill(line, width - 1, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _cells(line: str) -> int:
    from rich.cells import cell_len

    return cell_len(_ESCAPES.sub("", line))


class Stream(io.TextIOBase):
    """In place of stdout or stderr: whole lines go above the panel, and everything to the log, where there is one."""

    def __init__(self, screen: Screen, log: TextIO | None) -> None:
        self.screen, self.log = screen, log
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        if lines:
            self.screen.say("\n".join(lines))
        if self.log is not None:
            self.log.write(text)
            self.log.flush()
        return len(text)

    def log_alone(self, text: str) -> None:
        """Write to the log what the panel shows anyway."""
        if self.log is not None:
            with contextlib.suppress(OSError):
                self.log.write(text)
                self.log.flush()

    def end_line(self) -> None:
        """Write what has no end of line yet."""
        if self._line:
            self.screen.say(self._line)
            self._line = ""

    def fileno(self) -> int:
        return self.screen.fd if self.log is None else self.log.fileno()

    def writable(self) -> bool:
        return True
