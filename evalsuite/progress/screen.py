"""The terminal while a command runs: ordinary lines, and below them a panel that changes.

If stdout is a terminal, the panel is drawn there. run_interactive.sh instead redirects stdout to its log, and passes
the terminal's name in EVALSUITE_SCREEN: then lines go to both, and the panel only to the terminal. The terminal's
modes are never changed and the cursor is never hidden, so it stays usable however the command ends, even by SIGKILL.
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
CLOSE_SECONDS = 2.0  # to wait at the end for a terminal that does not accept output
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_screen: "Screen | None" = None


def current() -> "Screen | None":
    """The terminal that `attach` found; None if there is none."""
    return _screen


def attach() -> None:
    """Find the terminal, if there is one, and make everything that Python prints appear above the panel."""
    global _screen
    lent = os.environ.pop(VARIABLE, "")  # removed, so that our children do not draw on it, too
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
    """A terminal, by its name. `lent` means that it was passed by run_interactive.sh.

    It is opened without blocking, because a terminal that hangs must not block the run. Raises OSError if it cannot be
    opened.
    """

    def __init__(self, name: str, lent: bool = False) -> None:
        self.fd = os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.lent = lent
        self._pending = b""
        self._shown: list[str] = []
        self._width = 0  # of the terminal when the panel was shown
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # with `stty tostop`, the signal would stop us in the background

    def size(self) -> tuple[int, int]:
        """The number of columns and lines."""
        with contextlib.suppress(OSError):
            columns, lines = os.get_terminal_size(self.fd)
            if columns and lines:
                return columns, lines
        return 80, 24

    def in_foreground(self) -> bool:
        """Whether we, or the script that lent us the terminal, are its foreground job."""
        try:
            foreground = os.tcgetpgrp(self.fd)
        except OSError:  # it is not our controlling terminal
            return True
        return foreground == os.getpgrp() or (self.lent and foreground == os.getpgid(os.getppid()))

    def show(self, make: Callable[[int, int], list[str]]) -> None:
        """Replace the panel by the lines of `make(columns, lines)`; does nothing while the terminal hangs."""
        self._send("")
        if self._pending:
            return
        width, height = self.size()
        lines = make(width, height - 1)  # the cursor is on the last line
        # tmux remembers that a line was wrapped until it is cleared as a whole, and would join it with the next one.
        erase = "\x1b[J" if width != self._width else ""
        text = self._up() + erase + "".join(f"{line}\x1b[K\r\n" for line in lines) + "\x1b[J"
        self._shown, self._width = lines, width
        self._send(text)

    def say(self, text: str) -> None:
        """Print lines above the panel."""
        width = self.size()[0]
        text = "\n".join(_wrapped(line, width) for line in text.split("\n"))
        erase = f"{self._up()}\x1b[J" if self._shown else ""
        panel = "".join(f"{line}\r\n" for line in self._shown)
        self._send(f"{erase}{text}\n{panel}".replace("\r\n", "\n").replace("\n", "\r\n"))

    def clear(self) -> None:
        """Remove the panel."""
        if self._shown:
            self._send(f"{self._up()}\x1b[J")
            self._shown = []

    def forget(self) -> None:
        """Leave the panel on the terminal and do not change it again, because others may have written below it."""
        self._shown = []

    def close(self) -> None:
        """Remove the panel and write what has not been written yet."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, Stream):
                stream.end_line()
        self.clear()
        if self._pending and select.select([], [self.fd], [], CLOSE_SECONDS)[1]:
            self._send("")

    def _up(self) -> str:
        """The escape code to move to the panel's first line. If the terminal became narrower, its lines are wrapped."""
        columns = self.size()[0]
        rows = sum(max(1, -(-_cells(line) // columns)) if columns < self._width else 1 for line in self._shown)
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _send(self, text: str) -> None:
        """Write text, or as much of it as the terminal accepts now; the rest is written later."""
        self._pending += text.encode("utf-8", "replace")
        try:
            while self._pending:
                self._pending = self._pending[os.write(self.fd, self._pending) :]
        except BlockingIOError:
            pass
        except OSError:  # the terminal is gone, but the run continues
            self._pending = b""


def _wrapped(line: str, width: int) -> str:
    """A line broken between words if it is too long. Words are kept whole, so that they can be copied."""
    if len(line) < width:
        return line
    return textwrap.fill(line, width - 1, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _cells(line: str) -> int:
    """The number of columns that a line takes."""
    from rich.cells import cell_len

    return cell_len(_ESCAPES.sub("", line))


class Stream(io.TextIOBase):
    """Replaces stdout or stderr: whole lines are printed above the panel, and everything goes to `log`, if given."""

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

    def write_log(self, text: str) -> None:
        """Write only to the log, because the panel shows the same."""
        if self.log is not None:
            with contextlib.suppress(OSError):
                self.log.write(text)
                self.log.flush()

    def end_line(self) -> None:
        """Print a last line that has no line break."""
        if self._line:
            self.screen.say(self._line)
            self._line = ""

    def fileno(self) -> int:
        return self.screen.fd if self.log is None else self.log.fileno()

    def writable(self) -> bool:
        return True
