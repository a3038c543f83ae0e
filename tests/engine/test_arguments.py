"""Engine arguments that change answers belong to the configuration, and tables show which of them differ."""

import csv
from pathlib import Path

import pytest

import analyze_results
import analyze_summary
from evalsuite.plan.arguments import parse
from evalsuite.plan.plan import plan
from evalsuite.summary.labels import differs_in
from tests.support.adapters import make_adapter
from tests.support.calls import Calls

pytestmark = pytest.mark.slow

SHOWN = [
    (["--quantization", "fp8"], "quantization=fp8"),
    (["--kv_cache_dtype", "fp8_e5m2"], "kv_cache_dtype=fp8_e5m2"),
    (["--dtype", "float16"], "dtype=float16"),
    (["--max_model_length", "512"], "max_model_length=512"),
    (["--engine_args", '--rope-scaling \'{"rope_type": "yarn", "factor": 4}\''], "rope_type=yarn, factor=4"),
    (["--engine_args", '{"hf_overrides": {"rope_parameters": {"rope_theta": 5e5}}}'], "rope_theta=500000"),
    (["--engine_args", "--hf-overrides='{\"num_experts_per_tok\": 2}' --block-size 16"], "num_experts_per_tok=2"),
    (["--engine_args", "--calculate-kv-scales --max-num-seqs=4"], "calculate_kv_scales=true"),
    (["--engine_args", "--attention-backend FLASHINFER"], "attention_backend=FLASHINFER"),
]  # fmt: skip
SAME = ["--speculative-config '{\"method\": \"ngram\"}'", "--speculative-config.method ngram", "-tp 2 --seed=3",
        "--max-loras 4", "--no-enable-prefix-caching --compilation-config '{\"level\": 3}'"]  # fmt: skip


def configuration(calls: Calls, *more: str) -> dict:
    return plan(parse(calls.arguments(calls.folder / "none", *more))).experiments[0].configuration.as_json()


@pytest.mark.parametrize("given, words", SHOWN, ids=[words for _, words in SHOWN])
def test_an_argument_that_changes_answers_is_in_differs_in(fake_engine: Calls, given: list[str], words: str) -> None:
    assert differs_in([configuration(fake_engine, *given), configuration(fake_engine)])[0] == words


@pytest.mark.parametrize("given", SAME)
def test_an_argument_that_only_affects_speed_does_not_change_the_configuration(fake_engine: Calls, given: str) -> None:
    assert configuration(fake_engine, f"--engine_args={given}") == configuration(fake_engine)


def test_the_csv_shows_quantization_cache_type_and_adapter(fake_engine: Calls, tmp_path: Path) -> None:
    adapter = str(make_adapter(tmp_path / "adapter"))
    for given in ((), ("--quantization", "fp8"), ("--kv_cache_dtype", "fp8"), ("--lora", adapter)):
        assert fake_engine.call(tmp_path / "out", "--max_samples", "2", *given).code == 0
    assert analyze_results.main([str(tmp_path / "out")]) == 0 == analyze_summary.main([str(tmp_path / "out")])
    with (tmp_path / "out" / "bytes" / "config_analysis.csv").open() as stream:
        rows = {row["differs_in"] for row in csv.DictReader(stream)}
    content = configuration(fake_engine, "--lora", adapter)["lora"]
    unset = {"quantization": "unset", "kv_cache_dtype": "unset", "lora": "unset"}
    for key, value in {"quantization": "fp8", "kv_cache_dtype": "fp8", "lora": content}.items():
        assert any(set(f"{k}={v}" for k, v in (unset | {key: value}).items()) == set(row.split(", ")) for row in rows)
