"""--lora: the adapter reaches the engine and every request, and its content is part of the experiment."""

import json
import shutil
from pathlib import Path

import pytest
from calls import Calls
from sweeps import experiments

from evalsuite.arguments import parse
from evalsuite.engine.command import server_command
from evalsuite.errors import UserError
from evalsuite.plan import plan


def make_adapter(folder: Path, rank: int = 12, content: bytes = b"weights") -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": rank}))
    (folder / "adapter_model.safetensors").write_bytes(content)
    return folder


def planned(calls: Calls, *more: str):
    return plan(parse(calls.arguments(calls.folder / "none", *more)))


def test_the_engine_serves_the_adapter_and_is_asked_for_it(fake_engine: Calls, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter")
    outcome = fake_engine.call(tmp_path / "out", "--lora", str(adapter), "--max_samples", "2")
    assert outcome.code == 0, outcome
    asked = " ".join(fake_engine.fake.events("start")[-1]["argv"])
    assert f"--enable-lora --lora-modules adapter={adapter} --max-lora-rank 16" in asked
    assert {body["model"] for body in fake_engine.fake.bodies[-2:]} == {"adapter"}
    (manifest,) = experiments(tmp_path / "out").values()
    assert manifest["configuration"]["lora"].startswith("folder:")


def test_an_adapters_content_counts_and_its_place_does_not(fake_engine: Calls, tmp_path: Path) -> None:
    first = make_adapter(tmp_path / "first")
    copy = shutil.copytree(first, tmp_path / "copy")
    other = make_adapter(tmp_path / "other", content=b"Weights")
    names = [planned(fake_engine, "--lora", str(folder)).experiments[0].name for folder in (first, copy, other)]
    assert names[0] == names[1] != names[2]
    assert planned(fake_engine).experiments[0].name not in names
    assert "--enable-lora" not in server_command(planned(fake_engine).engine)


@pytest.mark.parametrize("fault", ["no folder", "no configuration", "no rank", "no weights"])
def test_what_is_no_adapter_is_named_before_anything_starts(fake_engine: Calls, tmp_path: Path, fault: str) -> None:
    adapter = make_adapter(tmp_path / "adapter")
    if fault == "no folder":
        shutil.rmtree(adapter)
    elif fault == "no weights":
        (adapter / "adapter_model.safetensors").unlink()
    else:
        (adapter / "adapter_config.json").write_text("{" if fault == "no configuration" else "{}")
    with pytest.raises(UserError, match=r"--lora .*adapter"):
        planned(fake_engine, "--lora", str(adapter))


def test_an_adapter_that_another_server_has_must_be_named_there(fake_engine: Calls, tmp_path: Path) -> None:
    given = ("--lora", str(make_adapter(tmp_path / "adapter")), "--base_url", "http://127.0.0.1:1")
    with pytest.raises(UserError, match="--served_model"):
        planned(fake_engine, *given)
    assert planned(fake_engine, *given, "--served_model", "mine").experiments[0].configuration.lora
