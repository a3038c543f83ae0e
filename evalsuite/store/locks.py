"""One holder an experiment, on NFS too: a lock is a file linked into place, kept fresh by its holder.

`link` is atomic on NFS where `flock` may not be. A holder on this machine is alive if its process is; one elsewhere
(another host, another container) if its file's time still moves, by the file server's clock. A dead holder's lock is
taken over.
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
TAKEOVER = ".lock.takeover"  # who may remove a dead holder's lock
BEAT_SECONDS = 15.0
STALE_SECONDS = 90.0
DOUBT_SECONDS = 600.0  # the same where two clocks are compared


def process_start(pid: int) -> str | None:
    """When a process began, in the kernel's ticks: a pid that was given again is another process. None: no process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def machine() -> str:
    """What tells machines apart whose processes cannot see each other: this boot, this container's process numbers."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    return socket.gethostname()


def is_held(folder: Path) -> bool:
    """Whether a living process holds a folder's lock; nothing is touched, so that elsewhere our own clock must do."""
    holder = _read(folder / NAME)
    if holder is None:
        return False
    if holder.get("machine") == machine():
        return _is_running(holder)
    with contextlib.suppress(OSError):
        return time.time() - (folder / NAME).stat().st_mtime < DOUBT_SECONDS
    return False


def _is_running(holder: dict[str, Any]) -> bool:
    began = process_start(holder["pid"]) if isinstance(holder.get("pid"), int) else None
    return began is not None and began == holder.get("start")


class Locks:
    """The locks that this process holds. `held_list`, the supervisor's, names them for cleaning after a kill."""

    def __init__(self, held_list: Path | None = None) -> None:
        pid = os.getpid()
        self.me = {"host": socket.gethostname(), "machine": machine(), "pid": pid, "start": process_start(pid)}
        self.me["id"] = uuid.uuid4().hex
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
            self._note(path, add=True)  # before it is there, so that a kill at any moment leaves nothing behind
            mine.write_text(json.dumps(self.me))
            try:
                holder = self._take(path, mine)
            finally:
                mine.unlink(missing_ok=True)
        except OSError as error:
            self._note(path, add=False)
            raise RunError(
                f"cannot lock {folder}: {error.strerror}; it must be a folder that can be written"
            ) from error
        if holder is not None:
            self._note(path, add=False)
        return holder

    def _take(self, path: Path, mine: Path) -> str | None:
        for _ in range(3):
            try:
                os.link(mine, path)
                return None
            except FileExistsError:
                holder = _read(path)
                if holder == self.me:  # NFS may report an error for a link that it made
                    return None
                if holder is not None and self._alive(holder, path, mine):
                    return f"{holder.get('host')}, process {holder.get('pid')}"
                self._remove_dead(path, mine)
        return "another process that is taking it over"

    def _alive(self, holder: dict[str, Any], path: Path, mine: Path) -> bool:
        if holder.get("machine") == self.me["machine"]:
            return _is_running(holder)
        with contextlib.suppress(OSError):
            os.utime(mine)
            return mine.stat().st_mtime - path.stat().st_mtime < STALE_SECONDS
        return False

    def _remove_dead(self, path: Path, mine: Path) -> None:
        """Remove a dead holder's lock, if nobody else is at it: of two, the slower would remove the quicker's own."""
        guard = path.with_name(TAKEOVER)
        try:
            os.link(mine, guard)
        except FileExistsError:
            admitted = _read(guard)
            if admitted is not None and not self._alive(admitted, guard, mine):  # killed in the middle of it
                guard.unlink(missing_ok=True)
            time.sleep(0.02)
            return
        try:
            holder = _read(path)  # anew: it may be a living one's by now
            if holder is not None and not self._alive(holder, path, mine):
                path.unlink(missing_ok=True)
        finally:
            guard.unlink(missing_ok=True)

    def _note(self, path: Path, add: bool) -> None:
        """Keep the supervisor's list: our id, then the locks. A list that cannot be written costs a stale lock."""
        with self._guard, contextlib.suppress(OSError):
            (self.held.add if add else self.held.discard)(path)
            if self._held_list is not None:
                lines = [self.me["id"], *(str(held.resolve()) for held in self.held)]
                self._held_list.write_text("\0".join(lines), encoding="utf-8", errors="surrogateescape")

    def release(self, folder: Path) -> None:
        """Give a folder's lock back, if it is still ours; a folder that stayed empty goes with it."""
        path = folder / NAME
        if path in self.held:
            holder = _read(path)
            with contextlib.suppress(OSError):  # a disk that refuses leaves a lock that the next run takes over
                if holder == self.me:
                    path.unlink(missing_ok=True)
                folder.rmdir()
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
    """Whose lock it is; None where there is none, nobody's ({}) where it is damaged: then its age alone tells."""
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
