"""The curves of a series in Weights & Biases and TensorBoard: the right numbers at the right step, each sent once."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalsuite.launch import curves
from tests.support.trackers import tensorboard_scalars, wandb_log

pytestmark = pytest.mark.slow

BLANK = dict.fromkeys(("setting", "wilson_low", "wilson_high", "seed_ci_low", "seed_ci_high", "no_answer_rate"), "")
ROW = BLANK | {"series": "run7", "task": "aime24", "n_seeds": "4", "ci_low": "0.1", "ci_high": "0.9",
               "mean_output_tokens": "812.5", "truncated_rate": "0.25", "provisional": "false"}  # fmt: skip


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("WANDB_DIR", raising=False)


def write(output: Path, *rows: dict[str, str]) -> Path:
    """Write an analysis with these rows, and create the checkpoints' folders."""
    whole = [ROW | {"model": f"{row.get('series', 'run7')}@{row['step']}"} | row for row in rows]
    for row in whole:
        (output / row["model"]).mkdir(parents=True, exist_ok=True)
    with (output / "series_analysis.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(whole[0]))
        table.writeheader()
        table.writerows(whole)
    return output


def send(output: Path, *flags: str) -> int:
    return curves.main([str(output), "--series", "run7", *flags])


def history(output: Path) -> Iterator[dict[str, Any]]:
    """The rows in W&B's offline files; asserts that they belong to the run and have an x axis of their own."""
    files = (output / "logs" / "wandb").glob("offline-run-*/*.wandb")
    for path in sorted(files, key=lambda path: path.stat().st_mtime_ns):
        records = wandb_log(path)
        assert {one.run.run_id for one in records if one.WhichOneof("record_type") == "run"} == {"train7"}
        axes = {one.metric.name: one.metric.step_metric for one in records if one.WhichOneof("record_type") == "metric"}
        for record in records:
            row = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
            if row:
                assert all(
                    axes[name] == "eval/step" for name in row if name.startswith("eval/") and name != "eval/step"
                )
                yield {name: value for name, value in row.items() if name.startswith("eval/")}


def test_wandb_gets_a_row_per_checkpoint_in_the_existing_run_on_a_separate_axis(tmp_path, capsys):
    first = {"step": "400", "mean_accuracy": "0.5", "wilson_low": "0.3", "wilson_high": "0.7"}
    second = {
        "step": "400",
        "mean_accuracy": "0.25",
        "task": "gpqa:diamond",
        "seed_ci_low": "0.2",
        "no_answer_rate": "0",
    }
    other = {"step": "800", "mean_accuracy": "0.75", "setting": "temperature=1, a/b"}
    output = write(tmp_path, first, second, other, other | {"series": "run8"})
    assert send(output, "--wandb_run", "train7") == 0
    assert capsys.readouterr().out == "sent to W&B run train7: 3 new of 3 points\n"
    four, eight = history(output)
    assert four["eval/step"] == 400 and eight["eval/step"] == 800
    shown = {
        "accuracy": 0.5,
        "wilson_low": 0.3,
        "wilson_high": 0.7,
        "mean_output_tokens": 812.5,
        "truncated_rate": 0.25,
    }
    assert {f"eval/aime24/{name}": value for name, value in (shown | {"n_seeds": 4}).items()}.items() <= four.items()
    assert (four["eval/gpqa:diamond/ci_low"], four["eval/gpqa:diamond/seed_ci_low"]) == (0.1, 0.2)
    assert "eval/aime24/ci_low" not in four and "eval/aime24/seed_ci_low" not in four
    assert eight["eval/aime24/temperature=1, a_b/accuracy"] == 0.75


def test_the_wandb_service_of_a_parent_process_is_not_used(tmp_path, monkeypatch):
    """That service would write when the parent process ends; here it does not exist."""
    monkeypatch.setenv("WANDB_SERVICE", f"3-{os.getpid()}-unix-{tmp_path}/none")
    output = write(tmp_path, {"step": "400", "mean_accuracy": "0.5"})
    command = [
        sys.executable,
        "-m",
        "evalsuite.launch.curves",
        str(output),
        "--series",
        "run7",
        "--wandb_run",
        "train7",
    ]
    subprocess.run(command, check=True, cwd=Path(__file__).resolve().parents[2])
    assert [row["eval/step"] for row in history(output)] == [400]


def test_a_checkpoint_is_sent_once_to_each_tracker_and_again_when_its_numbers_change(tmp_path, capsys):
    rows = [{"step": "400", "mean_accuracy": "0.5"}, {"step": "800", "mean_accuracy": "0.6"}]
    places = ("--wandb_run", "train7", "--tensorboard", str(tmp_path / "tb"))
    assert send(write(tmp_path, *rows[:1]), *places) == 0
    assert send(write(tmp_path, *rows), *places) == 0 == send(tmp_path, *places)
    assert [(row["eval/step"], row["eval/aime24/accuracy"]) for row in history(tmp_path)] == [(400, 0.5), (800, 0.6)]
    assert send(write(tmp_path, rows[0] | {"mean_accuracy": "0.7"}, rows[1]), *places) == 0
    assert [row["eval/step"] for row in history(tmp_path)] == [400, 800, 400]
    assert send(tmp_path, "--tensorboard", str(tmp_path / "elsewhere")) == 0
    scores = [(step, value) for step, tag, value in tensorboard_scalars(tmp_path / "tb" / "run7") if "accuracy" in tag]
    assert scores == [(400, 0.5), (800, pytest.approx(0.6)), (400, pytest.approx(0.7))]
    assert capsys.readouterr().out.endswith("elsewhere: 2 new of 2 points\n")


def test_tensorboard_has_the_same_names_at_the_step_of_the_training(tmp_path):
    write(tmp_path, {"step": "400", "mean_accuracy": "0.5"})
    assert send(tmp_path, "--tensorboard", str(tmp_path / "tb")) == 0
    found = {tag: value for step, tag, value in tensorboard_scalars(tmp_path / "tb" / "run7") if step == 400}
    assert found["eval/aime24/accuracy"] == 0.5 and found["eval/aime24/mean_output_tokens"] == 812.5
    assert found["eval/aime24/ci_high"] == pytest.approx(0.9) and found["eval/aime24/truncated_rate"] == 0.25


def test_provisional_results_are_not_sent(tmp_path, capsys):
    write(tmp_path, {"step": "400", "mean_accuracy": "0.5", "provisional": "true"})
    assert send(tmp_path, "--wandb_run", "train7") == 0
    assert "0 new of 0 points" in capsys.readouterr().out and not list(history(tmp_path))


def test_a_tracker_that_fails_is_reported_and_tried_again_while_the_other_is_served(tmp_path, capsys):
    write(tmp_path, {"step": "400", "mean_accuracy": "0.5"})
    (tmp_path / "tb").write_text("no folder")
    places = ("--tensorboard", str(tmp_path / "tb"), "--wandb_run", "train7")
    assert send(tmp_path, *places) == 1
    said = capsys.readouterr()
    assert said.err.startswith("curves: not sent to TensorBoard ")
    assert said.err.endswith("; the next report tries again\n")
    assert len(said.err.splitlines()) == 1 and "sent to W&B run train7: 1 new" in said.out
    (tmp_path / "tb").unlink()
    assert send(tmp_path, *places) == 0 and len(list(history(tmp_path))) == 1
    assert tensorboard_scalars(tmp_path / "tb" / "run7")


@pytest.mark.parametrize(
    ("places", "said"),
    [(("--wandb_run", "x"), "WANDB_RUN_ID=x needs the package wandb: pip install wandb"),
     (("--tensorboard", "x"), "WATCH_TENSORBOARD needs the package tensorboardX: pip install tensorboardX"),
     ((), "give --wandb_run ID, --tensorboard FOLDER, or both")],
)  # fmt: skip
def test_a_missing_package_is_one_line(tmp_path, capsys, monkeypatch, places, said):
    for package in ("wandb", "tensorboardX"):
        monkeypatch.setitem(sys.modules, package, None)
    assert send(tmp_path, *places, "--check") == 2 and capsys.readouterr().err == f"curves: {said}\n"


def test_without_an_analysis_it_says_which_scripts_to_run(tmp_path, capsys):
    assert send(tmp_path, "--tensorboard", str(tmp_path / "tb")) == 1
    assert "run analyze_results.py and analyze_summary.py" in capsys.readouterr().err
