"""Locks on folders, so that only one process works on an experiment, on NFS too.

A lock is a file that its holder links into place and whose modification time it keeps updating. `link` is atomic on
NFS, where `flock` may not be. A holder on this machine is alive if its process is. A holder elsewhere (another host or
another container) is alive if it has updated the file within STALE_SECONDS, by the file server's clock. The lock of a
dead holder is taken over.
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
TAKEOVER = ".lock.takeover"  # held by the process that is removing a dead holder's lock
BEAT_SECONDS = 15.0  # between two updates of a lock's time
STALE_SECONDS = 90.0  # without an update, after which a holder elsewhere counts as dead
DOUBT_SECONDS = 600.0  # the same if our own clock has to be compared with the file server's


def process_start(pid: int) -> str | None:
    """When a process started, in kernel ticks since boot: with its ID, this identifies a process although IDs are
    reused. None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def machine() -> str:
    """Identify what shares our process IDs: the boot of this machine and the PID namespace of this container."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    return socket.gethostname()


def is_held(folder: Path) -> bool:
    """Whether a living process holds a folder's lock. It writes nothing, so it must use our own clock for a holder
    elsewhere."""
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
    """The locks that this process holds. `held_list` is the file that tells our supervisor which locks to remove if
    this process is killed."""

    def __init__(self, held_list: Path | None = None) -> None:
        pid = os.getpid()
        self.me = {"host": socket.gethostname(), "machine": machine(), "pid": pid, "start": process_start(pid)}
        self.me["id"] = uuid.uuid4().hex
        self.held: set[Path] = set()
        self._held_list = held_list
        self._list_lock = threading.Lock()
        self._stop = threading.Event()
        self._beat = threading.Thread(target=self._keep_fresh, name="locks", daemon=True)
        self._beat.start()

    def acquire(self, folder: Path) -> str | None:
        """Take a folder's lock; returns None if we have it now, else a description of its holder.

        Raises RunError if the folder cannot be written.
        """
        path = folder / NAME
        mine = folder / f"{NAME}.{self.me['id']}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._update_list(path, add=True)  # before the lock exists, so that a kill at any moment leaves nothing
            mine.write_text(json.dumps(self.me))
            try:
                holder = self._take(path, mine)
            finally:
                mine.unlink(missing_ok=True)
        except OSError as error:
            self._update_list(path, add=False)
            raise RunError(
                f"cannot lock {folder}: {error.strerror}; check its permissions and the disk's free space"
            ) from error
        if holder is not None:
            self._update_list(path, add=False)
        return holder

    def _take(self, path: Path, mine: Path) -> str | None:
        for _ in range(3):
            try:
                os.link(mine, path)
                return None
            except FileExistsError:
                holder = _read(path)
                if holder == self.me:  # NFS may report an error although it made the link
                    return None
                if holder is not None and self._is_alive(holder, path, mine):
                    return f"{holder.get('host')}, process {holder.get('pid')}"
                self._remove_dead(path, mine)
        return "another process that is taking it over"

    def _is_alive(self, holder: dict[str, Any], path: Path, mine: Path) -> bool:
        """Whether the holder of the lock `path` is alive. `mine` is a file of ours beside it, to ask for the time."""
        if holder.get("machine") == self.me["machine"]:
            return _is_running(holder)
        with contextlib.suppress(OSError):
            os.utime(mine)
            return mine.stat().st_mtime - path.stat().st_mtime < STALE_SECONDS
        return False

    def _remove_dead(self, path: Path, mine: Path) -> None:
        """Remove a dead holder's lock. A second lock, TAKEOVER, admits one process at a time: otherwise the slower of
        two would remove the lock that the faster one has just taken."""
        guard = path.with_name(TAKEOVER)
        try:
            os.link(mine, guard)
        except FileExistsError:
            admitted = _read(guard)
            if admitted is not None and not self._is_alive(admitted, guard, mine):  # it was killed before it finished
                guard.unlink(missing_ok=True)
            time.sleep(0.02)
            return
        try:
            holder = _read(path)  # again, since a living process may hold it by now
            if holder is not None and not self._is_alive(holder, path, mine):
                path.unlink(missing_ok=True)
        finally:
            guard.unlink(missing_ok=True)

    def _update_list(self, path: Path, add: bool) -> None:
        """Update the supervisor's list: our id, then our locks. If that fails, a kill may leave a lock behind, which
        the next run takes over."""
        with self._list_lock, contextlib.suppress(OSError):
            (self.held.add if add else self.held.discard)(path)
            if self._held_list is not None:
                lines = [self.me["id"], *(str(held.resolve()) for held in self.held)]
                self._held_list.write_text("\0".join(lines), encoding="utf-8", errors="surrogateescape")

    def release(self, folder: Path) -> None:
        """Release a folder's lock if it is still ours; removes the folder too if it is empty."""
        path = folder / NAME
        if path in self.held:
            holder = _read(path)
            with contextlib.suppress(OSError):  # if this fails, the next run takes the lock over
                if holder == self.me:
                    path.unlink(missing_ok=True)
                folder.rmdir()
            self._update_list(path, add=False)

    def release_all(self) -> None:
        """Release all locks and stop updating them."""
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
    """The holder of a lock; None if there is no lock. A damaged lock has the holder {}, so only its age counts."""
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
