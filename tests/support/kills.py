"""Kill a sweep at random moments and start it again, while a watcher records what was journaled when."""

import json
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from evalsuite.errors import RunError
from evalsuite.store.journal import Journal
from tests.support.calls import call
from tests.support.sweeps import Suite, ending, experiments, kill, marked

VICTIMS = ("main", "server", "worker", "supervisor", "grader", "forkserver")
EARLY = 0.2  # the fraction of runs that are killed while they start, which takes longer than everything else
WEIGHTS = (1, 4, 4, 4, 6, 1)  # how often each victim is chosen; nothing is killed if the chosen one is not running
ENGINE = ("server", "worker", "supervisor")
IN_FLIGHT = 14  # completions between two crashes of the engine, so that no request is in flight at both
GONE_SECONDS = 600.0  # after which a process that is still running counts as left behind
VOLATILE = {"provenance", "sessions", "circumstances", "mixed_circumstances", "graded_at", "history"}
VOLATILE |= {"results_file", "details_file", "generation_seconds"}


class Watcher(threading.Thread):
    """Records, ten times a second, which completions are journaled, and how long the server's log of requests is."""

    def __init__(self, output: Path, log: Path) -> None:
        super().__init__(daemon=True)
        self.output, self.log, self.known = output, log, {}
        self._seen: dict[Path, tuple[list[tuple[int, int]], set[int]]] = {}  # each folder's files, and what is in them
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self.look()

    def look(self) -> set[int]:
        """The seeds of all requests whose completions are journaled now; every request has its own seed."""
        now = set().union(*(self._journaled(folder) for folder in self.output.glob("*/*_seed*")), set())
        size = self.log.stat().st_size if self.log.exists() else 0
        for key in now - self.known.keys():
            self.known[key] = size
        return now

    def _journaled(self, folder: Path) -> set[int]:
        try:
            files = [(path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.glob("completions*"))]
            if self._seen.get(folder, (None,))[0] != files:
                self._seen[folder] = files, {one.request_seed for one in Journal(folder).read()}
        except (OSError, RunError):  # it is being packed at this moment
            return set()
        return self._seen[folder][1]

    def asked_again(self) -> int:
        """The number of requests that reached the server after their completion was known to be journaled."""
        again, position = 0, 0
        for line in self.log.read_bytes().splitlines(keepends=True) if self.log.exists() else ():
            if b'"event": "request"' in line[:40] and line.endswith(b"}\n"):
                again += position >= self.known.get(json.loads(line)["body"]["seed"], float("inf"))
            position += len(line)
        return again

    def stop(self) -> None:
        self._ended.set()
        self.join()


class Campaign:
    """One sweep into one output folder that is killed and started again."""

    def __init__(
        self, suite: Suite, output: Path, more: tuple[str, ...], victims=VICTIMS, patience: float = 900.0
    ) -> None:
        self.suite, self.output, self.more, self.victims, self.patience = suite, output, more, victims, patience
        self.kills, self.runs, self.orphans, self.slowest = Counter(), 0, 0, 0.0
        self.temporary = Path(tempfile.mkdtemp(prefix="tort-", dir="/tmp"))
        self.watcher = Watcher(output, suite.fake.log)
        self.kept_after_kill: list[set[int]] = []

    def run(self, kills: int, dice: random.Random) -> None:
        """Run the sweep to its end. After `kills` kills, nothing more is killed."""
        if kills == 0:  # no process is needed that could be killed, and this one may have lighteval loaded already
            outcome = call(*self.suite.arguments(self.output, *self.more), **self.suite.fake.environment())
            assert outcome.code == 0, outcome
            return
        self.suite.fake.log.unlink(missing_ok=True)
        self.watcher.start()
        try:
            while self._once(kills, dice) != 0:
                assert self.runs < kills + 10, self.log[-2000:]
        finally:
            self.watcher.stop()
        self.final = self.watcher.look()

    @property
    def log(self) -> str:
        return self.output.with_name(self.output.name + ".log").read_text(errors="replace")

    def _once(self, kills: int, dice: random.Random) -> int:
        self.runs += 1
        process = self.suite.start(self.output, *self.more, TMPDIR=str(self.temporary))
        began, had = time.monotonic(), len(self.watcher.known)
        next_kill = began + (dice.uniform(0, 20) if dice.random() < EARLY else float("inf"))
        engine_died_at = len(self.watcher.known) - IN_FLIGHT
        with ending(process):
            while process.poll() is None:
                assert time.monotonic() - began < self.patience, f"hangs: {self.log[-2000:]}"
                time.sleep(0.02)
                if next_kill == float("inf") and len(self.watcher.known) > had:
                    next_kill = time.monotonic() + dice.uniform(0, 2)
                if sum(self.kills.values()) >= kills or time.monotonic() < next_kill:
                    continue
                settled = len(self.watcher.known) >= engine_died_at + IN_FLIGHT
                victim = self._kill_one(process, dice, settled)
                if victim in ENGINE:
                    engine_died_at = len(self.watcher.known)
                next_kill = time.monotonic() + dice.expovariate(0.7)
        self._see_everything_gone()
        return process.returncode

    def _kill_one(self, process: subprocess.Popen, dice: random.Random, settled: bool) -> str | None:
        living = self.find(process.pid)
        name = dice.choices(VICTIMS, WEIGHTS)[0]
        engine = name in ENGINE
        if name not in self.victims or not living[name] or process.poll() is not None or (engine and not settled):
            return None
        kill(dice.choice(living[name]), signal.SIGKILL)
        self.kills[name] += 1
        return name

    def find(self, main: int) -> dict[str, list[int]]:
        """The running processes of this run, by what they do."""
        found: dict[str, list[int]] = {name: [] for name in VICTIMS} | {"main": [main]}
        commands = marked(str(self.temporary))
        parents = {pid: parent_of(pid) for pid in commands}
        for pid, command in commands.items():
            above = commands.get(parents[pid], "")
            engine = "fake_server.py" in command or "vllm.entrypoints" in command or "VLLM" in command
            if "supervisor.py" in command:
                found["supervisor"] += [pid] if "vllm.entrypoints" in command else []
            elif "multiprocessing.forkserver" in command:
                found["forkserver" if parents[pid] == main else "grader"].append(pid)
            elif engine and pid != main:
                found["server" if "supervisor.py" in above else "worker"].append(pid)
        return found

    def _see_everything_gone(self) -> None:
        """Wait until all processes of the run have ended. Those that remain are counted and killed."""
        began = time.monotonic()
        while (left := marked(str(self.temporary))) and time.monotonic() - began < GONE_SECONDS:
            time.sleep(0.05)
        self.slowest = max(self.slowest, time.monotonic() - began)
        sockets = [path for path in self.temporary.rglob("*") if path.is_socket() or path.name.startswith("eval-")]
        locks = [path for path in self.output.rglob(".lock*")]
        self.orphans += len(left) + len(sockets) + len(locks)
        if left or sockets or locks:
            print("left behind:", left, sockets, locks, flush=True)
        for pid in left:
            kill(pid)
        for path in self.temporary.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.kept_after_kill.append(self.watcher.look())

    def report(self, undisturbed: "Campaign | None") -> dict[str, int]:
        """The result in numbers, of which all but the first three should be 0."""
        found = experiments(self.output)
        lost = set(self.watcher.known).union(*self.kept_after_kill) - self.final
        asked = self._problems()
        halves = [one for one in found.values() if one["status"] != "finished" or one["num_samples"] != asked]
        report = {
            "kills": sum(self.kills.values()),
            "runs": self.runs,
            "completions": len(self.final),
            "asked_again": self.watcher.asked_again(),
            "lost": len(lost),
            "graded_twice": sum(bool(one["history"]) for one in found.values()),
            "graded_half": len(halves),
            "orphans": self.orphans,
        }
        if undisturbed is not None:
            mine, theirs = outcome(self.output), outcome(undisturbed.output)
            report["different"] = sum(mine.get(name) != theirs.get(name) for name in mine.keys() | theirs.keys())
        shutil.rmtree(self.temporary, ignore_errors=True)
        return report

    def _problems(self) -> int:
        return len((self.suite.data / f"{self.suite.tasks[0]}.jsonl").read_text().splitlines())


def outcome(output: Path) -> dict[str, Any]:
    """Every experiment's manifest, results and details, without times, file names and provenance."""
    import pyarrow.parquet as pq

    found = {}
    for name, manifest in experiments(output).items():
        folder = next(output.glob(f"*/{name}"))
        results = json.loads((folder / manifest["results_file"]).read_text())
        details = pq.read_table(folder / manifest["details_file"]).to_pylist()
        same = without(manifest, VOLATILE)
        found[name] = same, {key: results[key] for key in ("results", "versions", "summary_tasks") if key in results}
        found[name] += (sorted(details, key=lambda row: str(row["doc"]["specific"]["problem"])),)
    return {name: json.dumps(value, sort_keys=True, default=str) for name, value in found.items()}


def without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: without(inner, names) for key, inner in value.items() if key not in names}
    return value


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0
