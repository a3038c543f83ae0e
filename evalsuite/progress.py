"""What is seen while a sweep runs: a live panel on a terminal, plain lines elsewhere, and a file for programs."""

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.errors import RunError
from evalsuite.files import printable, say, write_json
from evalsuite.generate import Counters

LINE_SECONDS = 15.0
LIVE_SECONDS = 0.5
FILE_SECONDS = 5.0


@dataclass
class Status:
    """The sweep in numbers. `asked` and `had` are completions: all of the sweep, and those journaled before."""

    experiments: int
    asked: int = 0
    had: int = 0
    phase: str = "planning"
    graded: dict[str, dict[str, float]] = field(default_factory=dict)
    done_before: int = 0
    failed: int = 0
    counters: Counters = field(default_factory=Counters)
    began: float = field(default_factory=time.monotonic)
    generation_began: float | None = None
    engine_start_seconds: float | None = None  # from launching the engine until it answered

    @property
    def finished(self) -> int:
        """Completions that are journaled."""
        return self.had + self.counters.completions

    def tokens_per_second(self) -> float | None:
        """Generated tokens a second since generation began, by the engine's counters where it has them."""
        if self.generation_began is None:
            return None
        seconds = time.monotonic() - self.generation_began
        tokens = max(self.counters.engine_tokens, self.counters.tokens)
        return tokens / seconds if seconds > 1 and tokens else None

    def seconds_left(self) -> float | None:
        """Time left at the pace of the completions so far; None before the first few."""
        if self.generation_began is None or self.counters.completions < 5:
            return None
        pace = self.counters.completions / (time.monotonic() - self.generation_began)
        return (self.asked - self.finished) / pace

    def as_json(self) -> dict[str, Any]:
        """What the progress file holds."""
        counters = self.counters
        return {
            "phase": self.phase,
            "experiments": self.experiments,
            "experiments_done": self.done_before + len(self.graded),
            "completions": self.finished,
            "completions_asked": self.asked,
            "tokens": counters.tokens,
            "tokens_per_second": self.tokens_per_second(),
            "seconds_left": self.seconds_left(),
            "seconds": round(time.monotonic() - self.began, 1),
            "running": counters.running,
            "waiting": counters.waiting,
            "engine_start_seconds": self.engine_start_seconds,
            "restarts": counters.restarts,
            "retries": counters.retries,
            "failed": self.failed,
            "graded": self.graded,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }


def line(status: Status) -> str:
    """The sweep in one line."""
    parts = [f"{status.done_before + len(status.graded)}/{status.experiments} experiments", status.phase]
    if status.asked:
        parts.append(f"{status.finished}/{status.asked} completions")
    if (speed := status.tokens_per_second()) is not None and status.phase == "generating":
        parts.append(f"{speed:,.0f} tokens/s")
    if (left := status.seconds_left()) is not None and status.phase == "generating":
        parts.append(f"{duration(left)} left")
    if status.counters.running is not None and status.phase == "generating":
        parts.append(f"engine {status.counters.running:.0f}+{status.counters.waiting or 0:.0f}")
    if status.counters.restarts:
        parts.append(f"{status.counters.restarts} restarts")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(42), duration(3725)
    ('42 s', '1 h 02 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class Progress:
    """Shows a status until stopped. `say` prints a line of its own above it."""

    def __init__(self, status: Status, file: Path | None) -> None:
        self.status, self.file = status, file
        self.live = sys.stdout.isatty()
        self._shown = False
        self._task: asyncio.Task | None = None

    def start(self) -> None:
        """Begin showing; needs a running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Show the last state and end."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._write_file()
        self._clear()

    def say(self, text: str) -> None:
        """Print lines that stay."""
        self._clear()
        for part in text.splitlines():
            say(printable(part, 1000))

    async def _run(self) -> None:
        next_line = next_file = time.monotonic()
        while True:
            now = time.monotonic()
            if self.live:
                self._draw()
            elif now >= next_line:
                say(f"[{time.strftime('%H:%M:%S')}] {line(self.status)}")
                next_line = now + LINE_SECONDS
            if now >= next_file:
                self._write_file()
                next_file = now + FILE_SECONDS
            await asyncio.sleep(LIVE_SECONDS)

    def _draw(self) -> None:
        width = _width()
        say("\r\x1b[K" + line(self.status)[: width - 1], end="")
        self._shown = True

    def _clear(self) -> None:
        if self._shown:
            say("\r\x1b[K", end="")
            self._shown = False

    def _write_file(self) -> None:
        if self.file is not None:
            with contextlib.suppress(RunError):  # a full disk is reported where it loses something
                write_json(self.file, self.status.as_json())


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((80, 24)).columns
