"""--watch: which checkpoints are ready, and what the loop does with them, with a stub for main.py."""

import json
import shutil
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from evalsuite.launch.watch import Scan, find_defect, scan
from tests.support.stub_suite import SCRIPT, Suite, values
from tests.support.sweeps import make_model, until

pytestmark = pytest.mark.slow


def scanned(state: dict, run: Path, now: float, **more) -> Scan:
    """Scan all folders of a run, by step, as if none had a defect."""
    steps = sorted((int(path.name.rpartition("-")[2]), str(path)) for path in run.iterdir())
    given = {"settle": 10, "limit": None, "defect": lambda folder: None} | more
    return scan(state, [(f"r@{step}", folder) for step, folder in steps], now, **given)


def checkpoint(run: Path, step: int) -> Path:
    return make_model(run / f"checkpoint-{step}", step=step)


def test_a_checkpoint_is_ready_once_when_its_files_have_not_changed_for_long_enough(tmp_path):
    folder, state = checkpoint(tmp_path, 4), {}
    assert scanned(state, tmp_path, 100) == Scan([], [], 1)
    (folder / "optimizer").mkdir()
    (folder / "optimizer" / "rank0.pt").write_bytes(b"half")
    assert scanned(state, tmp_path, 109) == Scan([], [], 1)
    assert scanned(state, tmp_path, 118) == Scan([], [], 1)
    assert scanned(state, tmp_path, 119) == Scan([f"r@4={folder}"], [], 0)
    assert scanned(state, tmp_path, 200) == Scan([], [], 0)


def test_an_overwritten_checkpoint_is_ready_again_and_a_deleted_one_is_forgotten(tmp_path):
    folder, state = checkpoint(tmp_path, 4), {}
    assert [scanned(state, tmp_path, now).ready for now in (0, 10)] == [[], [f"r@4={folder}"]]
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert [len(scanned(state, tmp_path, now).ready) for now in (20, 30)] == [0, 1]
    shutil.rmtree(folder)
    assert scanned(state, tmp_path, 40) == Scan([], [], 0) and state == {}


def test_checkpoints_beyond_the_limit_are_pending_and_a_clock_set_back_only_costs_time(tmp_path):
    folders, state = [str(checkpoint(tmp_path, step)) for step in (4, 8)], {}
    scanned(state, tmp_path, 100)
    assert scanned(state, tmp_path, 110, limit=1) == Scan([f"r@4={folders[0]}"], [], 1)
    assert scanned(state, tmp_path, 50) == Scan([], [], 2)
    assert scanned(state, tmp_path, 60).ready == [f"r@4={folders[0]}", f"r@8={folders[1]}"]


def test_a_broken_checkpoint_is_reported_once_until_it_changes_and_a_step_is_used_once(tmp_path):
    folder, state = checkpoint(tmp_path, 4), {}
    broken = {"defect": lambda folder: "no good"}
    assert [scanned(state, tmp_path, now, **broken).skipped for now in (0, 10, 30)] == [[], ["r@4: no good"], []]
    (folder / "config.json").write_text("{}")
    assert [len(scanned(state, tmp_path, now).ready) for now in (40, 50)] == [0, 1]
    twin = checkpoint(tmp_path / "other", 4)
    both = [("r@4", str(folder)), ("r@4", str(twin)), ("", str(tmp_path))]
    found = scan({}, both, 0, 0, None, lambda folder: None)
    assert found.ready == [f"r@4={folder}"] and f"has the same step as {folder}" in found.skipped[0]
    assert found.skipped[1] == f"{tmp_path}: neither its name nor a trainer_state.json gives the step"


def index(folder: Path, text: str) -> None:
    (folder / "model.safetensors.index.json").write_text(text)


def shorten(folder: Path, left: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:left])


DEFECTS = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
    "half a config": (lambda folder: (folder / "config.json").write_text('{"a": '), "cannot read"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "has no weights"),
    "cut tensors": (lambda folder: shorten(folder, -1), "was it truncated?"),
    "cut header": (lambda folder: shorten(folder, 30), "has no valid safetensors header"),
    "empty file": (lambda folder: shorten(folder, 0), "has no valid safetensors header"),
    "too long": (lambda folder: (folder / "model.safetensors").open("ab").write(b"x"), "but its header says"),
    "a shard away": (lambda folder: index(folder, '{"weight_map": {"a": "model.safetensors", "b": "2.safetensors"}}'),
                     "model.safetensors.index.json are missing, the first is 2.safetensors"),
    "half an index": (lambda folder: index(folder, '{"weight_map": {"a": '), "is not a valid index of weights"),
    "a bad shard": (lambda folder: index(folder, '{"weight_map": {"a": 1}}'), "is not a valid index of weights"),
    "half a template": (lambda folder: (folder / "tokenizer_config.json").write_text("{"), "cannot read"),
    "strange header": (lambda folder: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"[]"),
                       "has no valid safetensors header"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_an_incomplete_checkpoint_is_recognised_without_loading_it(tmp_path, name):
    folder = checkpoint(tmp_path, 4)
    assert find_defect(str(folder)) is None
    damage, message = DEFECTS[name]
    damage(folder)
    assert message in find_defect(str(folder))


class Watch(Suite):
    """Watches a run's checkpoints with the stub in place of main.py, without waiting for files to settle."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        del self.env["MODELS"]
        self.env |= {"WATCH_SETTLE": "0"}
        self.training = folder / "ckpts" / "run7"
        self.training.mkdir(parents=True)
        self.out, self.err = folder / "out", folder / "err"

    def watch(self, *words: str, **env: str) -> subprocess.Popen:
        """Start the script, with its output in the files `out` and `err`."""
        words = words or ("ckpts/run7/checkpoint-*",)
        with self.out.open("w") as out, self.err.open("w") as err:
            return subprocess.Popen(
                ["bash", str(SCRIPT), "--watch", *words], env=self.env | env, cwd=self.folder, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip

    def to_the_end(self, *words: str, **env: str) -> int:
        """Watch until the existing checkpoints are evaluated, with a STOP file; returns the exit code."""
        (self.training / "STOP").touch()
        return self.watch(*words, **env).wait(600)

    def evaluated(self) -> list[str]:
        """The names of the models that main.py was started for, without dry runs, in order."""
        return [values(call, "--model")[0].partition("=")[0] for call in self.calls() if "--dry_run" not in call]

    def analysed(self) -> int:
        return len(self.calls("analyze_summary.py"))


@pytest.fixture
def suite(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


@pytest.mark.parametrize(("order", "names"), [("oldest", [4, 30, 200]), ("newest", [200, 30, 4])])
def test_existing_checkpoints_are_evaluated_in_order_with_a_report_after_each(suite, order, names):
    for step in (30, 200, 4):
        checkpoint(suite.training, step)
    assert suite.to_the_end(WATCH_ORDER=order) == 0, suite.err.read_text()
    assert suite.evaluated() == [f"run7@{step}" for step in names] and suite.analysed() == 3
    assert f"Stopped because of {suite.training}/STOP." in suite.out.read_text() and not suite.err.read_text()


def test_a_new_checkpoint_is_evaluated(suite):
    process = suite.watch()
    until(lambda: "Waiting for checkpoints" in suite.out.read_text())
    checkpoint(suite.folder / "elsewhere", 8).rename(suite.training / "checkpoint-8")
    until(suite.analysed)
    assert process.poll() is None and suite.evaluated() == ["run7@8"] and not suite.err.read_text()
    (suite.folder / "output" / "STOP").touch()
    assert process.wait(600) == 0 and suite.evaluated() == ["run7@8"] and suite.analysed() == 1


def test_a_broken_checkpoint_is_reported_and_evaluated_once_it_is_repaired(suite):
    checkpoint(suite.training, 4)
    bad = checkpoint(suite.training, 8)
    data = (bad / "model.safetensors").read_bytes()
    (bad / "model.safetensors").write_bytes(data[:-9])
    process = suite.watch()
    until(lambda: "skipped until it changes: run7@8: " in suite.err.read_text() and suite.evaluated())
    (bad / "model.safetensors").write_bytes(data)
    until(lambda: suite.evaluated() == ["run7@4", "run7@8"])
    (suite.training / "STOP").touch()
    assert process.wait(600) == 0 and len(suite.err.read_text().splitlines()) == 1


def test_after_a_restart_finished_checkpoints_are_skipped_and_reported_once(suite):
    for step in (4, 8):
        checkpoint(suite.training, step)
    assert suite.to_the_end() == 0
    checkpoint(suite.training, 12)
    (suite.folder / "calls.jsonl").unlink()
    assert suite.to_the_end() == 0
    assert suite.evaluated() == ["run7@12"] and suite.analysed() == 1
    (suite.folder / "calls.jsonl").unlink()
    assert suite.to_the_end() == 0
    assert suite.evaluated() == [] and suite.analysed() == 1 and len(suite.calls()) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy", [True, False])
def test_a_signal_ends_a_watch_like_a_run(suite, number, busy):
    """Both while a checkpoint is evaluated and while one counts as unfinished, for the hour of WATCH_SETTLE."""
    checkpoint(suite.training, 4)
    suite.rules(**{"--dry_run": {}, "main.py": {"until": "never"}})
    process = suite.watch(WATCH_SETTLE="0" if busy else "3600")
    until(lambda: ("waiting\n" if busy else "Waiting for checkpoints") in suite.out.read_text())
    assert suite.evaluated() == ["run7@4"] * busy
    process.send_signal(number)
    assert process.wait(600) == 130
    assert "run the same command again to continue" in suite.err.read_text()
    assert (f"stopped by {number.name}" in suite.out.read_text()) == busy


def test_a_checkpoint_that_fails_is_listed_at_the_end_and_the_others_are_evaluated(suite):
    for step in (4, 8):
        checkpoint(suite.training, step)
    suite.rules(**{"--dry_run": {}, "--model run7@4=": {"exit": 1, "say": "engine died"}})
    assert suite.to_the_end() == 1
    assert suite.evaluated() == ["run7@4", "run7@8"]
    assert (
        suite.err.read_text().splitlines()[-1].startswith("run_interactive:   run7@4: demo_arithmetic demo_words (exit")
    )


def test_a_mistake_in_the_variables_ends_it_before_anything_starts(suite):
    checkpoint(suite.training, 4)
    suite.rules(**{"--task nope": {"exit": 2, "say": "main.py: unknown task nope"}})
    assert suite.to_the_end(TASKS="nope") == 2
    assert suite.err.read_text().splitlines()[-1] == "run_interactive: run7@4: nope: main.py: unknown task nope"
    assert suite.evaluated() == [] and suite.analysed() == 0


def test_with_gpus_several_checkpoints_are_evaluated_in_parallel(suite):
    for step in (4, 8, 12):
        checkpoint(suite.training, step)
    assert suite.to_the_end(GPUS="2", DEVICE="cuda") == 0, suite.err.read_text()
    assert sorted(suite.evaluated()) == ["run7@12", "run7@4", "run7@8"] and suite.analysed() == 1


def test_the_curves_go_to_the_given_trackers_and_main_py_never_sees_the_run(suite):
    checkpoint(suite.training, 4)
    (suite.folder / "output").mkdir()
    (suite.folder / "output" / "series_analysis.csv").touch()
    assert suite.to_the_end(WANDB_RUN_ID="train7", WATCH_TENSORBOARD="tb") == 0, suite.err.read_text()
    places = ["output", "--tensorboard", "tb", "--wandb_run", "train7", "--series", "run7"]
    assert suite.calls("evalsuite.launch.curves") == [[*places, "--check"], places]


def test_curves_that_a_service_refused_are_sent_again_at_the_end(suite):
    checkpoint(suite.training, 4)
    (suite.folder / "output").mkdir()
    (suite.folder / "output" / "series_analysis.csv").touch()
    suite.rules(**{"--check": {}, "evalsuite.launch.curves": {"exit": 1}})
    assert suite.to_the_end(WATCH_TENSORBOARD="tb") == 1
    assert len(suite.calls("evalsuite.launch.curves")) == 3 and "curves, see output/logs/" in suite.err.read_text()


@pytest.mark.parametrize(
    ("words", "name"),
    [(["ckpts/run7"], "run7"), (["ckpts/run7/"], "run7"), (["mine", "ckpts/run7/*"], "mine"),
     (["ckpts", "ckpts/run7/*"], "ckpts"), (["run7", "my conf.sh"], "run7")],
)  # fmt: skip
def test_the_series_is_named_after_the_folder_above_unless_a_name_is_given(suite, words, name):
    checkpoint(suite.training, 4)
    suite.conf("SEEDS=(3)")
    (suite.folder / "run7").symlink_to(suite.training)
    assert suite.to_the_end(*words) == 0 and suite.evaluated() == [f"{name}@4"]


@pytest.mark.parametrize(
    ("words", "env", "message"),
    [([], {}, "--watch takes a pattern"), (["a=b", "c/*"], {}, "--watch takes a pattern"),
     (["x/*/checkpoint-*"], {}, "--watch takes a pattern"),
     (["ckpts/run7/checkpoint-4"], {}, "put the pattern in quotes"),
     (["r", "x/*", "--slurm"], {}, "cannot be combined with --slurm"),
     (["r", "x/*"], {"WATCH_ORDER": "best"}, "must be one of: oldest, newest"),
     (["r", "x/*"], {"WATCH_SETTLE": "soon"}, "must be a whole number of seconds"),
     (["r", "x/*", "--watch", "s", "y/*"], {"WANDB_RUN_ID": "t"}, "watch each in a call of its own")],
)  # fmt: skip
def test_an_invalid_watch_is_one_line(suite, words, env, message):
    checkpoint(suite.training, 4)
    done = suite.run("--watch", *words, **env)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1 and not suite.calls()


def test_a_second_watch_of_the_same_run_is_refused(suite):
    process = suite.watch()
    until(lambda: "Waiting for checkpoints" in suite.out.read_text())
    second = suite.run("--watch", "ckpts/run7/checkpoint-*")
    process.terminate()
    assert second.returncode == 1 and "another --watch of run7 is writing to output" in second.stderr
    assert process.wait(600) == 130


def test_a_dry_run_shows_the_checkpoints_that_exist_now(suite):
    checkpoint(suite.training, 4)
    done = suite.run("--dry-run", "--watch", "ckpts/run7/checkpoint-*")
    assert done.returncode == 0 and f"run7@4={suite.training}/checkpoint-4" in done.stdout
    assert json.loads((suite.folder / "calls.jsonl").read_text().splitlines()[0])[-1] == "--dry_run"
