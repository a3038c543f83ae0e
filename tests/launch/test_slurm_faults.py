"""A sweep of four models on a real Slurm cluster, with killed, requeued and preempted jobs and a failed node: the
results are those of a local run, and no request is repeated."""

import json
import os
import signal
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from evalsuite.store.locks import STALE_SECONDS
from tests.support.slurm_site import Site, answering, is_done
from tests.support.sweeps import make_model, marked, until

pytestmark = pytest.mark.slurm

HOLD = 16  # answers after which the server waits, so that every task is in the middle of its work
AT_ONCE = 2  # requests of a task in parallel
IN_FLIGHT = AT_ONCE + 8  # main.py keeps a few more at the server, so that it is always busy
SWEEP = {
    "PYTHON": sys.executable, "MAX_NUM_SEQUENCES": str(AT_ONCE), "EXTRA_ARGS": "--allow_broken --grade_jobs 1",
    "SLURM_CPUS": "2", "SLURM_TIME": "30", "SEEDS": "0", "TASKS": "demo_arithmetic", "DATA_DIR": "data",
}  # fmt: skip


def problems(folder: Path) -> None:
    """Write 36 problems, of which the server gets about a quarter right."""
    folder.mkdir()
    rows = [{"id": f"p{at}", "problem": f"What is {at} modulo 4?", "answer": str(at % 4)} for at in range(36)]
    (folder / "demo_arithmetic.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def models(count: int) -> str:
    return " ".join(f"m{number}=bytes" for number in range(1, count + 1))


def served(count: int) -> str:
    return ";".join(f"m{number}=--served_model m{number}" for number in range(1, count + 1))


def answered(record: Path) -> dict[str, Counter]:
    """Count for each model how often each prompt with its seed was answered."""
    found = defaultdict(Counter)
    for line in record.read_text().splitlines() if record.exists() else ():
        model, request = json.loads(line)
        found[model][request] += 1
    return found


def until_each_has(site: Site, record: Path, answers: int) -> None:
    """Wait until each of the four models has this many answers; none may end before."""
    deadline = time.monotonic() + 900
    while sum(one.total() >= answers for one in answered(record).values()) < 4:
        ended = [number for number in "1234" if len(site.events(number)) > 1]
        assert time.monotonic() < deadline and not ended, site.run("--slurm", "--status").stdout
        time.sleep(0.2)


def kill_main(site: Site, number: str) -> None:
    """Kill main.py of a call with SIGKILL."""
    job, index = site.job(number).split("_")
    mine = set(marked(f"SLURM_ARRAY_JOB_ID={job}\0")) & set(marked(f"SLURM_ARRAY_TASK_ID={index}\0"))
    (pid,) = [pid for pid, words in marked("main.py --model").items() if pid in mine]
    os.kill(pid, signal.SIGKILL)


def leave_lock(site: Site, number: str) -> None:
    """Leave a lock that is not refreshed any more, like a node that died while it worked on a call's experiment."""
    (folder,) = site.folder.glob(f"output/m{number}/*_seed0")
    until(lambda: not (folder / ".lock").exists())
    holder = {"host": "gone", "machine": "another", "pid": 1, "start": "1", "id": "0"}
    (folder / ".lock").write_text(json.dumps(holder))
    long_ago = time.time() - STALE_SECONDS + 20
    os.utime(folder / ".lock", (long_ago, long_ago))


def scores(output: Path) -> dict[str, dict[str, dict[str, float]]]:
    """The score of each problem, by model and experiment."""
    found = {}
    for path in output.glob("*/all_experiments_results.json"):
        experiments = json.loads(path.read_text())["experiments"]
        found[path.parent.name] = {
            name: dict(zip(one["samples"]["problem"], one["samples"]["scores"]["verified_match"], strict=True))
            for name, one in experiments.items()
        }
    return found


def test_an_array_with_killed_requeued_and_preempted_tasks_gives_the_results_of_a_local_run(site, tmp_path):
    make_model(tmp_path / "bytes")
    problems(tmp_path / "data")
    record = tmp_path / "asked"
    with answering(record, 0.1, hold=HOLD) as url:
        site.env |= SWEEP | {"BASE_URL": url, "MODELS": models(4), "MODEL_ARGS": served(4)}
        site.slurm()
        until_each_has(site, record, HOLD)
        kill_main(site, "1")
        site.command("scontrol", "requeue", site.job("2"))
        site.command("scontrol", "update", f"NodeName={site.node('3')}", "State=DOWN", "Reason=test")
        urgent = ("--partition=urgent", f"--nodelist={site.node('4')}", "--cpus-per-task=2", "--output=/dev/null")
        site.command("sbatch", *urgent, "--wrap=sleep 1")
        leave_lock(site, "3")
        record.with_name("asked.go").touch()
        site.until(is_done, pause=3)
        asked = answered(record)
        local = site.run(MODELS=models(1), OUTPUT_DIR="local", MODEL_ARGS="m1=--served_model local")
        assert local.returncode == 0, local.stderr
        needed = answered(record)["local"]
    assert site.events("1") == ["started", "requeued killed", "started", "ended 0"]
    for number in ("2", "3", "4"):
        assert site.events(number) == ["started", "stopped told to stop by Slurm", "started", "ended 0"]
    expected = scores(site.folder / "local")["m1"]
    assert scores(site.folder / "output") == {f"m{number}": expected for number in range(1, 5)}
    assert {score for one in expected.values() for score in one.values()} == {0.0, 1.0}
    for model, requests in asked.items():  # only requests in flight when a task was stopped may be repeated
        assert requests.keys() == needed.keys() and requests.total() - needed.total() <= IN_FLIGHT, model
