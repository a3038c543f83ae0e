"""End a server and all its processes when main.py ends: `python supervisor.py FD FOLDER [COMMAND...]`.

main.py holds the writing end of a pipe, and FD is its reading end. When the pipe closes because main.py ended, or when
the server ends, the supervisor kills every process that the server started, removes the locks listed in FOLDER/held and
FOLDER itself (the private folder with the socket), and exits with the server's exit code.

The supervisor runs in its own session, so that a Ctrl-C in the terminal reaches only main.py. It also ignores SIGTERM,
which Slurm sends to every process of a job, because main.py decides what to do.

Without COMMAND, it only waits for main.py to end and then cleans up. It also waits for the supervisors whose folders
are inside FOLDER, and if one of them was killed, does its work.
It uses only the standard library, so that it starts quickly and depends on nothing.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

MARK = "EVALSUITE_SUPERVISOR"  # environment variable by which everything that a supervisor started can be found
ALSO_REMOVE = "others"  # file in the private folder that holds the path of another folder to remove
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE_SECONDS = 5.0  # from SIGTERM to SIGKILL
ORPHAN_SECONDS = 1.0  # the same if the server itself has ended
KILL_SECONDS = 30.0  # for processes to disappear after SIGKILL
NESTED_SECONDS = 12.0  # for the supervisors inside our folder to do their work


def main(argv: list[str]) -> int:
    """Supervise as described above; returns the server's exit code, or 128 plus the signal that ended it."""
    pipe, folder, command = int(argv[0]), argv[1], argv[2:]
    os.set_inheritable(pipe, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # the server would inherit SIG_IGN, but not this
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    server = None
    if command:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, 9))
    wait(pipe, server)
    if server is not None:
        kill_all(server)
    else:
        end_nested(folder)
    clean(folder)
    code = server.poll() if server is not None else 0
    return 128 - code if code is not None and code < 0 else code or 0


def prctl(option: int, value: int) -> None:
    """Linux's prctl. On other systems it does nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def wait(pipe: int, server: subprocess.Popen | None) -> None:
    """Return when the pipe is closed or the server has ended."""
    while server is None or server.poll() is None:
        if select.select([pipe], [], [], 0.2 if server else None)[0]:
            return


def kill_all(server: subprocess.Popen) -> None:
    """End the server and everything that it started: first with SIGTERM, then with SIGKILL."""
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if server.poll() is not None:
                reap()
                if number == signal.SIGTERM and patience > ORPHAN_SECONDS:
                    patience, deadline = ORPHAN_SECONDS, time.monotonic() + ORPHAN_SECONDS
            living = descendants(os.getpid())
            if not living:
                return
            for pid in living:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            time.sleep(0.1)


def reap() -> None:
    """Collect the exit codes of ended children, including adopted ones."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def descendants(root: int) -> list[int]:
    """The IDs of all living processes below `root`, from /proc; zombies are left out."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{name}/stat", "rb") as stream:
                state, parent = stream.read().rpartition(b")")[2].split()[:2]
            if state not in (b"Z", b"X"):
                children.setdefault(int(parent), []).append(int(name))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def clean(folder: str) -> None:
    """Remove the locks listed in FOLDER/held (the holder's id, then the locks, separated by NUL), and FOLDER itself."""
    with contextlib.suppress(OSError), open(os.path.join(folder, "held"), errors="surrogateescape") as stream:
        holder, *locks = stream.read().split("\0")
        for path in locks:
            with contextlib.suppress(OSError, ValueError, AttributeError), open(path) as lock:
                if json.load(lock).get("id") == holder:  # it has not been taken over by another process
                    os.unlink(path)
            for mine in (f"{path}.{holder}", f"{path}.stale.{holder}"):
                with contextlib.suppress(OSError):
                    os.unlink(mine)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(path))  # if it is empty
    with contextlib.suppress(OSError), open(os.path.join(folder, ALSO_REMOVE)) as stream:
        shutil.rmtree(stream.read(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def nested_processes(folder: str) -> list[int]:
    """The supervisors whose folders are inside `folder`, and the processes that they started."""
    prefix, found = f"{MARK}={folder}/".encode(), []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as stream:
            if any(part.startswith(prefix) for part in stream.read().split(b"\0")):
                found.append(int(name))
    return found


def end_nested(folder: str) -> None:
    """Return when none of those processes is left; kill them if they include no supervisor, or take too long."""
    deadline = time.monotonic() + NESTED_SECONDS
    while left := nested_processes(folder):
        supervised = any(_is_supervisor(pid) for pid in left)
        for pid in left if time.monotonic() > deadline or not supervised else ():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline + NESTED_SECONDS:
            return
        time.sleep(0.1)


def _is_supervisor(pid: int) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as stream:
        return b"supervisor.py" in stream.read()
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
