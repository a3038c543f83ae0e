"""One holder an experiment, on NFS too: a lock is a file linked into place, kept fresh by its holder.

`link` is atomic on NFS where `flock` may not be. A holder on this host is alive if its process is; one on another
host if its file's time still moves. A dead holder's lock is taken over.
"""

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from evalsuite.errors import RunError

NAME = ".lock"
BEAT_SECONDS = 15.0
STALE_SECONDS = 90.0


def process_start(pid: int) -> str | None:
    """When a process began, in the kernel's ticks: a pid that was given again is another process. None: no process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else fields[19]


class Locks:
    """The locks that this process holds. `held_list`, the supervisor's, names them for cleaning after a kill."""

    def __init__(self, held_list: Path | None = None) -> None:
        pid = os.getpid()
        self.me = {"host": socket.gethostname(), "pid": pid, "start": process_start(pid), "id": uuid.uuid4().hex}
        self.held: set[Path] = set()
        self._held_list = held_list
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._beat = threading.Thread(target=self._keep_fresh, name="locks", daemon=True)
        self._beat.start()

    def acquire(self, folder: Path) -> str | None:
        """Take a folder's lock; None when it is ours, else who holds it. Raises RunError where the disk refuses."""
        path = folder / NAME
        mine = folder / f"{NAME}.{self.me['id']}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            mine.write_text(json.dumps(self.me))
            try:
                return self._take(path, mine)
            finally:
                mine.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(f"cannot lock {folder}: {error.strerror}; is it a folder that can be written?") from error

    def _take(self, path: Path, mine: Path) -> str | None:
        for _ in range(3):
            try:
                os.link(mine, path)
            except FileExistsError:
                holder = _read(path)
                if holder is not None and self._alive(holder, path):
                    return f"{holder.get('host')}, process {holder.get('pid')}"
                self._remove_stale(path, holder)
                continue
            self._note(path, add=True)
            return None
        return "another process that is taking it over"

    def _alive(self, holder: dict[str, Any], path: Path) -> bool:
        if holder.get("host") == self.me["host"]:
            return process_start(int(holder.get("pid", 0))) == holder.get("start")
        with contextlib.suppress(OSError):
            return time.time() - path.stat().st_mtime < STALE_SECONDS
        return False

    def _remove_stale(self, path: Path, seen: dict[str, Any] | None) -> None:
        """Move a dead holder's lock away; if a third process was quicker, its lock is put back."""
        aside = path.with_name(f"{NAME}.stale.{self.me['id']}")
        with contextlib.suppress(OSError):
            os.rename(path, aside)
            if _read(aside) != seen:
                with contextlib.suppress(FileExistsError):
                    os.link(aside, path)
            aside.unlink()

    def _note(self, path: Path, add: bool) -> None:
        with self._guard:
            (self.held.add if add else self.held.discard)(path)
            if self._held_list is not None:
                self._held_list.write_text("\0".join(str(held.resolve()) for held in self.held), encoding="utf-8")

    def release(self, folder: Path) -> None:
        """Give a folder's lock back, if it is still ours."""
        path = folder / NAME
        if path in self.held:
            holder = _read(path)
            if holder is not None and holder.get("id") == self.me["id"]:
                path.unlink(missing_ok=True)
            self._note(path, add=False)

    def release_all(self) -> None:
        """Give all locks back and stop keeping them fresh."""
        for path in list(self.held):
            self.release(path.parent)
        self._stop.set()
        self._beat.join()

    def _keep_fresh(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            for path in list(self.held):
                with contextlib.suppress(OSError):
                    os.utime(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
