"""A training run watched by the whole suite with the fake server: interrupted, continued, and stopped."""

import contextlib
import csv
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalsuite.store.journal import Journal
from tests.conftest import ROOT
from tests.support.calls import call
from tests.support.sweeps import Fake, experiments, make_data, make_model, running_server, until
from tests.support.trackers import tensorboard_scalars, wandb_log

pytestmark = pytest.mark.slow

PROBLEMS, KEPT = 30, 3


class Training:
    """A folder with a training run, its data, and the variables of the watch."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.output, self.log = folder, folder / "output", folder / "watch.log"
        self.run = folder / "ckpts" / "run7"
        self.asked = 0  # requests of the second watch
        make_data(folder / "data", PROBLEMS)
        (folder / "my.conf").write_text(
            f"""LOCAL_DIR={folder} DATA_DIR=data BASE_URL={url} SETUP=0 PYTHON={sys.executable}
            TASKS=(demo_arithmetic) SEEDS=(0) MAX_NEW_TOKENS=(400) MAX_MODEL_LENGTHS=() MAX_NUM_SEQUENCES=2
            WATCH_SETTLE=1 WATCH_TENSORBOARD=tb
            export WANDB_RUN_ID=train7 WANDB_MODE=offline WANDB_PROJECT=p\n"""
        )

    def evaluate(self, step: int, url: str) -> None:
        """Evaluate a checkpoint in this process, as the script would."""
        flags = {"--model": f"run7@{step}={self.run}/checkpoint-{step}", "--task": "demo_arithmetic", "--seed": "0",
                 "--max_new_tokens": "400", "--dtype": "bfloat16", "--data_dir": str(self.folder / "data"),
                 "--output_dir": str(self.output), "--base_url": url}  # fmt: skip
        outcome = call("--use_chat_template", *(part for flag in flags.items() for part in flag))
        assert outcome.code == 0, outcome

    def checkpoint(self, step: int) -> Path:
        return make_model(self.run / f"checkpoint-{step}", step=step)

    @contextlib.contextmanager
    def watch(self) -> Iterator[subprocess.Popen]:
        """Run the script in the background; it is ended with the block."""
        command = ["bash", str(ROOT / "run_interactive.sh"), "--watch", "ckpts/run7/checkpoint-*", "my.conf"]
        with self.log.open("a") as stream:
            process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(600)

    def until(self, condition: Callable[[], Any], process: subprocess.Popen) -> None:
        """Wait for a condition while the watch runs; if that fails, show its log."""
        until(lambda: condition() or process.poll() is not None)
        assert condition(), self.log.read_text()

    def journaled(self, name: str) -> int:
        return sum(1 for folder in self.output.glob(f"{name}/*_seed0") for _ in Journal(folder).read())

    def sent(self) -> list[dict[str, Any]]:
        """The rows in W&B's offline files, oldest first."""
        files = sorted(self.output.glob("logs/wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)
        rows = [{item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
                for path in files for record in wandb_log(path)]  # fmt: skip
        return [row for row in rows if "eval/step" in row]


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Step 100 is evaluated already, 200 is copied slowly and interrupted half-way, 300 stays broken. Then STOP is
    created."""
    folder = tmp_path_factory.mktemp("training")
    fake = Fake(folder / "fake")
    with running_server(fake) as url:
        run = Training(folder, url)
        run.checkpoint(100)
        run.evaluate(100, url)
        fake.tell(hold={"id": 1, "count": KEPT})
        with run.watch() as process:
            _copy_slowly(run, process)
            run.until(lambda: run.journaled("run7@200") == KEPT, process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(600) == 130, run.log.read_text()
        assert run.journaled("run7@200") == KEPT
        asked = len(fake.bodies)
        fake.tell()
        (run.run / "STOP").touch()
        with run.watch() as process:
            assert process.wait(600) == 0, run.log.read_text()
        run.asked = len(fake.bodies) - asked
        return run


def _copy_slowly(training: Training, process: subprocess.Popen) -> None:
    whole = make_model(training.folder / "elsewhere", step=200)
    broken = training.checkpoint(300)
    (broken / "model.safetensors").write_bytes(b"half a head")
    slow = training.run / "checkpoint-200"
    slow.mkdir()
    shutil.copy(whole / "config.json", slow)
    for path in whole.glob("*.json"):
        shutil.copy(path, slow)
    training.until(lambda: "skipped until it changes: run7@300" in training.log.read_text(), process)
    shutil.copy(whole / "model.safetensors", slow)


def test_every_complete_checkpoint_is_evaluated_once_without_repeated_requests(training):
    found = experiments(training.output)
    assert sorted((one["series"], one["step"], one["status"]) for one in found.values()) == [
        ("run7", step, "finished") for step in (100, 200)
    ]
    assert training.asked == PROBLEMS - KEPT
    assert "skipped until it changes: run7@300: " in training.log.read_text()


def test_the_analysis_and_the_report_have_both_checkpoints(training):
    rows = list(csv.DictReader((training.output / "series_analysis.csv").open()))
    assert [(row["series"], row["step"], row["n_problems"]) for row in rows] == [
        ("run7", step, str(PROBLEMS)) for step in ("100", "200")
    ]
    assert all(name in (training.output / "report.html").read_text() for name in ("run7@100", "run7@200"))


def test_both_trackers_have_each_checkpoint_once_with_the_numbers_of_the_analysis(training):
    rows = {int(row["step"]): row for row in csv.DictReader((training.output / "series_analysis.csv").open())}
    sent = training.sent()
    assert [row["eval/step"] for row in sent] == [100, 200]
    scalars = tensorboard_scalars(training.folder / "tb" / "run7")
    for row in sent:
        step = row["eval/step"]
        for name in ("accuracy", "wilson_low", "wilson_high", "mean_output_tokens", "truncated_rate"):
            tag = f"eval/demo_arithmetic/{name}"
            value = float(rows[step]["mean_accuracy" if name == "accuracy" else name])
            assert row[tag] == pytest.approx(value)
            assert [found for at, seen, found in scalars if (at, seen) == (step, tag)] == [pytest.approx(value)]
