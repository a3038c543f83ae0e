"""Starting and stopping the supervisor that outlives us: see supervisor.py."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from evalsuite.engine.supervisor import MARK, OTHERS

SUPERVISOR = Path(__file__).with_name("supervisor.py")
STOP_SECONDS = 45.0


class SupervisedProcess:
    """A supervisor process and, if a command is given, the server below it; both end when this process does.

    `folder` is private (0700) and short, since a Unix socket's path may have at most about 100 characters.
    """

    home: ClassVar[Path | None] = None  # the folder of the one that shelters others

    def __init__(
        self, command: Sequence[str] = (), *, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="eval-", dir=SupervisedProcess.home or short_temporary_folder()))
        reader, self._writer = os.pipe()
        expanded = [part.replace("{folder}", str(self.folder)) for part in command]
        values = (os.environ if env is None else env) | {MARK: "{folder}"}
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(SUPERVISOR), str(reader), str(self.folder), *expanded],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={name: value.replace("{folder}", str(self.folder)) for name, value in values.items()},
                pass_fds=(reader,),
                start_new_session=True,
            )
        os.close(reader)

    def shelter(self) -> None:
        """Take the folders of later ones into this one's, and multiprocessing's, which is removed only politely.

        Then nothing of them outlives us, whatever is killed, an engine's own supervisor included.
        """
        from multiprocessing import util

        SupervisedProcess.home = self.folder
        (self.folder / OTHERS).write_text(util.get_temp_dir())

    @property
    def exit_code(self) -> int | None:
        """The server's exit code once it and all it started are gone; None while anything of it lives."""
        return self.process.poll()

    def stop(self) -> None:
        """Let go: the supervisor ends the server and all it started; returns when they are gone."""
        if SupervisedProcess.home == self.folder:
            SupervisedProcess.home = None
            (self.folder / OTHERS).unlink(missing_ok=True)  # still in use, and removed when this process ends
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.returncode < 0:  # it was killed itself, and what it watched over lives on
            kill_marked(f"{MARK}={self.folder}")
        shutil.rmtree(self.folder, ignore_errors=True)


def kill_marked(mark: str) -> None:
    """Kill every process that was started with `mark` in its environment, and those that they start meanwhile."""
    deadline = time.monotonic() + STOP_SECONDS
    while (living := marked(mark)) and time.monotonic() < deadline:
        for pid in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def marked(mark: str) -> list[int]:
    """Processes of ours that were started with `mark` in their environment; those that have ended have none left."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if mark.encode() in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                found.append(int(name))
    return found


def short_temporary_folder() -> str:
    """The user's temporary folder, or /tmp where that one's path is too long to hold a socket."""
    chosen = tempfile.gettempdir()
    return chosen if len(chosen) < 60 else "/tmp"
