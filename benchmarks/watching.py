"""Measures the peak memory and CPU time of a command and all its descendants, from /proc while it runs."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAUSE = 0.2


@dataclass
class Process:
    """The peak resident memory and the CPU seconds of one process."""

    role: str
    peak_mb: float = 0.0
    cpu_s: float = 0.0


@dataclass
class Watch:
    """The measurements of a command and its descendants; `main_cpu` are (time, CPU seconds) of the command itself."""

    pid: int
    seen: dict[tuple[int, str], Process] = field(default_factory=dict)
    main_cpu: list[tuple[float, float]] = field(default_factory=list)

    def sample(self) -> None:
        """Read every living process of the tree once."""
        parents = dict(_parents())
        for pid, (parent, started, cpu) in parents.items():
            if not _below(pid, self.pid, parents):
                continue
            one = self.seen.setdefault((pid, started), Process(_role(pid, parent, self.pid)))
            one.cpu_s, one.peak_mb = cpu, max(one.peak_mb, _peak_mb(pid))
            if pid == self.pid:
                self.main_cpu.append((time.time(), cpu))

    def cpu_between(self, first: float, last: float) -> float:
        """CPU seconds of the command itself between two times, from the samples around them."""
        before = max((cpu for at, cpu in self.main_cpu if at <= first), default=0.0)
        after = min((cpu for at, cpu in self.main_cpu if at >= last), default=self.main_cpu[-1][1])
        return after - before

    def by_role(self) -> dict[str, dict[str, float]]:
        """For each role, the number of processes, the largest peak memory, and the total CPU time."""
        found: dict[str, dict[str, float]] = {}
        for one in self.seen.values():
            row = found.setdefault(one.role, {"processes": 0, "peak_mb": 0.0, "cpu_s": 0.0})
            row["processes"] += 1
            row["peak_mb"] = round(max(row["peak_mb"], one.peak_mb), 1)
            row["cpu_s"] = round(row["cpu_s"] + one.cpu_s, 2)
        return found


@contextlib.contextmanager
def watched(command: list[str], **options: object) -> Iterator[tuple[subprocess.Popen, Watch]]:
    """Start a command and measure it until the block ends; the block should wait for the command."""
    process = subprocess.Popen(command, **options)
    watch, ended = Watch(process.pid), threading.Event()

    def run() -> None:
        while not ended.wait(PAUSE):
            watch.sample()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield process, watch
    finally:
        ended.set()
        thread.join()


def _parents() -> Iterator[tuple[int, tuple[int, str, float]]]:
    """The parent, the start time and the CPU seconds of every process; pid and start time together are unique."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                yield int(entry.name), (int(fields[1]), fields[19], (int(fields[11]) + int(fields[12])) / TICK)


def _below(pid: int, top: int, parents: dict[int, tuple[int, str, float]]) -> bool:
    while pid != top:
        if pid not in parents:
            return False
        pid = parents[pid][0]
    return True


def _role(pid: int, parent: int, top: int) -> str:
    """The role of a process of main.py, recognised by its position in the process tree."""
    if pid == top:
        return "main.py"
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        if b"resource_tracker" in command:
            return "resource tracker"
    if parent == top:
        return "forkserver"
    grandparent = dict(_parents()).get(parent, (0,))[0]
    return "grading worker" if grandparent == top else "bounded grading"


def _peak_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
