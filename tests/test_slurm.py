"""--slurm on a real Slurm cluster (tests/slurm_cluster.sh): with the stub for what becomes of jobs, with main.py and a
small server for whether the results are those of a local run."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT

CLUSTER = ROOT / "tests" / "slurm_cluster.sh"
STUB = ROOT / "tests" / "stubs" / "python"
MODEL = ROOT / "models" / "SmolLM2-135M-Instruct"
NEEDED = ("slurmctld", "slurmd", "sbatch", "munged")

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands reach a fresh four-node cluster."""
    if missing := [program for program in NEEDED if shutil.which(program) is None]:
        pytest.skip(f"Slurm is not installed here ({', '.join(missing)}); Debian: slurmctld slurmd slurm-client munge")
    folder = tmp_path_factory.mktemp("cluster")
    port = 21000 + os.getpid() % 500 * 20  # of its own, below those that systems hand out
    env = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PORT": str(port)}
    started = subprocess.run(["bash", CLUSTER, "up", folder], env=env, capture_output=True, text=True, timeout=60)
    assert started.returncode == 0, started.stderr
    try:
        yield {"SLURM_CONF": str(folder / "slurm.conf")}
    finally:
        subprocess.run(["bash", CLUSTER, "down", folder], env=env, check=False, timeout=120)


class Site:
    """A working folder and what run_interactive.sh, started there, is told."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ} | env
        self.env |= {"SETUP": "0", "LOCAL_DIR": str(folder), "STUB_DIR": str(folder), "PYTHON": str(STUB)}
        self.env |= {"MODELS": "a=./a b=./b c=./c d=./d", "SLURM_WARNING": "70", "SLURM_TIME": "2"}

    def rules(self, **rules: dict) -> None:
        (self.folder / "rules.json").write_text(json.dumps(rules))

    def command(self, *words: str) -> str:
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", ROOT / "run_interactive.sh", *args], env=self.env | env, cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180,
        )  # fmt: skip

    def slurm(self, *args: str, **env: str) -> str:
        done = self.run("--slurm", *args, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def states(self) -> dict[str, str]:
        """The state of every task by its model, from --status."""
        lines = self.slurm("--status").splitlines()
        header = next(line for line in lines if line.startswith("job "))
        state, what = header.index("state"), header.index("what")
        rows = [line for line in lines[lines.index(header) + 1 :] if line[:1].isdigit() and line[what:].strip()]
        rows = [line for line in rows if " jobs: " not in line]
        return {line[what:].split(":")[0].split()[0]: line[state:].split()[0] for line in rows}

    def until(self, holds: Callable[[dict[str, str]], bool], seconds: float = 60) -> dict[str, str]:
        deadline = time.monotonic() + seconds
        while not holds(states := self.states()):
            assert time.monotonic() < deadline, self.run("--slurm", "--status").stdout
            time.sleep(0.5)
        return states

    def job(self, number: str) -> str:
        """The job of a call of the newest submission."""
        path = max(self.folder.glob("output/logs/slurm/*/jobs.tsv"))
        return dict(line.split("\t") for line in path.read_text().splitlines())[number]


@pytest.fixture
def site(tmp_path: Path, cluster: dict[str, str]) -> Iterator[Site]:
    site = Site(tmp_path, cluster)
    yield site
    subprocess.run(["scancel", "--user", str(os.getuid())], env=site.env, check=False, timeout=30)


def is_done(states: dict[str, str]) -> bool:
    return set(states.values()) == {"done"}


def test_an_array_runs_and_is_analysed_and_then_nothing_is_left_to_submit(site):
    assert "4 tasks in 1 job array" in site.slurm()
    assert site.until(is_done).keys() == {"a", "b", "c", "d", "analysis"}
    calls = [json.loads(line) for line in (site.folder / "calls.jsonl").read_text().splitlines()]
    ran = [call for call in calls if call[0] == "main.py" and "--dry_run" not in call]
    assert len(ran) == 4 and calls[-1][0] != "main.py"
    assert len({call[call.index("--log_dir") + 1] for call in ran}) == 4
    assert "Nothing to submit: 4 calls finished" in site.slurm()
    assert site.command("squeue", "-h") == ""


def test_editing_the_file_of_variables_changes_no_queued_job(site):
    conf = site.folder / "my.conf"
    conf.write_text("SEEDS=(7)\nSLURM_ARGS=--hold\n")
    site.slurm(str(conf))
    conf.write_text("SEEDS=(8)\n")
    site.command("scontrol", "release", site.job("1").split("_")[0])
    site.until(lambda states: states["a"] == "done")
    calls = [json.loads(line) for line in (site.folder / "calls.jsonl").read_text().splitlines()]
    assert {call[call.index("--seed") + 1] for call in calls if "--log_dir" in call} == {"7"}


def test_a_failed_task_is_named_with_its_reason_and_the_analysis_still_runs(site):
    site.rules(**{"engine/2": {"exit": 1, "say": "main.py: the engine died"}})
    site.slurm()
    states = site.until(lambda states: states["analysis"] == "done")
    assert (states["a"], states["b"]) == ("done", "failed")
    assert "exit code 1: main.py: the engine died" in site.slurm("--status")
    assert "1 task in 1 job array" in (again := site.slurm()) and "3 finished" in again


def test_a_warned_task_is_queued_again_and_the_analysis_waits_for_it(site):
    """The last task too, whose job id is the whole array's."""
    site.rules(**{"engine/1": {"seconds": 300}, "engine/4": {"seconds": 300}})
    site.slurm()
    site.until(lambda states: {states["a"], states["d"]} == {"running"} and states["b"] == "done")
    for number in ("1", "4"):
        site.command("scancel", "--batch", "--signal=USR1", site.job(number))
    states = site.until(lambda states: {states["a"], states["d"]} == {"queued"})
    assert states["analysis"] == "queued"
    site.rules()
    assert is_done(site.until(is_done, 90))
    for number in ("1", "4"):
        (record,) = site.folder.glob(f"output/logs/slurm/*/records/{number}")
        events = [line.split("\t")[1] for line in record.open()]
        assert events == ["started", "requeued", "started", "ended"]
    (other,) = site.folder.glob("output/logs/slurm/*/records/2")
    assert len(other.read_text().splitlines()) == 2


def test_requeues_end_at_their_limit(site):
    site.rules(**{"engine/1": {"seconds": 300}})
    site.slurm(SLURM_MAX_REQUEUES="0")
    site.until(lambda states: states["a"] == "running" and states["b"] == "done")
    site.command("scancel", "--batch", "--signal=USR1", site.job("1"))
    site.until(lambda states: states["a"] == "failed")
    assert "given up after 0 requeues" in site.slurm("--status")


def test_cancel_ends_what_was_submitted_and_nothing_else(site):
    other = site.command("sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 60").strip()
    site.rules(**{"engine/": {"seconds": 300}})
    site.slurm()
    site.until(lambda states: states["a"] == "running")
    assert "cancelled 5 jobs" in site.slurm("--cancel")
    assert set(site.until(lambda states: "running" not in states.values()).values()) == {"cancelled"}
    site.command("sleep", "1")
    assert site.command("squeue", "-h", "-o", "%i", "-t", "R").split() == [other]


def test_what_is_queued_is_not_queued_twice(site):
    site.rules(**{"engine/": {"seconds": 300}})
    site.slurm()
    assert "Nothing to submit: 0 calls finished, 4 in the queue already" in site.slurm()
    assert "1 task in 1 job array" in site.slurm(MODELS="a=./a e=./e")


def test_gpus_come_from_the_parallel_sizes_and_the_limit_is_shared(site):
    site.slurm(MODEL_ARGS="b=--tensor_parallel_size 2", SLURM_MAX_PARALLEL="2", SLURM_ARGS="--hold")
    shown = {number: site.command("scontrol", "-o", "show", "job", site.job(number)) for number in ("1", "2")}
    assert "gres:gpu:1" in shown["1"] and "gres:gpu:2" in shown["2"]
    assert all("ArrayTaskThrottle=1" in text for text in shown.values())


def test_a_drained_node_leaves_the_work_to_the_others(site):
    site.command("scontrol", "update", "NodeName=node1", "State=DRAIN", "Reason=test")
    try:
        site.slurm()
        site.until(is_done)
    finally:
        site.command("scontrol", "update", "NodeName=node1", "State=RESUME")
    records = "".join(path.read_text() for path in site.folder.glob("output/logs/slurm/*/records/*"))
    assert "node=node2" in records and "node=node1" not in records


def test_what_sbatch_refuses_is_one_line_and_leaves_nothing(site):
    done = site.run("--slurm", SLURM_PARTITION="nowhere")
    assert done.returncode == 1 and "Invalid partition" in done.stderr.splitlines()[-1]
    assert site.command("squeue", "-h") == "" and not list(site.folder.glob("output/logs/slurm/*"))


def test_a_mistake_is_found_before_anything_is_queued(site):
    site.rules(**{"--model b=": {"exit": 2, "say": "main.py: no such model"}})
    done = site.run("--slurm")
    assert done.returncode == 2 and "b: demo_arithmetic demo_words: main.py: no such model" in done.stderr
    assert site.command("squeue", "-h") == ""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A fake server's address and the record of what it was asked."""
    record = tmp_path / "asked"
    words = [sys.executable, ROOT / "tests" / "slurm_server.py", record, "0.1"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}", record
    process.kill()


def scores(output: Path) -> dict[str, tuple]:
    """Per experiment the scores of all its problems."""
    found = {}
    for path in output.glob("*/all_experiments_results.json"):
        for name, one in json.loads(path.read_text())["experiments"].items():
            found[f"{path.parent.name}/{name}"] = (one["samples"]["problem"], one["samples"]["scores"])
    return found


def test_a_killed_and_resumed_array_gives_a_local_runs_results_and_asks_nothing_twice(site, server):
    if not (MODEL / "config.json").is_file():
        pytest.skip("the embedded model is not made; bash tests/run.sh makes it")
    url, record = server
    env = {"PYTHON": sys.executable, "BASE_URL": url, "MODELS": " ".join(f"m{n}={MODEL}" for n in range(4))}
    env |= {
        "SLURM_TIME": "30",
        "SLURM_CPUS": "1",
        "MAX_NUM_SEQUENCES": "2",
        "EXTRA_ARGS": "--allow_broken --grade_jobs 1",
    }
    began = time.monotonic()
    site.slurm(**env)
    while not record.exists() or len(record.read_text().splitlines()) < 20:
        assert time.monotonic() - began < 120
        time.sleep(0.2)
    site.command("scancel", "--batch", "--signal=USR1", site.job("1"))
    site.env |= env
    site.until(is_done, 300)
    print(f"4 tasks from submit to report: {time.monotonic() - began:.0f} s")
    asked = record.read_text().splitlines()
    local = site.run(**env, OUTPUT_DIR="local")
    assert local.returncode == 0, local.stderr
    assert scores(site.folder / "output") == scores(site.folder / "local") and len(scores(site.folder / "local")) == 16
    needed = len(record.read_text().splitlines()) - len(asked)
    cut_short = len(asked) - needed
    assert 0 <= cut_short <= 2 + 8  # the requests that were in flight when the task was stopped, journaled by no one
