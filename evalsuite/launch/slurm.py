"""Shows and cancels what --slurm has submitted, using the records of the submission and Slurm's queue.

    python -m evalsuite.launch.slurm status|queued|cancel OUTPUT_DIR

A submission is a folder OUTPUT_DIR/logs/slurm/<run> with calls.tsv (number, GPUs, completions, label, model), jobs.tsv
(number, job), calls/<number>, and records/<number>, to which each task appends lines of time, event and detail. This
works without Slurm's accounting database; if there is one, it explains why a task disappeared.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalsuite.errors import EXIT_OK, RunError, UserError, command
from evalsuite.files import printable

ENDED_BY_SLURM = "CANCELLED FAILED TIMEOUT NODE_FAIL OUT_OF_MEMORY PREEMPTED BOOT_FAIL DEADLINE".split()


@dataclass(frozen=True)
class Queued:
    """A task in Slurm's queue."""

    state: str
    reason: str
    node: str


@dataclass(frozen=True)
class Task:
    """One call of a submission, or its analysis. `events` holds (seconds since 1970, event, detail), oldest first."""

    folder: Path
    number: str
    label: str
    job: str
    events: tuple[tuple[int, str, str], ...]

    @property
    def call(self) -> Path:
        return self.folder / "calls" / self.number

    @property
    def was_cancelled(self) -> bool:
        return any(what == "cancelled" for _, what, _ in self.events)


@dataclass(frozen=True)
class Row:
    """A row of the table; `state` is queued, running, done, failed or cancelled."""

    task: Task
    state: str
    node: str = ""
    seconds: int | None = None
    why: str = ""


def submissions(output: Path) -> list[Path]:
    """Submission folders, the newest first."""
    return sorted((path.parent for path in output.glob("logs/slurm/*/jobs.tsv")), reverse=True)


def job_name(folder: Path) -> str:
    """The name of all jobs of a submission, which no other job has."""
    return f"eval-{folder.name}"


def read_tasks(folder: Path) -> list[Task]:
    """The tasks of a submission, its analysis last."""
    labels = {row[0]: row[3] for row in _table(folder / "calls.tsv")}
    return [
        Task(folder, number, labels.get(number, "analysis"), job, read_events(folder / "records" / number))
        for number, job in _table(folder / "jobs.tsv")
    ]


def read_events(path: Path) -> tuple[tuple[int, str, str], ...]:
    """Read a task's record, without lines that a failing node left incomplete."""
    rows = _table(path) if path.exists() else []
    return tuple((int(row[0]), row[1], row[2]) for row in rows if len(row) == 3 and row[0].isdigit())


def _table(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line]


def run_command(*words: str) -> str:
    """Run a Slurm command and return its output. If it fails, raises RunError with its last line."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"{words[0]}: {error}; is the Slurm controller running?") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RunError(f"{words[0]}: {printable(last)}; is the Slurm controller running?")
    return done.stdout


def queue(folders: list[Path]) -> dict[str, Queued]:
    """The tasks of these submissions that are in Slurm's queue, by job (`12_3`, or `12` for an analysis)."""
    if not folders:
        return {}
    names = ",".join(map(job_name, folders))
    text = run_command("squeue", "--noheader", "--array", f"--name={names}", "--format=%i|%T|%r|%N")
    rows = [line.split("|") for line in text.splitlines()]
    return {row[0]: Queued(*row[1:]) for row in rows if len(row) == 4}


def final_state(job: str) -> str:
    """Slurm's state of a job that left no record of its end; empty if Slurm does not know the job any more."""
    commands = (["scontrol", "-o", "show", "job", job], ["sacct", "-n", "-X", "-P", "-o", "State", "-j", job])
    for words in commands:
        if shutil.which(words[0]) is None:
            continue
        found = subprocess.run(words, capture_output=True, text=True, timeout=60).stdout
        state = re.search(r"JobState=([A-Z_]+)", found) or re.match(r"([A-Z_]+)", found)
        if state:
            return state[1]
    return ""


def state_of(task: Task, queued: Queued | None) -> Row:
    """Determine a task's state from its record and, if it has not ended, from the queue."""
    events = [one for one in task.events if one[1] != "stopped"] if task.was_cancelled else task.events
    time_of, event, detail = events[-1] if events else (0, "", "")
    started = next((when for when, what, _ in reversed(task.events) if what == "started"), None)
    node = next((text for _, what, text in reversed(task.events) if what == "started"), "")
    node = node.removeprefix("node=").split(" ")[0]
    spent = time_of - started if started and time_of > started else None
    attempts = sum(what == "started" for _, what, _ in task.events)
    if event == "ended":
        code, _, why = detail.partition(" ")
        return Row(task, "done" if code == "0" else "failed", node, spent, why)
    if queued is not None and queued.state in ("RUNNING", "COMPLETING", "STAGE_OUT"):
        again = f"attempt {attempts}{_before(events)}" if attempts > 1 else ""
        return Row(task, "running", queued.node, int(time.time()) - started if started else None, again)
    if queued is not None:
        reason = queued.reason if queued.reason != "None" else queued.state.lower()
        return Row(task, "queued", why=f"attempt {attempts + 1}{_before(events)}: {reason}" if attempts else reason)
    return _disappeared(task, node, event)


def _before(events: Sequence[tuple[int, str, str]]) -> str:
    """Why the previous attempt ended, if the record says so."""
    return next((f", before: {why}" for _, what, why in reversed(events) if what in ("requeued", "stopped")), "")


def _disappeared(task: Task, node: str, event: str) -> Row:
    state = final_state(task.job)
    if event == "cancelled" or state == "CANCELLED" or (event == "stopped" and not state):
        return Row(task, "cancelled", node)
    lost = "ended without a record (node failure, out of memory, or killed)"
    why = state.replace("_", " ").lower() if state in ENDED_BY_SLURM else lost
    return Row(task, "failed", node, why=f"{why}; submit again to continue")


def current(output: Path) -> list[Row]:
    """A row for each call, from its newest submission, and one for the newest analysis."""
    folders = submissions(output)
    queued = queue(folders)
    seen: set[bytes] = set()
    rows = []
    for folder in folders:
        for task in read_tasks(folder):
            key = task.call.read_bytes() if task.call.is_file() else task.number.encode()
            if key not in seen:
                seen.add(key)
                rows.append(state_of(task, queued.get(task.job)))
    return sorted(rows, key=lambda row: (row.task.number == "analysis", row.task.folder.name))


def show(rows: list[Row]) -> list[str]:
    """The table that --status prints."""
    cells = [("job", "state", "node", "time", "what", "why")]
    for row in rows:
        clock = "" if row.seconds is None else time.strftime("%H:%M:%S", time.gmtime(row.seconds))
        cells.append((row.task.job, row.state, row.node, clock, printable(row.task.label, 60), printable(row.why, 120)))
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    states = [row.state for row in rows]
    counts = [f"{states.count(state)} {state}" for state in ("queued", "running", "done", "failed", "cancelled")]
    return [*lines, "", f"{len(rows)} jobs: {', '.join(count for count in counts if not count.startswith('0 '))}"]


def status(output: Path) -> list[str]:
    """The table, or a line if nothing was submitted."""
    rows = current(output)
    return show(rows) if rows else [f"nothing was submitted for {output}; --slurm alone submits"]


def still_queued(output: Path) -> list[str]:
    """The paths of the frozen calls that are waiting or running."""
    folders = submissions(output)
    queued = queue(folders)
    return [str(task.call) for folder in folders for task in read_tasks(folder) if task.job in queued]


def cancel(output: Path) -> list[str]:
    """Cancel the jobs submitted for this output folder that have not ended, by their names, which no others have."""
    folders = submissions(output)
    queued = queue(folders)
    ended = [task for folder in folders for task in read_tasks(folder) if task.job in queued]
    names = {job_name(task.folder) for task in ended}
    for name in sorted(names):
        run_command("scancel", f"--user={os.getuid()}", f"--name={name}")
    for task in ended:
        with (task.folder / "records" / task.number).open("a", encoding="utf-8") as stream:
            stream.write(f"{int(time.time())}\tcancelled\t\n")
    jobs = "1 job" if len(ended) == 1 else f"{len(ended)} jobs"
    return [f"cancelled {jobs}; finished work is kept" if ended else "nothing is queued or running"]


ACTIONS = {"status": status, "queued": still_queued, "cancel": cancel}


@command("run_interactive")
def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    if len(words) != 2 or words[0] not in ACTIONS:
        raise UserError(f"usage: python -m evalsuite.launch.slurm {'|'.join(ACTIONS)} OUTPUT_DIR")
    for line in ACTIONS[words[0]](Path(words[1])):
        print(line)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
