"""Start and stop processes through a supervisor, which ends them even if we are killed: see supervisor.py."""

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

from evalsuite.engine.supervisor import ALSO_REMOVE, MARK

SUPERVISOR = Path(__file__).with_name("supervisor.py")
STOP_SECONDS = 45.0


class SupervisedProcess:
    """A supervisor and, if a command is given, the server that it runs. Both end when this process ends, in any way.

    Without a command, the supervisor only cleans up after this process. `folder` is a private folder (mode 0700) with a
    short path, because the path of a Unix socket may have at most about 100 characters. In `command` and `env`,
    `{folder}` stands for it.
    """

    parent_folder: ClassVar[Path | None] = None  # where later instances put their folders

    def __init__(
        self, command: Sequence[str] = (), *, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        parent = SupervisedProcess.parent_folder or short_temporary_folder()
        self.folder = Path(tempfile.mkdtemp(prefix="eval-", dir=parent))
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

    def watch_over_later_ones(self) -> None:
        """Put the folders of later instances into this one's, so that its supervisor also does their supervisors' work
        if these are killed. It then also removes multiprocessing's temporary folder, which a kill would leave behind.
        """
        from multiprocessing import util

        SupervisedProcess.parent_folder = self.folder
        (self.folder / ALSO_REMOVE).write_text(util.get_temp_dir())

    @property
    def exit_code(self) -> int | None:
        """The server's exit code once it and everything that it started are gone; None until then."""
        return self.process.poll()

    def stop(self) -> None:
        """Make the supervisor end the server and everything that it started; returns when they are gone."""
        if SupervisedProcess.parent_folder == self.folder:
            SupervisedProcess.parent_folder = None
            (self.folder / ALSO_REMOVE).unlink(missing_ok=True)  # multiprocessing still uses that folder
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.returncode < 0:  # the supervisor itself was killed, so the server may be alive
            kill_marked(f"{MARK}={self.folder}")
        shutil.rmtree(self.folder, ignore_errors=True)


def kill_marked(mark: str) -> None:
    """Kill every process that was started with `mark` in its environment, until none is left."""
    deadline = time.monotonic() + STOP_SECONDS
    while (living := marked(mark)) and time.monotonic() < deadline:
        for pid in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def marked(mark: str) -> list[int]:
    """The IDs of our processes that were started with `mark` (NAME=value) in their environment."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if mark.encode() in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                found.append(int(name))
    return found


def short_temporary_folder() -> str:
    """The user's temporary folder, or /tmp if its path is too long for a socket in it."""
    chosen = tempfile.gettempdir()
    return chosen if len(chosen) < 60 else "/tmp"
