"""Failures of the machine are reported in one line with exit code 1, and finished work is kept; locks are respected."""

import contextlib
import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalsuite.engine.server import explain
from evalsuite.plan.arguments import parse
from evalsuite.plan.plan import plan
from evalsuite.store.journal import Journal
from tests.support.calls import Calls, start_forkserver
from tests.support.sweeps import FAKE_ENGINE, ending, experiments, until

pytestmark = pytest.mark.slow

LOGS = {
    "less than desired GPU memory": "ValueError: Free memory on device cuda:0 (1.2/79.1 GiB) on startup is less than "
    "desired GPU memory utilization (0.9, 71.2 GiB). Decrease GPU memory utilization",
    "GPU's memory": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    "--max_model_length": "ValueError: To serve at least one request with the models's max seq len, (16.00 GiB "
    "KV cache is needed, which is larger than the available KV cache memory (3.1 GiB)",
    "driver is missing": "RuntimeError: Found no NVIDIA driver on your system. Please check that you have one",
    "too old": "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
    "not built for this GPU": "RuntimeError: CUDA error: no kernel image is available for execution on the device",
    "held by another": "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
    "no vLLM": "/usr/bin/python: No module named 'vllm'",
    "--engine_args": "api_server.py: error: unrecognized arguments: --no-such",
    "--trust_remote_code": "ValueError: The repository contains custom code; pass the option `trust_remote_code=True`",
    "machine's memory": "OSError: [Errno 12] Cannot allocate memory",
    "disk is full": "OSError: [Errno 28] No space left on device",
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    return Calls(tmp_path_factory.mktemp("refusals"), problems=8)


def one_line(text: str) -> str:
    """The one line in which main.py reports an error."""
    found = [line for line in text.splitlines() if line.startswith("main.py: ")]
    assert len(found) == 1 and "Traceback" not in text, text
    return found[0]


@pytest.mark.parametrize("advice", LOGS)
def test_the_end_of_the_engines_log_becomes_advice(tmp_path: Path, advice: str) -> None:
    log = tmp_path / "engine.log"
    log.write_text(f"INFO loading\nTraceback (most recent call last):\n  File x\n{LOGS[advice]}\n")
    first, *rest = explain(log, 1).splitlines()
    words = "memory" if advice.startswith("less") else advice
    assert words in first and str(log) in first and any(LOGS[advice][:40] in line for line in rest)


def test_an_unknown_cause_shows_the_end_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\nthree\nfour\n")
    assert explain(tmp_path / "log", -9).splitlines()[1:] == ["    two", "    three", "    four"]
    assert "exit code 3" in explain(tmp_path / "none", 3)


def test_a_file_in_place_of_the_output_folder_is_reported(suite: Calls, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    outcome = suite.call(tmp_path / "out")
    assert outcome.code == 1 and str(tmp_path / "out") in one_line(outcome.err)
    assert (tmp_path / "out").read_text() == "mine"


def test_a_file_in_place_of_an_experiments_folder_is_reported(suite: Calls, tmp_path: Path) -> None:
    sweep = plan(parse(suite.arguments(tmp_path / "out")))
    folder = sweep.folder_of(sweep.experiments[0])
    folder.parent.mkdir(parents=True)
    folder.write_text("mine")
    outcome = suite.call(tmp_path / "out")
    assert outcome.code == 1 and str(folder) in one_line(outcome.err) and folder.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_reported(suite: Calls, tmp_path: Path) -> None:
    folder = Path("/sys/evalsuite")  # not even root can create a folder there
    if os.geteuid():
        tmp_path.chmod(0o555)
        folder = tmp_path / "out"
    outcome = suite.call(folder)
    assert outcome.code == 1 and str(folder) in one_line(outcome.err)


def test_an_engine_that_cannot_start_is_reported_in_one_line(suite: Calls, tmp_path: Path) -> None:
    suite.fake.tell(fail_start="torch.OutOfMemoryError: CUDA out of memory.")
    outcome = suite.call(tmp_path / "out")
    suite.fake.tell()
    assert outcome.code == 1 and "--gpu_memory_utilization" in one_line(outcome.err)
    assert "CUDA out of memory" in outcome.err and not list((tmp_path / "out").rglob(".lock*"))


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Limit the size of the files that this process and those that it starts may write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_finished_answers_and_the_run_continues_later(suite: Calls, tmp_path: Path) -> None:
    """A limit on the size of files simulates a full disk. The engine is exempt, since it is not our program."""
    engine = tmp_path / "engine"
    engine.write_text(f'#!/bin/bash\nulimit -S -f unlimited\nexec {FAKE_ENGINE} "$@"\n')
    engine.chmod(0o755)
    output = tmp_path / "out"
    suite.fake.tell(tokens=150)
    start_forkserver()  # without the limit, because other tests use it
    with files_of_at_most(4096):
        outcome = suite.call(output, "--max_num_seqs", "1", "--engine_python", str(engine))
    kept = [one for folder in output.glob("*/*_seed0") for one in Journal(folder).read()]
    assert outcome.code == 1 and "completions.jsonl" in one_line(outcome.err) and 0 < len(kept) < 8
    asked = len(suite.fake.bodies)
    assert suite.call(output).code == 0
    assert len(suite.fake.bodies) - asked == 8 - len(kept)
    assert next(iter(experiments(output).values()))["num_samples"] == 8


def test_parallel_runs_do_each_experiment_once_and_without_wait_report_who_has_locked_it(
    suite: Calls, tmp_path: Path
) -> None:
    output, before = tmp_path / "out", len(suite.fake.bodies)
    suite.fake.tell(hang=True)
    both = [suite.start(output, "--seed", seeds, "--wait") for seeds in ("0-3", "0-4")]
    with ending(*both):
        until(lambda: len(suite.fake.bodies) > before)  # once one generates, the two have locked seeds 0 to 3
        third = suite.call(tmp_path / "second" / ".." / "out", "--seed", "0-3")
        pattern = r"not done here: \S+ \(locked by \S+, process (\d+); use --wait to wait for it\)"
        holders = re.findall(pattern, third.out)
        assert third.code == 1 and len(holders) == 4 and set(map(int, holders)) <= {one.pid for one in both}
        suite.fake.tell()
        assert [one.wait(600) for one in both] == [0, 0]
    found = experiments(output)
    assert sorted(one["seed"] for one in found.values()) == [0, 1, 2, 3, 4]
    assert not any(one["history"] for one in found.values()) and len(suite.fake.bodies) - before == 5 * 8
