"""Show the progress of a sweep: a panel on a terminal, plain lines otherwise, and a JSON file for other programs."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.errors import RunError
from evalsuite.files import printable, read_json, say, write_json
from evalsuite.progress import screen
from evalsuite.progress.status import Status, line
from evalsuite.store import manifest

if TYPE_CHECKING:
    from evalsuite.progress.panel import Panel

# Seconds between two updates.
PANEL_SECONDS = 0.5
FILE_SECONDS = 5.0
LINE_SECONDS = 15.0


class Progress:
    """Shows a status until it is stopped. `file` is where it is written as JSON."""

    def __init__(self, status: Status, file: Path) -> None:
        self.status, self.file = status, file
        self.screen = screen.current()
        self._panel: Panel | None = None
        self._tasks: list[asyncio.Task] = []

    def start(self) -> None:
        """Start showing the status. Needs a running event loop."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run()), loop.create_task(asyncio.to_thread(self._read_scores))]

    def _read_scores(self) -> None:
        for part in self.status.parts.values():
            if part.before:
                part.scores = scores_of(part.folder)

    async def stop(self) -> None:
        """Write the final state, and remove the panel."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        self._write_file()
        if self.screen is not None:
            self.screen.clear()

    def say(self, text: str) -> None:
        """Print lines, above the panel if there is one."""
        for part in text.splitlines():
            say(printable(part, 1000))

    async def _run(self) -> None:
        next_line = next_file = time.monotonic()
        while True:
            now = time.monotonic()
            drawn = self._draw()
            if now >= next_line:
                self._say_line(drawn)
                next_line = now + LINE_SECONDS
            if now >= next_file:
                self._write_file()
                next_file = now + FILE_SECONDS
            await asyncio.sleep(PANEL_SECONDS)

    def _draw(self) -> bool:
        """Draw the panel if we are in the foreground of a terminal; returns whether it was drawn."""
        if self.screen is None:
            return False
        if not self.screen.in_foreground():
            self.screen.forget()
            return False
        if self._panel is None:
            from evalsuite.progress.panel import Panel  # importing rich takes a while

            self._panel = Panel()
        self.screen.show(lambda width, height: self._panel.lines(self.status, width, height))
        return True

    def _say_line(self, drawn: bool) -> None:
        text = f"[{time.strftime('%H:%M:%S')}] {line(self.status)}"
        if isinstance(sys.stdout, screen.Stream) and (drawn or self.screen.lent):
            sys.stdout.write_log(f"{text}\n")
        elif not drawn:
            say(text)

    def _write_file(self) -> None:
        with contextlib.suppress(RunError):  # a full disk is reported when something important cannot be written
            write_json(self.file, self.status.as_json())


def scores_of(folder: Path) -> dict[str, float] | None:
    """The scores of a finished experiment by metric, the primary one first; None if its files cannot be read."""
    try:
        found = manifest.read(folder) or {}
        results = read_json(folder / found["results_file"])["results"]
        task = next(values for name, values in results.items() if name != "all")
        return {metric: float(task[metric]) for metric in found["metrics"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None
