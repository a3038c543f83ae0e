"""--wandb, --tensorboard and --push_to_hub upload the scores of finished experiments; failures are only reported."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.calls import Calls, Outcome, service_environment
from tests.support.fake_hub import FakeHub, running_hub
from tests.support.sweeps import experiments
from tests.support.trackers import tensorboard_scalars, wandb_log

pytestmark = pytest.mark.slow

FLAGS = ("--wandb", "proj", "--tensorboard", "--push_to_hub", "us")
REPOSITORY = "us/details_bytes_private"


@pytest.fixture(scope="module")
def hub() -> FakeHub:
    return running_hub()


@pytest.fixture(scope="module")
def pushed(fake_server: Calls) -> tuple[Outcome, Path]:
    """Two seeds, uploaded to all three services."""
    flags = ("--base_url", fake_server.base_url, "--seed", "0-1", *FLAGS)
    outcome = fake_server.call("out", *flags, **service_environment())
    return outcome, fake_server.folder / "out"


def accuracies(output: Path) -> dict[str, float]:
    """verified_match by experiment, from lighteval's results files."""
    found = {}
    for name, one in experiments(output).items():
        results = json.loads((output / "bytes" / name / one["results_file"]).read_text())
        found[name] = results["results"]["demo_arithmetic|0"]["verified_match"]
    return found


def test_weights_and_biases_has_one_run_per_experiment_with_scores_and_configuration(pushed) -> None:
    outcome, output = pushed
    assert outcome.code == 0 and "not uploaded" not in outcome.out
    found = {}
    for path in (output / "logs").glob("wandb/offline-run-*/*.wandb"):
        records = wandb_log(path)
        run = next(one.run for one in records if one.WhichOneof("record_type") == "run")
        assert (run.project, run.run_group) == ("proj", "bytes")
        values = {tuple(item.nested_key): item.value_json for one in records for item in one.history.item}
        config = {one.key: one.value_json for record in records for one in record.config.update}
        assert json.loads(config["configuration"])["temperature"] == 0.8
        found[run.display_name] = json.loads(values["demo_arithmetic|0", "verified_match"])
    assert len(found) == 2 and found == accuracies(output)


def test_tensorboard_has_lightevals_tags_with_the_seed_as_the_step(pushed: tuple[Outcome, Path]) -> None:
    for name, accuracy in accuracies(pushed[1]).items():
        scalars = tensorboard_scalars(pushed[1] / "bytes" / name / "tb")
        seen = {(step, tag): value for step, tag, value in scalars}
        assert seen[int(name[-1]), "eval/demo_arithmetic_0/verified_match"] == pytest.approx(accuracy)


def test_the_hub_has_a_private_data_set_with_results_and_details(pushed: tuple[Outcome, Path], hub: FakeHub) -> None:
    assert hub.private == {REPOSITORY: True}
    files = hub.files[REPOSITORY]
    sent = [json.loads(data)["results"] for path, data in files.items() if path.endswith(".json")]
    scores = sorted(one["demo_arithmetic|0"]["verified_match"] for one in sent)
    assert scores == sorted(accuracies(pushed[1]).values()) and len(scores) == 2
    details = [data for path, data in files.items() if "/details_demo_arithmetic|0_" in path]
    assert len(details) == 2 and all(data.startswith(b"PAR1") for data in details)
    assert b"demo_arithmetic" in files["README.md"]


def test_an_upload_that_the_hub_refuses_is_reported_and_the_experiments_stay_finished(
    pushed: tuple[Outcome, Path], hub: FakeHub, fake_server: Calls
) -> None:
    hub.refused = True
    more = ("--seed", "0-1", "--regrade", "--push_to_hub", "us", "--base_url", fake_server.base_url)
    outcome = fake_server.call("out", *more, **service_environment())
    hub.refused = False
    warnings = [line for line in outcome.out.splitlines() if "not uploaded to the hub: " in line]
    assert outcome.code == 1 and len(warnings) == 2 and "403" in warnings[0] and "--regrade" in warnings[0]
    assert sorted(one["status"] for one in experiments(pushed[1]).values()) == ["finished"] * 2
    assert outcome.out.count("\ngraded ") == 2


@pytest.mark.parametrize(
    ("flags", "environment", "said"),
    [
        ("--wandb proj", {}, "--wandb needs the package wandb (or trackio): pip install wandb"),
        ("--tensorboard", {}, "--tensorboard needs the package tensorboardX: pip install tensorboardX"),
        ("--push_to_hub us", {"HF_TOKEN": ""}, "--push_to_hub needs a token; run `hf auth login`, or set HF_TOKEN"),
        ("--push_to_hub us/them", {}, "--push_to_hub 'us/them': give the name of a user or organisation of the hub"),
    ],
)
def test_a_missing_requirement_is_reported_in_one_line_before_anything_starts(
    fake_engine: Calls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, environment: dict, said: str
) -> None:
    for package in ("wandb", "trackio", "tensorboardX"):
        monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    outcome = fake_engine.call(tmp_path / "out", *flags.split(), **environment)
    assert (outcome.code, outcome.err, outcome.out) == (2, f"main.py: {said}\n", "")
    assert not (tmp_path / "out").exists()


def test_weights_and_biases_needs_a_project_and_a_key(fake_engine: Calls, tmp_path: Path) -> None:
    bare = {"WANDB_MODE": "online", "WANDB_API_KEY": "", "NETRC": str(tmp_path / "netrc"), "WANDB_PROJECT": ""}
    no_project = fake_engine.call(tmp_path / "out", "--wandb", **bare)
    assert no_project.code == 2 and "needs a project" in no_project.err
    assert "needs a key; run `wandb login`" in fake_engine.call(tmp_path / "out", "--wandb", "proj", **bare).err
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    assert fake_engine.call(tmp_path / "out", "--wandb", "proj", "--dry_run", **bare).code == 0
