"""Two engine processes of the real CPU build with a tiny random Llama: data parallelism, and two models side by side.

Tensor parallelism is tested in tests/launch/test_slurm_engine.py, over two nodes.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.errors import UserError
from evalsuite.plan.model import Model
from evalsuite.plan.parallel import check_parallel
from evalsuite.store.journal import Journal
from tests.conftest import ROOT
from tests.support.adapters import make_adapter

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two engine processes need two cores"),
]


@pytest.fixture(autouse=True)
def small_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """One GiB of KV cache per engine process, because two of the default size do not fit on a small machine."""
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")


def test_two_adapters_answer_differently_from_one_engine_of_two_data_parallel_cores(tiny: Path, tmp_path: Path) -> None:
    make_adapter(tmp_path / "weak", 4, 256, 0.0)
    make_adapter(tmp_path / "strong", 20, 256, 0.5, seed=1)
    command = [sys.executable, "main.py", "--model", f"tiny={tiny}", "--lora", f"weak={tmp_path / 'weak'}"]
    command += [str(tmp_path / "strong"), "--task", "demo_arithmetic", "--max_samples", "8", "--use_chat_template"]
    command += ["--temperature", "0", "--max_new_tokens", "128", "--max_model_length", "512", "--allow_broken"]
    command += ["--device", "cpu", "--data_parallel_size", "2", "--output_dir", str(tmp_path)]
    env = os.environ | {"VLLM_LOG_STATS_INTERVAL": "0.2"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    weak, strong = ({one.problem: one.text for folder in tmp_path.glob(f"tiny+{name}/*_seed0")
                     for one in Journal(folder).read()} for name in ("weak", "strong"))  # fmt: skip
    assert len(weak) == len(strong) == 8 and sum(weak[key] != strong[key] for key in weak) >= 2
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("*/*/experiment.json")]
    assert [one["circumstances"]["data_parallel_size"] for one in manifests] == [2, 2]
    (log,) = (tmp_path / "logs").glob("engine-*.log")
    busy = re.findall(r"Engine (\d+): .*Running: [1-9]", log.read_text())
    assert set(map(int, busy)) == {0, 1}


def test_sizes_that_cannot_work_are_reported_before_anything_loads(tiny: Path, tmp_path: Path) -> None:
    def refused(*flags: str) -> str:
        command = [sys.executable, "main.py", "--model", str(tiny), "--task", "demo_words", "--device", "cpu"]
        command += ["--output_dir", str(tmp_path), *flags]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
        return done.stderr

    assert "does not divide the 4 attention heads" in refused("--tensor_parallel_size", "3")
    assert "use one of 1, 2, 4" in refused("--tensor_parallel_size", "3")
    assert "exceeds the 2 layers" in (told := refused("--pipeline_parallel_size", "3")) and "use at most 2" in told
    assert "CPU cores" in (told := refused("--data_parallel_size", "512")) and "product is at most" in told


@pytest.mark.parametrize(
    "tensor, told",
    [
        (5, "28 attention heads of m; use one of 1, 2, 4, 28"),
        (7, "4 key-value heads of m; use one of 1, 2, 4, 28"),
        (14, "4 key-value heads"),
    ],
)
def test_key_value_heads_limit_the_tensor_parallel_size_too(tensor: int, told: str) -> None:
    model = Model("m", "m", "", config={"num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 5600})
    with pytest.raises(UserError, match=told):
        check_parallel(model, tensor, 1, 1, None)
    for size in (1, 2, 4, 28):
        check_parallel(model, size, 1, 1, None)


def test_too_few_gpus_are_reported_with_the_number_needed() -> None:
    with pytest.raises(UserError, match="need 8 GPUs, but only 4 are visible"):
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
