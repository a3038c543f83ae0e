"""--slurm on a real Slurm cluster, with the stub in place of main.py."""

import json

import pytest

from tests.support.slurm_site import is_done
from tests.support.sweeps import until

pytestmark = pytest.mark.slurm


def test_an_array_runs_and_is_analysed_and_then_there_is_nothing_to_submit(site):
    assert "4 tasks in 1 job array" in site.slurm()
    assert site.until(is_done).keys() == {"a", "b", "c", "d", "analysis"}
    calls = [json.loads(line) for line in (site.folder / "calls.jsonl").read_text().splitlines()]
    ran = [call for call in calls if call[0] == "main.py" and "--dry_run" not in call]
    assert len(ran) == 4 and calls[-1][0] != "main.py"
    assert len({call[call.index("--log_dir") + 1] for call in ran}) == 4
    assert "Nothing to submit: 4 calls finished" in site.slurm()
    assert site.command("squeue", "-h") == ""


def test_editing_the_file_of_variables_does_not_change_queued_jobs(site):
    conf = site.folder / "my.conf"
    conf.write_text("SEEDS=(7)\nSLURM_ARGS=--hold\n")
    site.slurm(str(conf))
    conf.write_text("SEEDS=(8)\n")
    site.command("scontrol", "release", site.job("1").split("_")[0])
    site.until(lambda states: states["a"] == "done")
    calls = [json.loads(line) for line in (site.folder / "calls.jsonl").read_text().splitlines()]
    assert {call[call.index("--seed") + 1] for call in calls if "--log_dir" in call} == {"7"}


def test_a_failed_task_is_reported_with_its_reason_and_the_analysis_still_runs(site):
    site.rules(**{"engine/2": {"exit": 1, "say": "main.py: the engine died"}})
    site.slurm()
    states = site.until(lambda states: states["analysis"] == "done")
    assert (states["a"], states["b"]) == ("done", "failed")
    assert "exit code 1: main.py: the engine died" in site.slurm("--status")
    assert "1 task in 1 job array" in (again := site.slurm()) and "3 finished" in again


def test_a_warned_task_is_requeued_and_the_analysis_waits_for_it(site):
    """Also the last task, whose job id is that of the whole array."""
    site.rules(**{"engine/1": {"until": "never"}, "engine/4": {"until": "never"}})
    site.slurm()
    site.until(lambda states: {states["a"], states["d"]} == {"running"} and states["b"] == "done")
    site.command("scontrol", "update", "PartitionName=main", "State=DOWN")  # what is queued stays queued
    try:
        for number in ("1", "4"):
            site.command("scancel", "--batch", "--signal=USR1", site.job(number))
        states = site.until(lambda states: {states["a"], states["d"]} == {"queued"})
        assert states["analysis"] == "queued"
        assert site.slurm("--status").count("attempt 2, before: time limit near: ") == 2
        site.rules()
    finally:
        site.command("scontrol", "update", "PartitionName=main", "State=UP")
    assert is_done(site.until(is_done))
    for number in ("1", "4"):
        assert site.events(number) == ["started", "requeued time limit near", "started", "ended 0"]
    assert site.events("2") == ["started", "ended 0"]


def test_requeues_are_limited(site):
    site.rules(**{"engine/1": {"until": "never"}})
    site.slurm(SLURM_MAX_REQUEUES="0")
    site.until(lambda states: states["a"] == "running" and states["b"] == "done")
    site.command("scancel", "--batch", "--signal=USR1", site.job("1"))
    site.until(lambda states: states["a"] == "failed")
    assert "given up after 0 requeues" in site.slurm("--status")


def test_cancel_ends_the_submitted_jobs_and_no_others(site):
    other = site.command("sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 3600").strip()
    site.rules(**{"engine/": {"until": "never"}})
    site.slurm()
    site.until(lambda states: states["a"] == "running")
    assert "cancelled 5 jobs" in site.slurm("--cancel")
    assert set(site.until(lambda states: "running" not in states.values()).values()) == {"cancelled"}
    until(lambda: site.command("squeue", "-h", "-o", "%i", "-t", "R").split() == [other])


def test_a_task_cancelled_by_hand_is_recognised_and_submitted_again(site):
    site.rules(**{"engine/2": {"until": "never"}})
    site.slurm()
    site.until(lambda states: states["b"] == "running")
    site.command("scancel", site.job("2"))
    site.until(lambda states: (states["b"], states["analysis"]) == ("cancelled", "done"))
    site.rules()
    assert "1 task in 1 job array" in site.slurm()
    assert is_done(site.until(is_done))


def test_a_call_that_is_killed_repeatedly_is_given_up(site):
    site.rules(**{"engine/1": {"exit": 137, "say": "Killed"}})
    site.slurm(MODELS="a=./a", SLURM_CPUS="2")
    site.until(lambda states: states["a"] == "failed")
    assert site.events("1")[:3] == ["started", "requeued killed", "started"]
    assert site.events("1")[-1] == "ended 137 killed 3 times; is SLURM_MEM enough?"


def test_queued_calls_are_not_submitted_twice(site):
    site.rules(**{"engine/": {"until": "never"}})
    site.slurm()
    assert "Nothing to submit: 0 calls finished, 4 already in the queue" in site.slurm()
    assert "1 task in 1 job array" in site.slurm(MODELS="a=./a e=./e")


def test_gpus_follow_from_the_parallel_sizes_and_the_limit_is_shared(site):
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


def test_a_submission_refused_by_sbatch_is_one_line_and_leaves_no_job(site):
    done = site.run("--slurm", SLURM_PARTITION="nowhere")
    assert done.returncode == 1 and "Invalid partition" in done.stderr.splitlines()[-1]
    assert site.command("squeue", "-h") == "" and not list(site.folder.glob("output/logs/slurm/*"))


def test_a_mistake_is_found_before_anything_is_queued(site):
    site.rules(**{"--model b=": {"exit": 2, "say": "main.py: no such model"}})
    done = site.run("--slurm")
    assert done.returncode == 2 and "b: demo_arithmetic demo_words: main.py: no such model" in done.stderr
    assert site.command("squeue", "-h") == ""
