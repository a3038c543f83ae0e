"""The whole suite with real vLLM, real lighteval and the embedded model: only a few runs, as each takes minutes."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.store.journal import Journal

ROOT = Path(__file__).resolve().parents[2]
TASKS = ("demo_arithmetic", "demo_words")
HOSTILE = {"do_sample": True, "top_k": 1, "repetition_penalty": 5.0, "temperature": 0.01, "max_new_tokens": 3}

pytestmark = pytest.mark.engine


@pytest.fixture(scope="session")
def model() -> Path:
    """The embedded model's folder, which is made if it does not exist."""
    folder = ROOT / "models" / "SmolLM2-135M-Instruct"
    subprocess.run([sys.executable, "-m", "evalsuite.launch.embedded", str(folder)], check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def hostile(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with a generation_config.json that would ruin every answer if vLLM used it."""
    folder = tmp_path_factory.mktemp("hostile") / "hostile"
    shutil.copytree(model, folder)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | HOSTILE))
    return folder


def run_interactive(output: Path, model: Path) -> subprocess.CompletedProcess:
    """The default run in the current environment, with another output folder."""
    env = os.environ | {"OUTPUT_DIR": str(output), "MODELS": str(model), "SETUP": "0", "LOCAL_DIR": str(ROOT)}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    return subprocess.run(
        ["bash", "run_interactive.sh"], cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="session")
def finished(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the default run: 2 tasks x 2 seeds."""
    output = tmp_path_factory.mktemp("end to end") / "output"
    result = run_interactive(output, hostile)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return output


def experiments(output: Path) -> dict[str, dict]:
    return {path.parent.name: json.loads(path.read_text()) for path in output.glob("*/*/experiment.json")}


def test_the_default_run_solves_some_problems_but_not_all(finished: Path) -> None:
    rows = list(csv.DictReader((finished / "hostile" / "config_analysis.csv").open()))
    primary = [row for row in rows if row["metric"] == "verified_match"]
    assert {row["task"] for row in primary} == set(TASKS)
    assert all(0 < float(row["mean_accuracy"]) < 1 and row["n_seeds"] == "2" for row in primary)
    assert all(int(row["n_problems"]) >= 24 for row in primary)


def test_every_documented_file_is_written(finished: Path) -> None:
    model = finished / "hostile"
    for name in ("all_experiments_results.json", "analysis_results.json", "seed_analysis.csv", "config_analysis.csv"):
        assert (model / name).stat().st_size > 0
    assert (finished / "model_comparison.csv").is_file() and (finished / "comparison_results.json").is_file()
    for name, manifest in experiments(finished).items():
        assert (model / name / manifest["results_file"]).is_file()
        assert (model / name / manifest["details_file"]).with_suffix(".csv").is_file()


def test_the_models_generation_config_has_no_effect(finished: Path) -> None:
    answers: dict[str, set[str]] = {}
    for path in finished.glob("hostile/demo_words_*"):
        for completion in Journal(path).read():
            answers.setdefault(completion.problem, set()).add(completion.text)
            assert completion.output_tokens == len(completion.token_ids)
    assert sum(len(texts) == 2 for texts in answers.values()) > 0.8 * len(answers)  # top_k 1 would make them equal
    assert sum(len(text) > 20 for texts in answers.values() for text in texts) > 0.5 * len(answers)


def test_truncated_answers_are_counted_by_their_finish_reason(finished: Path) -> None:
    for name, manifest in experiments(finished).items():
        done = list(Journal(finished / "hostile" / name).read())
        cut = [one for one in done if one.finish_reason == "length"]
        assert manifest["totals"]["truncated"] == len(cut)
        assert all(one.output_tokens == 256 for one in cut)


def test_manifests_have_versions_and_totals(finished: Path) -> None:
    for manifest in experiments(finished).values():
        assert {"lighteval", "torch", "transformers"} <= set(manifest["provenance"]["versions"])
        assert manifest["totals"]["output_tokens"] > 0 and manifest["circumstances"]["vllm_version"]


def test_a_second_call_skips_everything_and_starts_no_engine(finished: Path, hostile: Path) -> None:
    def written() -> dict[Path, int]:
        paths = [*finished.glob("*/*/experiment.json"), *finished.rglob("engine-*.log")]
        return {path: path.stat().st_mtime_ns for path in paths}

    before = written()
    result = run_interactive(finished, hostile)
    assert result.returncode == 0, result.stdout[-2000:]
    assert written() == before and any(path.suffix == ".log" for path in before)


def test_all_benchmarks_of_the_data_folder_run_on_the_engine(shared: Path, model: Path, tmp_path: Path) -> None:
    tasks = ["aime24", "aime25|0", "custom|amc23|0", "custom|math_500|0|0", "minerva", "olympiadbench", "gsm8k"]
    command = [sys.executable, "main.py", "--model", str(model), "--task", *tasks, "--data_dir", str(shared / "data")]
    command += ["--max_samples", "2", "--use_chat_template", "--max_new_tokens", "48", "--max_model_length", "2048"]
    command += ["--max_num_seqs", "32", "--allow_broken", "--output_dir", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    found = experiments(tmp_path)
    assert sorted(one["task"] for one in found.values()) == sorted(
        ["aime24", "aime25", "amc23", "math_500", "minerva", "olympiadbench", "gsm8k"]
    )
    assert all(one["num_samples"] == 2 and one["status"] == "finished" for one in found.values())
