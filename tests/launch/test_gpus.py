"""GPUS=N: several models in parallel on pretended GPUs, with the stub in place of main.py."""

import os
import signal

import pytest

from evalsuite.launch import gpus
from tests.support.stub_suite import Suite
from tests.support.sweeps import until

pytestmark = pytest.mark.slow

RECORDER = """#!/bin/sh
if [ "${1##*/}" = main.py ] && [ -n "$CUDA_VISIBLE_DEVICES" ]; then
    echo "$CUDA_VISIBLE_DEVICES $3" >>"$STUB_DIR/used"
fi
exec "$REAL_STUB" "$@"
"""


@pytest.fixture
def suite(tmp_path):
    """The stub, behind a script that records which GPUs a call was given."""
    suite = Suite(tmp_path)
    recorder = tmp_path / "recorder"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    suite.env |= {"REAL_STUB": suite.env["PYTHON"], "PYTHON": str(recorder)}
    return suite


def used(suite) -> list[tuple[str, str]]:
    """(GPUs, model) of each call, in the order in which they started."""
    path = suite.folder / "used"
    rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [(row[0], row[1].split("=")[0]) for row in rows]


def test_each_call_gets_the_gpus_for_its_parallel_sizes_and_none_is_shared(suite):
    suite.rules(**{"engine/": {"until": "all run"}})
    models = {"MODELS": "a=./a b=./b c=./c", "MODEL_ARGS": "b=--tensor_parallel_size 2 --data_parallel_size 2"}
    process = suite.start(**models, GPUS="6")
    until(lambda: len(used(suite)) == 3)
    (suite.folder / "all run").touch()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("started", "finished"))] == [
        *["started"] * 3, *["finished"] * 3,
    ]  # fmt: skip
    given = {model: cards.split(",") for cards, model in used(suite)}
    assert {model: len(cards) for model, cards in given.items()} == {"a": 1, "b": 4, "c": 1}
    assert len({card for cards in given.values() for card in cards}) == 6


def test_the_longest_call_starts_first_and_waiting_calls_take_freed_gpus(suite):
    done = suite.run(MODELS="s-1B=./a l-70B=./b m-7B=./c", GPUS="1")
    assert done.returncode == 0 and [model for _, model in used(suite)] == ["l-70B", "m-7B", "s-1B"]
    assert {cards for cards, _ in used(suite)} == {"0"}


def test_a_call_that_dies_frees_its_gpus_and_is_listed_at_the_end(suite):
    suite.rules(**{"engine/1": {"exit": 1, "say": "no memory"}})
    done = suite.run(MODELS="a=./a b=./b", GPUS="1")
    assert done.returncode == 1 and [model for _, model in used(suite)] == ["a", "b"]
    assert "a: demo_arithmetic demo_words (exit code 1)" in done.stderr
    assert suite.calls("analyze_summary.py") == [["output"]]


def test_a_signal_reaches_every_running_call_and_no_other_is_started(suite):
    suite.rules(**{"engine/": {"until": "never"}})
    process = suite.start(MODELS="a=./a b=./b c=./c", GPUS="2")
    logs = suite.folder.glob
    until(lambda: sum("waiting" in log.read_text() for log in logs("output/logs/*_0*.log")) == 2)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=600)
    said = "".join(log.read_text() for log in logs("output/logs/*_0*.log"))
    assert process.returncode == 130 and said.count("stopped by SIGINT") == 2 and len(used(suite)) == 2


def test_a_model_that_needs_too_many_gpus_is_refused_before_anything_runs(suite):
    done = suite.run(EXTRA_ARGS="--tensor_parallel_size 4", GPUS="2")
    assert done.returncode == 2 and "needs 4 GPUs, but GPUS=2" in done.stderr + done.stdout
    assert not any("--log_dir" in call for call in suite.calls())


def test_finished_calls_are_not_started_again(suite):
    suite.run(GPUS="2")
    before = len(used(suite))
    assert suite.run(GPUS="2").returncode == 0 and len(used(suite)) == before


def test_more_gpus_than_are_visible_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert gpus.devices(2) == ["3", "5"]
    with pytest.raises(gpus.UserError, match="GPUS=3"):
        gpus.devices(3)
