"""Two engine processes on the real CPU build, with a tiny random Llama whose heads divide: data and tensor parallel,
and two models side by side."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.engine.command import EngineOptions
from evalsuite.engine.server import Server
from evalsuite.errors import UserError
from evalsuite.plan.model import Model, check_parallel
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two engine processes need two cores"),
]


@pytest.fixture(autouse=True)
def small_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """One GiB of KV cache for each engine process: two of the default size would not fit a small machine."""
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")


async def tokens_by_engine(server: Server, requests: int) -> dict[str, float]:
    """Generated tokens of each engine core, after so many requests at once."""
    import aiohttp

    async with aiohttp.ClientSession(connector=server.connector()) as session:

        async def ask(number: int) -> None:
            asked = {"model": "tiny", "prompt": [number + 5] * 8, "max_tokens": 16, "seed": number, "ignore_eos": True}
            async with session.post(f"{server.base_url}/v1/completions", json=asked) as response:
                assert response.status == 200, await response.text()
                assert (await response.json())["usage"]["completion_tokens"] == 16

        await asyncio.gather(*(ask(number) for number in range(requests)))
        async with session.get(f"{server.base_url}/metrics") as response:
            text = await response.text()
    found = re.findall(r'^vllm:generation_tokens_total\{[^}]*engine="(\d+)"[^}]*\} (\S+)', text, re.MULTILINE)
    return {engine: float(count) for engine, count in found}


def test_both_engine_cores_of_data_parallel_two_get_work(tiny: Path, tmp_path: Path) -> None:
    options = EngineOptions(
        str(tiny), "tiny", dtype="bfloat16", max_model_length=512, max_num_seqs=16, data_parallel_size=2, device="cpu"
    )
    server = Server(options, tmp_path / "engine.log")

    async def go() -> dict[str, float]:
        server.launch()
        await server.ready()
        return await tokens_by_engine(server, 24)

    try:
        counts = asyncio.run(go())
    finally:
        server.stop()
    assert counts.keys() == {"0", "1"} and sum(counts.values()) == 24 * 16
    assert min(counts.values()) >= 16


def test_tensor_parallel_two_runs_a_sweep_to_its_scores(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "main.py", "--model", str(tiny), "--task", "demo_words", "--seed", "0", "--max_samples"]
    command += ["4", "--max_new_tokens", "16", "--max_model_length", "512", "--max_num_seqs", "4", "--allow_broken"]
    command += ["--device", "cpu", "--tensor_parallel_size", "2", "--output_dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (manifest,) = [json.loads(path.read_text()) for path in tmp_path.glob("*/*/experiment.json")]
    assert manifest["status"] == "finished" and manifest["num_samples"] == 4
    assert manifest["circumstances"]["tensor_parallel_size"] == 2


def test_sizes_that_cannot_work_are_told_before_anything_loads(tiny: Path, tmp_path: Path) -> None:
    def refused(*flags: str) -> str:
        command = [sys.executable, "main.py", "--model", str(tiny), "--task", "demo_words", "--device", "cpu"]
        command += ["--output_dir", str(tmp_path), *flags]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
        return done.stderr

    assert "does not divide the 4 attention heads" in refused("--tensor_parallel_size", "3")
    assert "1, 2, 4 would" in refused("--tensor_parallel_size", "3")
    assert "exceeds the 2 layers" in (told := refused("--pipeline_parallel_size", "3")) and "1 to 2 would do" in told
    assert "CPU cores" in (told := refused("--data_parallel_size", "512")) and "product is at most" in told


@pytest.mark.parametrize(
    "tensor, told",
    [
        (5, "28 attention heads of m; 1, 2, 4, 28 would"),
        (7, "4 key-value heads of m; 1, 2, 4, 28 would"),
        (14, "4 key-value heads"),
    ],
)
def test_heads_of_keys_and_values_count_too(tensor: int, told: str) -> None:
    model = Model("m", "m", "", config={"num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 5600})
    with pytest.raises(UserError, match=told):
        check_parallel(model, tensor, 1, 1, None)
    for size in (1, 2, 4, 28):
        check_parallel(model, size, 1, 1, None)


def test_more_gpus_than_there_are_is_told_with_how_many_are_needed() -> None:
    with pytest.raises(UserError, match="need 8 GPUs, 4 are visible"):
        check_parallel(Model("m", "m", "", config={"num_attention_heads": 8}), 4, 1, 2, 4)


def test_two_models_run_side_by_side_on_real_engines(tiny: Path, tmp_path: Path) -> None:
    env = os.environ | {"GPUS": "2", "MODELS": f"one={tiny} other={tiny}", "SETUP": "0", "DEVICE": "cpu"}
    env |= {"LOCAL_DIR": str(tmp_path), "PYTHON": sys.executable, "TASKS": "demo_words", "SEEDS": "0"}
    env |= {"MAX_NEW_TOKENS": "16", "MAX_MODEL_LENGTHS": "512", "EXTRA_ARGS": "--allow_broken --max_samples 4"}
    command = ["bash", ROOT / "run_interactive.sh"]
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    events = [line.split()[0] for line in done.stdout.splitlines() if line.startswith(("started", "finished"))]
    assert events == ["started", "started", "finished", "finished"]
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("output/*/*/experiment.json")]
    assert sorted(one["model"] for one in manifests) == ["one", "other"]
    assert all(one["status"] == "finished" and one["num_samples"] == 4 for one in manifests)
