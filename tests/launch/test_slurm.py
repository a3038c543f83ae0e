"""--slurm on a real Slurm cluster, with the stub in place of main.py: what becomes of jobs."""

import json

import pytest

from tests.support.slurm_site import is_done

pytestmark = pytest.mark.slurm


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
    assert site.slurm("--status").count("attempt 2, before: time limit near: ") == 2
    site.rules()
    assert is_done(site.until(is_done, 90))
    for number in ("1", "4"):
        assert site.events(number) == ["started", "requeued time limit near", "started", "ended 0"]
    assert site.events("2") == ["started", "ended 0"]


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


def test_a_task_that_somebody_cancels_is_told_apart_and_submitted_again(site):
    site.rules(**{"engine/2": {"seconds": 300}})
    site.slurm()
    site.until(lambda states: states["b"] == "running")
    site.command("scancel", site.job("2"))
    site.until(lambda states: (states["b"], states["analysis"]) == ("cancelled", "done"))
    site.rules()
    assert "1 task in 1 job array" in site.slurm()
    assert is_done(site.until(is_done))


def test_a_call_that_is_killed_again_and_again_is_given_up(site):
    site.rules(**{"engine/1": {"exit": 137, "say": "Killed"}})
    site.slurm(MODELS="a=./a", SLURM_CPUS="2")
    site.until(lambda states: states["a"] == "failed", 90)
    assert site.events("1")[:3] == ["started", "requeued killed", "started"]
    assert site.events("1")[-1] == "ended 137 killed 3 times; is SLURM_MEM enough?"


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
