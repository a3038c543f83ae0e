"""--lora: adapters reach the engine and the requests, count as models of their own, and are checked beforehand."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evalsuite.engine.command import server_command
from evalsuite.errors import UserError
from evalsuite.plan.arguments import parse
from evalsuite.plan.plan import plan
from tests.support.adapters import MODULE, make_adapter
from tests.support.calls import Calls
from tests.support.sweeps import experiments

pytestmark = pytest.mark.slow


def planned(calls: Calls, *more: str):
    return plan(parse(calls.arguments(calls.folder / "none", *more)))


def test_adapters_share_one_engine_and_each_has_its_own_results(fake_engine: Calls, tmp_path: Path) -> None:
    one, two = make_adapter(tmp_path / "one, with a comma", 12), make_adapter(tmp_path / "two", 20, seed=1)
    starts = len(fake_engine.fake.events("start"))
    given = ("--lora", f"first={one}", str(two), "--max_samples", "2", "--seed", "0-1")
    outcome = fake_engine.call(tmp_path / "out", *given)
    assert outcome.code == 0, outcome
    (start,) = fake_engine.fake.events("start")[starts:]
    modules = [json.dumps({"name": f"adapter:{name}", "path": str(path)}) for name, path in
               (("first", one), ("two", two))]  # fmt: skip
    expected = ["--enable-lora", "--lora-modules", *modules, "--max-lora-rank", "32", "--max-loras", "2"]
    at = start["argv"].index("--enable-lora")
    assert start["argv"][at : at + len(expected)] == expected
    asked = Counter(body["model"] for body in fake_engine.fake.bodies[-8:])
    assert asked == {"adapter:first": 4, "adapter:two": 4}
    found = list(experiments(tmp_path / "out").values())
    assert outcome.out.count("graded bytes+first demo_") == outcome.out.count("graded bytes+two demo_") == 2
    assert Counter(one["model"] for one in found) == {"bytes+first": 2, "bytes+two": 2}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bytes+first", "bytes+two", "logs"]
    assert fake_engine.call(tmp_path / "out", *given).out == "4 experiments: 4 finished, 0 to do\n"


def test_a_single_adapter_without_a_name_has_the_models_name(fake_engine: Calls, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter")
    outcome = fake_engine.call(tmp_path / "out", "--lora", str(adapter), "--max_samples", "1")
    assert outcome.code == 0, outcome
    (manifest,) = experiments(tmp_path / "out").values()
    assert manifest["model"] == "bytes" and manifest["configuration"]["lora"].startswith("folder:")
    assert fake_engine.fake.bodies[-1]["model"] == "adapter:adapter"


def test_an_adapter_is_identified_by_its_content_not_its_folder(fake_engine: Calls, tmp_path: Path) -> None:
    first = make_adapter(tmp_path / "first")
    copy = shutil.copytree(first, tmp_path / "copy")
    other = make_adapter(tmp_path / "other", seed=1)
    names = [planned(fake_engine, "--lora", str(folder)).experiments[0].name for folder in (first, copy, other)]
    assert names[0] == names[1] != names[2]
    assert planned(fake_engine).experiments[0].name not in names
    assert "--enable-lora" not in server_command(planned(fake_engine).engine)


MISFITS: dict[str, dict[str, Any]] = {
    "(lora_A) has size 9, but the model has 8 there; the adapter was trained for another model": {"size": 9},
    "layers.7.self_attn.q_proj (lora_A) has size 8, but the model has no such module": {
        "module": MODULE.replace("0", "7")
    },
    "self_attn.q_proj has rank 16, but adapter_config.json says 4": {"rank": 16, "r": 4},
    "has the ranks [4, 600]; vLLM supports whole numbers from 1 to 512": {"r": 4, "rank_pattern": {"q_proj": 600}},
    "has the peft_type IA3, but vLLM supports only LORA": {"peft_type": "IA3"},
    "has use_dora=True, which vLLM does not support; merge it into the base model": {"use_dora": True},
    "has modules_to_save=['lm_head'], which vLLM does not support": {"modules_to_save": ["lm_head"]},
}


@pytest.mark.parametrize("message", MISFITS)
def test_an_adapter_that_cannot_work_is_rejected_in_one_line(fake_engine: Calls, tmp_path: Path, message: str) -> None:
    made = {"rank": 4} | MISFITS[message]
    config = {key: made.pop(key) for key in list(made) if key not in ("rank", "size", "module")}
    adapter = make_adapter(tmp_path / "adapter", **made, **config)
    starts = len(fake_engine.fake.events("start"))
    outcome = fake_engine.call(tmp_path / "out", "--lora", str(adapter))
    assert outcome.code == 2 and outcome.err.startswith(f"main.py: --lora {adapter}") and message in outcome.err
    assert outcome.err.count("\n") == 1 and len(fake_engine.fake.events("start")) == starts
    assert not (tmp_path / "out").exists()


def test_without_safetensors_of_the_base_its_configuration_is_compared_with_the_adapter(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "calls")
    (calls.model / "model.safetensors").rename(calls.model / "pytorch_model.bin")
    config = json.loads((calls.model / "config.json").read_text()) | {"hidden_size": 8}
    (calls.model / "config.json").write_text(json.dumps(config))
    assert planned(calls, "--lora", str(make_adapter(tmp_path / "fits"))).engine.adapters
    for name, made in (("wide", {"size": 9}), ("deep", {"module": MODULE.replace("0", "2")})):
        with pytest.raises(UserError, match="does not fit"):
            planned(calls, "--lora", str(make_adapter(tmp_path / name, **made)))


def test_another_base_model_in_the_adapters_configuration_is_only_a_warning(fake_engine: Calls, tmp_path: Path) -> None:
    for name, warned in (("org/other", 1), ("elsewhere/bytes", 0)):
        adapter = make_adapter(tmp_path / "adapter", base_model_name_or_path=name)
        outcome = fake_engine.call(tmp_path / "out", "--lora", str(adapter), "--dry_run")
        assert outcome.code == 0 and str(outcome.warnings).count(f"names {name} as its base model") == warned


@pytest.mark.parametrize("fault", ["no folder", "no configuration", "no rank", "no weights", "torn weights"])
def test_a_broken_adapter_is_reported_before_anything_starts(fake_engine: Calls, tmp_path: Path, fault: str) -> None:
    adapter = make_adapter(tmp_path / "adapter")
    weights = adapter / "adapter_model.safetensors"
    if fault == "no folder":
        shutil.rmtree(adapter)
    elif fault == "no weights":
        weights.unlink()
    elif fault == "torn weights":
        weights.write_bytes(weights.read_bytes()[:40])
    else:
        (adapter / "adapter_config.json").write_text("{" if fault == "no configuration" else "{}")
    with pytest.raises(UserError, match=r"--lora .*adapter"):
        planned(fake_engine, "--lora", str(adapter))


def test_two_adapters_with_the_same_name_or_content_are_rejected(fake_engine: Calls, tmp_path: Path) -> None:
    one, two = make_adapter(tmp_path / "a" / "final"), make_adapter(tmp_path / "b" / "final", seed=1)
    with pytest.raises(UserError, match=rf"two adapters have the name final; rename one, as in NAME={two}"):
        planned(fake_engine, "--lora", str(one), str(two))
    with pytest.raises(UserError, match="is the same adapter as"):
        planned(fake_engine, "--lora", f"x={one}", f"y={one}")
    outcome = fake_engine.call(tmp_path / "out", "--lora", f"x={one}", "--max_samples", "1")
    assert outcome.code == 0, outcome
    outcome = fake_engine.call(tmp_path / "out", "--lora", f"x={two}", "--max_samples", "1")
    assert outcome.code == 2 and "holds results of another model with this name" in outcome.err


def test_an_adapter_on_a_running_server_needs_its_name_there(fake_engine: Calls, tmp_path: Path) -> None:
    adapters = [str(make_adapter(tmp_path / name, seed=at)) for at, name in enumerate("ab")]
    given = ("--base_url", "http://127.0.0.1:1")
    with pytest.raises(UserError, match="--served_model"):
        planned(fake_engine, "--lora", adapters[0], *given)
    with pytest.raises(UserError, match="give one"):
        planned(fake_engine, "--lora", *adapters, *given, "--served_model", "mine")
    sweep = planned(fake_engine, "--lora", adapters[0], *given, "--served_model", "mine")
    assert sweep.experiments[0].configuration.lora and sweep.served_name(sweep.experiments[0]) is None
