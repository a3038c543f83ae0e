"""Ends a server and all its processes when main.py ends: `python supervisor.py FD FOLDER [COMMAND...]`.

main.py holds the writing end of a pipe whose reading end is FD. When it closes (main.py ended, however), or when the
server ends (however), every process that the server started is killed, the locks named in FOLDER/held and FOLDER
itself (the private socket folder) are removed, and the supervisor exits with the server's exit code. It runs in a
session of its own, so that a Ctrl-C in the terminal reaches main.py alone, and leaves polite signals to main.py, too:
Slurm sends them to every process of a job. Without a command it only waits and cleans up.
One without a command waits besides for the supervisors whose folders lie in its own: should one of them have been
killed, it does its work. Standard library only: it must start at once and outlive anything.
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

MARK = "EVALSUITE_SUPERVISOR"  # the environment variable by which all that a supervisor started can be found
OTHERS = "others"  # the file in the private folder that names another folder to remove
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE_SECONDS = 5.0  # between the polite and the hard signal
ORPHAN_SECONDS = 1.0  # the same, once the server itself has ended
SHELTER_SECONDS = 12.0  # for other supervisors to do their work


def prctl(option: int, value: int) -> None:
    """Linux's prctl; elsewhere nothing happens and only the process group is killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """Every living process below `root`, from /proc; zombies are left out."""
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


def reap() -> None:
    """Collect ended children, adopted ones too."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def kill_all(server: subprocess.Popen) -> None:
    """End the server and all it started: politely first, then for certain."""
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 30.0)):
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


def wait(pipe: int, server: subprocess.Popen | None) -> None:
    """Return when the pipe is closed or the server has ended."""
    while server is None or server.poll() is None:
        if select.select([pipe], [], [], 0.2 if server else None)[0]:
            return


def clean(folder: str) -> None:
    """Remove the locks that FOLDER/held names (the holder's id, then the locks, NUL between them), and FOLDER."""
    with contextlib.suppress(OSError), open(os.path.join(folder, "held"), errors="surrogateescape") as stream:
        holder, *locks = stream.read().split("\0")
        for path in locks:
            with contextlib.suppress(OSError, ValueError, AttributeError), open(path) as lock:
                if json.load(lock).get("id") == holder:  # not one that was taken over meanwhile
                    os.unlink(path)
            for mine in (f"{path}.{holder}", f"{path}.stale.{holder}"):
                with contextlib.suppress(OSError):
                    os.unlink(mine)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(path))  # a folder that stayed empty
    with contextlib.suppress(OSError), open(os.path.join(folder, OTHERS)) as stream:
        shutil.rmtree(stream.read(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def sheltered(folder: str) -> list[int]:
    """Processes of the supervisors whose folders lie in `folder`."""
    prefix, found = f"{MARK}={folder}/".encode(), []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as stream:
            if any(part.startswith(prefix) for part in stream.read().split(b"\0")):
                found.append(int(name))
    return found


def end_sheltered(folder: str) -> None:
    """Return when none of those is left; kill them when they take too long."""
    deadline = time.monotonic() + SHELTER_SECONDS
    while left := sheltered(folder):
        supervised = any(_is_supervisor(pid) for pid in left)
        for pid in left if time.monotonic() > deadline or not supervised else ():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline + SHELTER_SECONDS:
            return
        time.sleep(0.1)


def _is_supervisor(pid: int) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as stream:
        return b"supervisor.py" in stream.read()
    return False


def main(argv: list[str]) -> int:
    pipe, folder, command = int(argv[0]), argv[1], argv[2:]
    os.set_inheritable(pipe, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the server would inherit
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    server = None
    if command:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, 9))
    wait(pipe, server)
    if server is not None:
        kill_all(server)
    else:
        end_sheltered(folder)
    clean(folder)
    code = server.poll() if server is not None else 0
    return 128 - code if code is not None and code < 0 else code or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
