"""Everything that can change a result makes another experiment, and nothing else does."""

import json
import os
import shutil
from dataclasses import fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import numpy as np
import pytest
from safetensors.numpy import save_file

from evalsuite.experiment import Configuration, Experiment, request_seed
from evalsuite.plan.arguments import parse
from evalsuite.plan.model import folder_hash
from evalsuite.plan.plan import plan
from tests.support.sweeps import make_data, make_model

BASE = Configuration("w", "1", "d", 0.6, 0.95, 1024)
OTHER = {str: "another", float: 0.25, int: 7, bool: True, tuple: ("another",)}
FLAGS = [
    ["--seed", "1"], ["--temperature", "0.7"], ["--top_p", "0.8"], ["--top_k", "20"], ["--min_p", "0.05"],
    ["--repetition_penalty", "1.1"], ["--presence_penalty", "0.5"], ["--stop", "END"], ["--max_new_tokens", "300"],
    ["--max_model_length", "2048"], ["--dtype", "float32"], ["--quantization", "fp8"], ["--kv_cache_dtype", "fp8"],
    ["--use_chat_template"], ["--use_chat_template", "--system_prompt", "Think."], ["--task", "demo_arithmetic|2"],
    ["--use_chat_template", "--chat_template_kwargs", '{"enable_thinking": true}'], ["--sampling", "model"],
    ["--engine_args", "--rope-scaling {}"], ["--engine_args", "--enable-lora --lora-modules a=b"],
]  # fmt: skip
CIRCUMSTANCES = [
    ["--max_num_seqs", "3"], ["--max_num_batched_tokens", "999"], ["--engine_args", "--block-size 32"],
    ["--engine_args", '{"enforce_eager": true}'], ["--batch_invariant"], ["--max_samples", "2"], ["--allow_broken"],
    ["--stall_seconds", "5"], ["--log_dir", "/tmp/x"], ["--engine_restarts", "1"], ["--trust_remote_code"],
    ["--gpu_memory_utilization", "0.5"], ["--wait"], ["--grade_jobs", "1"], ["--seed", "0", "0"],
]  # fmt: skip


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("identity")
    return make_model(folder / "model"), make_data(folder / "data")


def found(model: Path, data: Path, *more: str, output: str = "nowhere") -> Experiment:
    """The only experiment of a sweep."""
    task = [] if "--task" in more else ["--task", "demo_arithmetic"]
    given = ["--model", f"m={model}", *task, "--data_dir", str(data), "--output_dir", output, "--device", "cpu"]
    (experiment,) = plan(parse([*given, "--max_new_tokens", "256", *more])).experiments
    return experiment


def plain(kind: Any) -> type:
    """`str` of `str | None`, `tuple` of `tuple[str, ...]`."""
    origin = get_origin(kind)
    return get_args(kind)[0] if origin is UnionType else origin or kind


@pytest.mark.parametrize("name", [field.name for field in fields(Configuration)])
def test_every_field_changes_the_fingerprint_and_the_folders_name(name: str) -> None:
    field = next(field for field in fields(Configuration) if field.name == name)
    value = '{"another": 1}' if name == "chat_template_kwargs" else OTHER[plain(field.type)]
    assert value != getattr(BASE, name)
    one, other = (Experiment("m", "t", 0, configuration) for configuration in (BASE, replace(BASE, **{name: value})))
    assert one.fingerprint != other.fingerprint and one.name != other.name


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_every_flag_that_may_change_a_result_makes_another_experiment(inputs: tuple[Path, Path], flags: list) -> None:
    assert found(*inputs).fingerprint != found(*inputs, *flags).fingerprint
    assert found(*inputs).name != found(*inputs, *flags).name


@pytest.mark.parametrize("flags", CIRCUMSTANCES, ids=" ".join)
def test_circumstances_and_the_number_of_problems_reuse_the_experiment(inputs: tuple, flags: list) -> None:
    assert found(*inputs).fingerprint == found(*inputs, *flags).fingerprint


def test_output_folder_and_the_models_folder_do_not_matter(
    inputs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = inputs
    copy = Path(shutil.copytree(model, tmp_path / "elsewhere"))
    for path in copy.iterdir():
        os.utime(path, (1, 1))
    monkeypatch.chdir(tmp_path)
    assert found(copy, data, output=str(tmp_path)).fingerprint == found(model, data).fingerprint
    assert folder_hash(copy) == folder_hash(model)


def test_the_text_of_the_chat_template_is_part_of_the_configuration(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    model, data = inputs
    other = Path(shutil.copytree(model, tmp_path / "model"))
    (other / "chat_template.jinja").write_text("{{ messages[0].content }}")
    chat = "--use_chat_template"
    assert found(model, data, chat).configuration.chat_template_hash
    one, another = found(model, data, chat).configuration, found(other, data, chat).configuration
    assert one.chat_template_hash != another.chat_template_hash


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "modeling_own.py", "x.tiktoken"]
)
def test_a_checkpoint_overwritten_in_place_is_another_model(
    inputs: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    model = Path(shutil.copytree(inputs[0], tmp_path / "model"))
    path = model / name
    path.write_bytes(path.read_bytes() if path.exists() else b"a = 1 \n")
    before, stamp = folder_hash(model), path.stat()
    content = bytearray(path.read_bytes())
    content[-2] ^= 1  # same size, same time
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert folder_hash(model) != before


def test_a_large_checkpoint_that_was_trained_further_is_another_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes((2).to_bytes(8, "little") + b"{}" + bytes(3_000_000))
    before = folder_hash(tmp_path)
    with path.open("r+b") as stream:  # a training step changes every tensor; here, one byte in a thousand
        for place in range(1000, 3_000_000, 1000):
            stream.seek(place)
            stream.write(b"\1")
    assert folder_hash(tmp_path) != before


def test_a_single_changed_tensor_makes_another_model(tmp_path: Path) -> None:
    tensors = {f"layer{number}": np.full(3000, number, np.float32) for number in range(200)}
    save_file(tensors, tmp_path / "model.safetensors")
    before = folder_hash(tmp_path)
    for name in ("layer0", "layer7", "layer101", "layer199"):
        save_file(tensors | {name: tensors[name] * 1.02 + 0.01}, tmp_path / "model.safetensors")
        assert folder_hash(tmp_path) != before, name


def test_prompt_texts_and_data_are_part_of_the_configuration(
    inputs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = inputs
    before = found(model, data)
    changed = make_data(tmp_path / "data", problems=7)
    assert found(model, changed).fingerprint != before.fingerprint
    again = make_data(tmp_path / "again")
    assert found(model, again).fingerprint == before.fingerprint
    prompts = json.loads((Path(__file__).resolve().parents[2] / "prompts.json").read_text())
    changed = {key: [*value, " Be brief."] if isinstance(value, list) else value for key, value in prompts.items()}
    (tmp_path / "prompts.json").write_text(json.dumps(changed))
    monkeypatch.setenv("PROMPTS_PATH", str(tmp_path / "prompts.json"))
    assert found(model, data).fingerprint != before.fingerprint


def test_request_seeds_are_all_different_and_have_31_bits() -> None:
    seeds = {request_seed(s, t, p, n) for s in range(20) for t in "ab" for p in ("x", "y") for n in range(3)}
    assert len(seeds) == 240 and all(0 <= seed < 2**31 for seed in seeds)


def test_request_seeds_are_the_first_31_bits_of_the_documented_hash() -> None:
    """`printf 0/aime24/00ff/0 | sha256sum` begins with 3c20376e, and half of that is the seed."""
    assert request_seed(0, "aime24", "00ff") == 0x3C20376E // 2
    assert request_seed(1, "aime24", "00ff") == 0x19D6BB25 // 2
    assert request_seed(0, "gpqa:diamond", "9c1d4b7e02a85f36", 3) == 0xF3A77FA2 // 2
