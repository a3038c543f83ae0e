"""Checkpoints: which folders --series and NAME@=PATTERN mean, and how main.py and the first pass treat NAME@STEP."""

import json
from pathlib import Path

import pytest

from evalsuite.collect import read_tree
from evalsuite.errors import UserError
from evalsuite.plan import arguments
from tests.conftest import ROOT
from tests.support.calls import Calls
from tests.support.stub_suite import Suite, shell, values


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def checkpoint(folder: Path, **state: int) -> Path:
    """Create a folder that looks like a model's, with a trainer's state if one is given."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    if state:
        history = [{"step": 1, "loss": 2.0}]
        (folder / "trainer_state.json").write_text(json.dumps({"epoch": 1.0, "log_history": history} | state))
    return folder


def models(suite: Suite) -> list[str]:
    return [values(call, "--model")[0].replace(f"{suite.folder}/", "") for call in suite.calls()]


def test_a_series_is_its_folders_sorted_by_step_from_the_name_or_the_trainer(suite):
    run = suite.folder / "ckpts" / "run 7"
    for name in ("checkpoint-1000", "checkpoint-400"):
        checkpoint(run / name)
    checkpoint(run / "final", global_step=1200)
    (run / "logs").mkdir()
    done = suite.run("--series", "run7", "ckpts/run 7/*")
    assert done.returncode == 0, done.stderr
    names = {"run7@400": "checkpoint-400", "run7@1000": "checkpoint-1000", "run7@1200": "final"}
    assert models(suite) == [f"{name}=ckpts/run 7/{folder}" for name, folder in names.items()]
    assert f"run7: no config.json in {run / 'logs'}; left out" in done.stderr


@pytest.mark.parametrize(
    ("folder", "step"),
    [("checkpoint-400", "400"), ("global_step00080", "80"), ("epoch_3", "3"), ("x/run-20240501-step7-v2", "7"),
     ("iter_0000012/", "12"), ("0400", "400"), ("qwen3", ""), ("v0.5", ""), ("step", "")],
)  # fmt: skip
def test_the_step_is_found_in_a_folders_name(folder, step):
    assert shell(f'step_of "{folder}"; echo "[$STEP]"').stdout == f"[{step}]\n"


def test_a_pattern_can_be_listed_with_other_models_and_a_series_can_have_its_own_flags(suite):
    for run in ("run7", "run8"):
        checkpoint(suite.folder / run / "checkpoint-400")
    suite.run(
        MODELS="base=./b run7@=run7/* run8@400=run8/checkpoint-400", MODEL_ARGS="run7=--top_k 7; run8@400=--top_k 8"
    )
    assert models(suite) == ["base=./b", "run7@400=run7/checkpoint-400", "run8@400=run8/checkpoint-400"]
    assert [values(call, "--top_k") for call in suite.calls()] == [[], ["7"], ["8"]]


def test_folders_expanded_by_the_shell_and_two_series_work(suite):
    folders = [checkpoint(suite.folder / run / f"checkpoint-{step}") for run, step in (("a", 1), ("a", 2), ("b", 1))]
    one, two, three = map(str, folders)
    done = suite.run("--series", "a", one, two, "--series", "b", three, suite.conf("SEEDS=(7)"))
    assert done.returncode == 0, done.stderr
    assert models(suite) == ["a@1=a/checkpoint-1", "a@2=a/checkpoint-2", "b@1=b/checkpoint-1"]
    assert values(suite.calls()[0], "--seed") == ["7"]


def test_checkpoints_of_two_runs_without_names_collide_with_advice(suite):
    for run in ("run7", "run8"):
        checkpoint(suite.folder / run / "checkpoint-400")
    done = suite.run(MODELS="run7/checkpoint-400 run8/checkpoint-400")
    assert done.returncode == 2 and "have the same name, checkpoint-400; write NAME=" in done.stderr
    assert "or NAME@STEP=run8/checkpoint-400 for a checkpoint" in done.stderr and not suite.calls()


@pytest.mark.parametrize(
    ("words", "message"),
    [(["run7", "nowhere/*"], "no folder with a config.json matches"), (["run7"], "--series takes a name and a pattern"),
     ([], "--series takes a name"), (["a@b", "x"], "--series takes a name"), (["r", "plain*"], "gives the step")],
)  # fmt: skip
def test_an_invalid_series_is_one_line(suite, words, message):
    checkpoint(suite.folder / "plain")
    done = suite.run("--series", *words)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1
    assert not suite.calls()


def test_main_py_asks_for_a_missing_step():
    with pytest.raises(UserError, match="give the step, run7@400="):
        arguments.parse(["--task", "aime24", "--model", f"run7@={ROOT}"])


def test_a_checkpoint_is_a_separate_model_with_series_and_step_in_manifest_and_results(fake_server: Calls) -> None:
    output = fake_server.folder / "series"
    for name in ("run7@400", "run8@400"):
        outcome, _ = fake_server.asked("series", "--max_samples", "2", "--model", f"{name}={fake_server.model}")
        assert outcome.code == 0, outcome.err
    manifests = [json.loads(path.read_text()) for path in sorted(output.glob("*/*/experiment.json"))]
    assert [(one["series"], one["step"]) for one in manifests] == [("run7", 400), ("run8", 400)]
    assert manifests[0]["fingerprint"] == manifests[1]["fingerprint"]  # series and step are not part of the identity
    read_tree(output)
    results = json.loads((output / "run7@400" / "all_experiments_results.json").read_text())
    assert [(one["series"], one["step"]) for one in results["experiments"].values()] == [("run7", 400)]
