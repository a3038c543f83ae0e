"""What tests and benchmarks of --slurm share: a real cluster on loopback, and a folder to submit from."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "tests" / "support" / "slurm_cluster.sh"
STUB = ROOT / "tests" / "support" / "stubs" / "python"
MODEL = ROOT / "models" / "SmolLM2-135M-Instruct"
NEEDED = ("slurmctld", "slurmd", "sbatch", "munged")


def missing() -> list[str]:
    """Programs of Slurm that are not installed here."""
    return [program for program in NEEDED if shutil.which(program) is None]


@contextlib.contextmanager
def running_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """A new four-node cluster; yields the environment in which Slurm's commands reach it."""
    port = 21000 + os.getpid() % 500 * 20  # below the range from which systems assign ports
    env = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PORT": str(port)}
    started = subprocess.run(["bash", CLUSTER, "up", folder], env=env, capture_output=True, text=True, timeout=600)
    assert started.returncode == 0, started.stderr
    try:
        yield {"SLURM_CONF": str(folder / "slurm.conf")}
    finally:
        subprocess.run(["bash", CLUSTER, "down", folder], env=env, check=False, timeout=600)


class Site:
    """A working folder, and the variables with which run_interactive.sh is started there."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ} | env
        self.env |= {"SETUP": "0", "LOCAL_DIR": str(folder), "STUB_DIR": str(folder), "PYTHON": str(STUB)}
        self.env |= {"MODELS": "a=./a b=./b c=./c d=./d", "SLURM_WARNING": "70", "SLURM_TIME": "2"}

    def rules(self, **rules: dict) -> None:
        (self.folder / "rules.json").write_text(json.dumps(rules))

    def command(self, *words: str) -> str:
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=600, check=True)
        return done.stdout

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", ROOT / "run_interactive.sh", *args], env=self.env | env, cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900,
        )  # fmt: skip

    def slurm(self, *args: str, **env: str) -> str:
        done = self.run("--slurm", *args, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def states(self) -> dict[str, str]:
        """The state of every task by its model."""
        return self.read(self.slurm("--status"))

    @staticmethod
    def read(table: str) -> dict[str, str]:
        """The state of every task by its model, from what --status shows."""
        lines = table.splitlines()
        header = next(line for line in lines if line.startswith("job "))
        state, what = header.index("state"), header.index("what")
        rows = [line for line in lines[lines.index(header) + 1 :] if line[:1].isdigit() and line[what:].strip()]
        rows = [line for line in rows if " jobs: " not in line]
        return {line[what:].split(":")[0].split()[0]: line[state:].split()[0] for line in rows}

    def until(
        self, holds: Callable[[dict[str, str]], bool], seconds: float = 900, pause: float = 0.3
    ) -> dict[str, str]:
        """Wait until the states satisfy a condition. --status takes half a second of CPU time, so `pause` can be longer
        for tests that need the CPU."""
        deadline = time.monotonic() + seconds
        while not holds(states := self.states()):
            assert time.monotonic() < deadline, self.run("--slurm", "--status").stdout
            time.sleep(pause)
        return states

    def job(self, number: str) -> str:
        """The job of a call of the newest submission."""
        path = max(self.folder.glob("output/logs/slurm/*/jobs.tsv"))
        return dict(line.split("\t") for line in path.read_text().splitlines())[number]

    def events(self, number: str) -> list[str]:
        """The events in a call's record so far with their details, without the node and the attempt."""
        paths = self.folder.glob(f"output/logs/slurm/*/records/{number}")
        lines = [line.split("\t") for path in paths for line in path.read_text().splitlines()]
        return [what if what == "started" else f"{what} {detail}".strip() for _, what, detail in lines]

    def node(self, number: str) -> str:
        """The node on which a call runs."""
        return self.command("squeue", "-h", "-o", "%N", "-j", self.job(number)).strip()

    def release(self) -> None:
        """Cancel everything that is still queued."""
        subprocess.run(["scancel", "--user", str(os.getuid())], env=self.env, check=False, timeout=600)


def is_done(states: dict[str, str]) -> bool:
    return set(states.values()) == {"done"}


@contextlib.contextmanager
def answering(record: Path, seconds: float, hold: int = 0) -> Iterator[str]:
    """Run tests/support/slurm_server.py, which records its answers in `record`; yields its address."""
    words = [sys.executable, ROOT / "tests" / "support" / "slurm_server.py", record, str(seconds), str(hold)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
