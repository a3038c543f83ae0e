"""Create a synthetic output tree of the size of a large study, without response texts, for the analysis to read.

    python benchmarks/make_tree.py FOLDER                     # 60 models x 7 tasks x 10 seeds, 1.7 million completions
    python benchmarks/make_tree.py FOLDER --models 3 --seeds 2 --tasks aime24 amc23
    python benchmarks/make_tree.py FOLDER --models 1 --first 60 --seeds 10     # add one more model to the same tree

The same arguments give the same tree. The skill of each model is random, and its answers agree as real ones do.
"""

import argparse
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from evalsuite.experiment import Configuration, Experiment, path_part, request_seed
from evalsuite.files import write_json

SIZES = {"aime24": 30, "aime25": 30, "amc23": 40, "math_500": 500, "minerva": 272, "olympiadbench": 675, "gsm8k": 1319}
MAX_NEW_TOKENS = 32768
STAMP = "2026-11-24T00-00-00.000000"
METRICS = ["verified_match", "extractive_match"]


@dataclass(frozen=True)
class Problems:
    """The problems of a task: their hashes, and their difficulties on the scale of the skill of models."""

    hashes: list[str]
    difficulty: np.ndarray


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    problems = {task: make_problems(task) for task in arguments.tasks}
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    completions = 0
    for model in range(arguments.first, arguments.first + arguments.models):
        skill = np.random.default_rng([1, model]).normal(1.0, 0.8)
        for task in arguments.tasks:
            completions += write_task(arguments.folder, f"model-{model:02d}", skill, task, problems[task], seeds)
    experiments = arguments.models * len(arguments.tasks) * arguments.seeds
    print(f"{experiments} experiments, {completions} completions in {arguments.folder}")
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the output folder to create")
    parser.add_argument("--models", type=int, default=60, help="number of models (default: 60)")
    parser.add_argument("--first", type=int, default=0, help="number of the first model (default: 0)")
    parser.add_argument("--seeds", type=int, default=10, help="seeds per task (default: 10)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--tasks", nargs="+", choices=SIZES, default=list(SIZES))
    return parser.parse_args(argv)


def make_problems(task: str) -> Problems:
    hashes = [hashlib.sha256(f"{task} {at}".encode()).hexdigest()[:16] for at in range(SIZES[task])]
    rng = np.random.default_rng(int(hashes[0], 16))
    return Problems(hashes, rng.normal(rng.uniform(-1, 1.5), 1.5, len(hashes)))


def write_task(folder: Path, model: str, skill: float, task: str, problems: Problems, seeds: range) -> int:
    """Write the experiments of one model on a task; returns the number of completions."""
    for seed in seeds:
        configuration = Configuration(
            weights=hashlib.sha256(model.encode()).hexdigest(),
            task_version="1",
            data_hash=hashlib.sha256(task.encode()).hexdigest(),
            temperature=0.8,
            top_p=0.9,
            max_new_tokens=MAX_NEW_TOKENS,
        )
        experiment = Experiment(model, task, seed, configuration)
        write_experiment(folder / path_part(model) / experiment.name, experiment, skill, problems)
    return len(seeds) * len(problems.hashes)


def write_experiment(folder: Path, experiment: Experiment, skill: float, problems: Problems) -> None:
    rng = np.random.default_rng(int(experiment.fingerprint[:16], 16))
    samples = draw(rng, skill, problems)
    details = f"details/{experiment.model}/{STAMP}/details_{experiment.task}|0_{STAMP}.parquet"
    results = f"results/{experiment.model}/results_{STAMP}.json"
    (folder / details).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(experiment, samples, problems), folder / details)
    scores = dict.fromkeys(METRICS, float(samples["right"].mean()))
    write_json(folder / results, {"config_general": {"model_name": experiment.model}, "versions": {},
                                  "results": {f"{experiment.task}|0": scores}})  # fmt: skip
    write_json(folder / "experiment.json", manifest(experiment, samples, problems, results, details))


def draw(rng: np.random.Generator, skill: float, problems: Problems) -> dict[str, np.ndarray]:
    """Draw the answers of one seed: right by a logistic curve of skill minus difficulty, else a common mistake."""
    n = len(problems.hashes)
    right = rng.random(n) < 1 / (1 + np.exp(problems.difficulty - skill))
    tokens = np.minimum(rng.lognormal(8.2 + 0.35 * problems.difficulty + 0.4 * ~right, 0.5), MAX_NEW_TOKENS).astype(int)
    truncated = tokens == MAX_NEW_TOKENS
    right &= ~truncated
    wrong = np.minimum(rng.geometric(0.4, n), 9)  # the class of a wrong answer; small ones are more common
    return {"right": right, "tokens": tokens, "truncated": truncated, "wrong": wrong, "no_answer": truncated}


def table(experiment: Experiment, samples: dict[str, np.ndarray], problems: Problems) -> pa.Table:
    right, truncated, no_answer = samples["right"], samples["truncated"], samples["no_answer"]
    n, task = len(right), experiment.task
    answer = [None if no else "42" if yes else str(100 + kind)
              for no, yes, kind in zip(no_answer, right, samples["wrong"], strict=True)]  # fmt: skip
    predictions = pa.array([[] if value is None else [value] for value in answer], pa.list_(pa.string()))
    specific = {
        "problem": problems.hashes,
        "finish_reason": np.where(truncated, "length", "stop"),
        "output_token_count": samples["tokens"],
        "prompt_token_count": np.full(n, 200),
        "request_seed": [request_seed(experiment.seed, task, problem) for problem in problems.hashes],
        "kind": ["latex"] * n,
        "gold": ["42"] * n,
        "extracted_answer": pa.array(answer, pa.string()),
        "answer_class": pa.array(answer, pa.string()),
        "verdict_reason": [""] * n,
        "grading_status": np.where(no_answer, "no_answer", "ok"),
        "extracted_predictions": predictions,
        "extracted_golds": pa.array([["42"]] * n),
    }
    doc = {"query": [""] * n, "choices": pa.array([["42"]] * n), "gold_index": [0] * n, "task_name": [f"{task}|0"] * n,
           "id": [str(at) for at in range(n)], "specific": struct(specific)}  # fmt: skip
    metric = {name: right.astype(float) for name in METRICS}
    return pa.table({"doc": struct(doc), "metric": struct(metric), "model_response": struct({"text": [[""]] * n})})


def struct(columns: dict) -> pa.StructArray:
    arrays = [values if isinstance(values, pa.Array) else pa.array(values) for values in columns.values()]
    return pa.StructArray.from_arrays(arrays, names=list(columns))


def manifest(experiment: Experiment, samples: dict, problems: Problems, results: str, details: str) -> dict:
    configuration = experiment.configuration
    return {
        "schema_version": 1, "status": "finished", "experiment": experiment.name, "model": experiment.model,
        "task": experiment.task, "seed": experiment.seed, "config_id": configuration.config_id,
        "fingerprint": experiment.fingerprint, "configuration": configuration.as_json(),
        "circumstances": {"max_num_seqs": 256, "gpu_names": ["NVIDIA H100"], "gpu_count": 1, "vllm_version": "0.32.0"},
        "results_file": results, "details_file": details, "journal_file": "completions.jsonl", "metrics": METRICS,
        "problems": problems.hashes, "num_samples": len(problems.hashes),
        "totals": {"output_tokens": int(samples["tokens"].sum()), "generation_seconds": 60.0,
                   "truncated": int(samples["truncated"].sum()), "no_answer": int(samples["no_answer"].sum()),
                   "grading_timeouts": 0, "failed": 0},
        "graded_at": STAMP, "provenance": {}, "history": [],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
