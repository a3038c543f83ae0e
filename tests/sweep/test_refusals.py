"""What the machine refuses is one clear line and exit 1; what was finished is kept, and what others hold is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.engine.server import explain
from evalsuite.store.journal import Journal
from tests.support.sweeps import FAKE_ENGINE, Suite, experiments, until

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
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite(tmp_path_factory.mktemp("refusals"), problems=8)


def one_line(text: str) -> str:
    """The only line of main.py's error; a warning is none."""
    found = [line for line in text.splitlines() if line.startswith("main.py: ") and "main.py: warning: " not in line]
    assert len(found) == 1 and "Traceback" not in text, text
    return found[0]


@pytest.mark.parametrize("advice", LOGS)
def test_the_engines_last_words_become_advice(tmp_path: Path, advice: str) -> None:
    log = tmp_path / "engine.log"
    log.write_text(f"INFO loading\nTraceback (most recent call last):\n  File x\n{LOGS[advice]}\n")
    first, *rest = explain(log, 1).splitlines()
    words = "memory" if advice.startswith("less") else advice
    assert words in first and str(log) in first and any(LOGS[advice][:40] in line for line in rest)


def test_an_unknown_death_shows_the_logs_end(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\nthree\nfour\n")
    assert explain(tmp_path / "log", -9).splitlines()[1:] == ["    two", "    three", "    four"]
    assert "exit code 3" in explain(tmp_path / "none", 3)


def test_a_file_where_the_output_folder_should_be(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    code, text = suite.run(tmp_path / "out")
    assert code == 1 and str(tmp_path / "out") in one_line(text)
    assert (tmp_path / "out").read_text() == "mine"


def test_a_file_where_an_experiments_folder_should_be(suite: Suite, tmp_path: Path) -> None:
    listing = suite.run(tmp_path / "list", "--dry_run")
    assert listing[0] == 0
    suite.fake.tell(fail_start="stop here")
    suite.run(tmp_path / "out")
    suite.fake.tell()
    name = next((tmp_path / "out" / "bytes").glob("demo*_seed0"), None)
    if name is None:  # an experiment that got nothing leaves no folder: its name is in the progress of a real run
        code, _ = suite.run(tmp_path / "other")
        assert code == 0
        name = tmp_path / "out" / "bytes" / next(iter(experiments(tmp_path / "other")))
    else:
        subprocess.run(["rm", "-r", str(name)], check=True)
    name.write_text("mine")
    code, text = suite.run(tmp_path / "out")
    assert code == 1 and name.name in one_line(text) and name.read_text() == "mine"


def test_a_folder_that_cannot_be_written(suite: Suite, tmp_path: Path) -> None:
    folder = Path("/sys/evalsuite")  # not even root may make a folder there
    if os.geteuid():
        tmp_path.chmod(0o555)
        folder = tmp_path / "out"
    command = [sys.executable, "main.py", *suite.arguments(folder)]
    env = os.environ | suite.fake.environment()
    done = subprocess.run(command, cwd=FAKE_ENGINE.parent.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and str(folder) in one_line(done.stderr)


def test_an_engine_that_cannot_start_is_told_in_one_line(suite: Suite, tmp_path: Path) -> None:
    suite.fake.tell(fail_start="torch.OutOfMemoryError: CUDA out of memory.")
    code, text = suite.run(tmp_path / "out")
    suite.fake.tell()
    assert code == 1 and "--gpu_memory_utilization" in one_line(text)
    assert "CUDA out of memory" in text and not list((tmp_path / "out").rglob(".lock*"))


def test_a_full_disk_keeps_what_was_finished_and_goes_on_when_there_is_room(suite: Suite, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk; the engine, another's program, is spared."""
    engine = tmp_path / "engine"
    engine.write_text(f'#!/bin/bash\nulimit -S -f unlimited\nexec {FAKE_ENGINE} "$@"\n')
    engine.chmod(0o755)
    output = tmp_path / "out"
    arguments = suite.arguments(output, "--max_num_seqs", "1", "--engine_python", str(engine))
    limited = ["bash", "-c", 'ulimit -S -f 4; exec "$@"', "-", sys.executable, "main.py", *arguments]
    env = os.environ | suite.fake.environment()
    suite.fake.tell(tokens=150)
    done = subprocess.run(limited, cwd=FAKE_ENGINE.parent.parent, env=env, capture_output=True, text=True)
    kept = [one for folder in output.glob("*/*_seed0") for one in Journal(folder).read()]
    assert done.returncode == 1 and "completions.jsonl" in one_line(done.stderr) and 0 < len(kept) < 8
    asked = len(suite.fake.bodies)
    assert suite.run(output)[0] == 0
    assert len(suite.fake.bodies) - asked == 8 - len(kept)
    assert next(iter(experiments(output).values()))["num_samples"] == 8


def test_of_two_runs_the_second_says_who_holds_what_and_with_wait_waits(suite: Suite, tmp_path: Path) -> None:
    output = tmp_path / "out"
    suite.fake.tell(latency=2.0)
    first = suite.start(output, "--seed", "0")
    until(lambda: list(output.glob("*/*/.lock")), 60)
    waiting = suite.start(tmp_path / "second" / ".." / "out", "--seed", "0-1", "--wait")
    code, text = suite.run(output, "--seed", "0")
    assert code == 1 and f"process {first.pid}" in text and "--wait" in text
    suite.fake.tell()
    assert first.wait(120) == 0 and waiting.wait(120) == 0
    found = experiments(output)
    assert sorted(one["seed"] for one in found.values()) == [0, 1] and not any(one["history"] for one in found.values())
    asked = [body["seed"] for body in suite.fake.bodies]
    kept = [one.request_seed for name in found for one in Journal(output / "bytes" / name).read()]
    assert len(kept) == 16 and all(asked.count(seed) >= 1 for seed in kept)


def test_two_runs_that_start_together_with_wait_share_the_work_and_both_end(suite: Suite, tmp_path: Path) -> None:
    suite.fake.tell(latency=0.2)
    output, began = tmp_path / "out", len(suite.fake.bodies)
    both = [suite.start(output, "--seed", "0-3", "--wait") for _ in range(2)]
    assert [one.wait(200) for one in both] == [0, 0]
    suite.fake.tell()
    found = experiments(output)
    assert len(found) == 4 and not any(one["history"] for one in found.values())
    assert len(suite.fake.bodies) - began == 32
