"""Small studies for the tests of the summary: experiments as the first pass writes them, from plain scores."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

SKILLS = {100: 0.2, 1000: 0.45, 200: 0.4, 400: 0.75}  # by step; the order of names is not that of steps
RNG = np.random.default_rng(7)
SCORES = {step: (RNG.random((3, 60)) < skill).astype(int) for step, skill in SKILLS.items()}
SETTINGS = {"temperature": 0.6, "top_p": 0.95, "max_new_tokens": 1000, "dtype": "bfloat16"}


def experiment(
    task: str, seed: int | None, scores: list, problems: list[str] | None = None, **other: Any
) -> dict[str, Any]:
    """One experiment. `other` overrides: config_id, configuration, answers, tokens, truncated, metrics, status."""
    n = len(scores)
    metrics = other.pop("metrics", {"verified_match": scores, "extractive_match": scores})
    answers = other.pop("answers", [None if score is None else "42" if score else "7" for score in scores])
    configuration = SETTINGS | other.pop("configuration", {})
    samples = {
        "id": [str(at) for at in range(n)],
        "problem": problems or [f"{task}-{at}" for at in range(n)],
        "scores": metrics,
        "output_tokens": other.pop("tokens", [100] * n),
        "finish_reason": ["stop"] * n,
        "truncated": other.pop("truncated", [False] * n),
        "answer_class": {metric: answers for metric in metrics},
        "grading_status": other.pop("grading_status", ["no_answer" if answer is None else "ok" for answer in answers]),
    }
    first = next(iter(metrics))
    known = [score for score in metrics[first] if score is not None]
    results = {"accuracy": sum(known) / max(len(known), 1), "metrics": {}, "num_samples": n, "primary_metric": first}
    return {
        "task": task, "seed": seed, "config_id": "temp0.6-topp0.95-max1000-00000000", "configuration": configuration,
        "circumstances": {"gpu_names": ["A"], "vllm_version": "0.32.0"}, "status": "finished", "provisional": False,
        "problems_asked": n, "results": results, "samples": samples,
    } | other  # fmt: skip


def write(folder: Path, model: str, *experiments: dict[str, Any], **other: Any) -> Path:
    """Write a model's all_experiments_results.json; returns its path."""
    named = {f"{one['task']}_{one['config_id']}_seed{one['seed']}": one for one in experiments}
    assert len(named) == len(experiments)
    value = {"schema_version": 1, "model": model, "experiments": named, "skipped": []} | other
    path = folder / model.replace("/", "_") / "all_experiments_results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def seeds(task: str, *runs: list, **other: Any) -> list[dict[str, Any]]:
    """Experiments with the seeds 0, 1, ..., one for each list of scores."""
    return [experiment(task, seed, list(scores), **other) for seed, scores in enumerate(runs)]


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV's rows."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def loaded(path: Path) -> Any:
    """A JSON file's value; NaN, which is not JSON, is an error."""
    return json.loads(path.read_text("utf-8"), parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))


def write_series(folder, scores, series="run7", tasks=("aime24",), **other):
    """A series as the first pass leaves it: every checkpoint has weights, and so a config_id, of its own."""
    for step, runs in scores.items():
        configuration = {"weights": f"{step}"} | other.get("configuration", {})
        more = other | {"configuration": configuration, "series": series, "step": step, "config_id": f"c-{step:08d}"}
        found = [one for task in tasks for one in seeds(task, *runs.tolist(), **more)]
        write(folder, f"{series}@{step}", *found)
