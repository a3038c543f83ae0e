"""Faults that a run survives: a terminal that is gone, an unreadable journal, a kill in the middle of --overwrite."""

import contextlib
import os
from pathlib import Path

import pytest

from evalsuite.plan.arguments import parse
from evalsuite.plan.plan import plan
from evalsuite.sweep.experiment_locks import ExperimentLocks
from main import main
from tests.support.calls import Calls
from tests.support.sweeps import experiments

pytestmark = pytest.mark.slow


@pytest.fixture
def suite(fake_server: Calls) -> Calls:
    fake_server.fake.tell()
    return fake_server


def flags(suite: Calls, output: Path, *more: str) -> list[str]:
    return suite.arguments(output, "--base_url", suite.base_url, "--max_samples", "2", *more)


def test_a_run_continues_if_its_output_cannot_be_written(suite: Calls, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full, contextlib.redirect_stdout(full):
        assert main(flags(suite, tmp_path)) == 0
    assert [one["status"] for one in experiments(tmp_path).values()] == ["finished"]


def test_an_unreadable_journal_is_reported_and_the_other_experiments_are_finished(suite: Calls, tmp_path: Path) -> None:
    sweep = plan(parse(flags(suite, tmp_path, "--seed", "0-1")))
    bad = sweep.folder_of(sweep.experiments[0]) / "completions.jsonl.zst"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"(\xb5/\xfd nothing that zstd wrote")
    outcome = suite.call(tmp_path, "--base_url", suite.base_url, "--max_samples", "2", "--seed", "0-1")
    assert outcome.code == 1 and f"{sweep.experiments[0].name}: cannot read {bad}" in outcome.out
    assert list(experiments(tmp_path)) == [sweep.experiments[1].name]
    assert bad.read_bytes().endswith(b"wrote") and not list(tmp_path.rglob(".lock*"))


def test_overwrite_killed_half_way_leaves_nothing_finished(suite: Calls, tmp_path, monkeypatch) -> None:
    assert main(flags(suite, tmp_path)) == 0
    moved: list[str] = []
    rename = Path.rename

    def dies_after_one(path: Path, target: Path) -> None:
        if moved:
            raise KeyboardInterrupt
        moved.append(path.name)
        rename(path, target)

    monkeypatch.setattr(Path, "rename", dies_after_one)
    assert main(flags(suite, tmp_path, "--overwrite")) == 130
    assert moved == ["experiment.json"] and not list(tmp_path.glob("*/*_seed0/experiment.json"))
    monkeypatch.undo()
    asked = len(suite.fake.bodies)
    assert main(flags(suite, tmp_path)) == 0 and len(suite.fake.bodies) == asked  # the journal had not been moved


def test_overwriting_again_within_a_second_keeps_every_old_folder(suite: Calls, tmp_path: Path) -> None:
    sweep = plan(parse(flags(suite, tmp_path, "--overwrite")))
    folder = sweep.folder_of(sweep.experiments[0])
    for turn in range(3):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "completions.jsonl").write_text(str(turn))
        locks = ExperimentLocks(sweep)
        assert locks.acquire()
        locks.close()
    kept = sorted(folder.parent.glob("*.replaced-*/completions.jsonl"), key=os.path.getmtime)
    assert [path.read_text() for path in kept] == ["0", "1", "2"]
