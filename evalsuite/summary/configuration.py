"""Computes all statistics of one configuration on one task: the rows of seed_analysis.csv and config_analysis.csv."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalsuite.statistics.bootstrap import bootstrap_means, percentile_interval
from evalsuite.statistics.intervals import score_interval
from evalsuite.statistics.lengths import lengths
from evalsuite.statistics.matrix import is_binary, mean, mean_accuracy
from evalsuite.statistics.noise import clustered_stderr, problem_noise, seed_noise, variance_split
from evalsuite.statistics.passes import ladder, mean_majority, mean_pass, votes
from evalsuite.summary.config_runs import ConfigRuns
from evalsuite.summary.read import Run

SEED_COLUMNS = (
    "model", "task", "config_id", "temperature", "top_p", "max_new_tokens", "metric", "seed", "n_samples", "accuracy",
    "stderr", "mean_output_tokens", "median_output_tokens", "truncated_rate", "no_answer_rate",
    "wilson_low", "wilson_high", "status", "series", "step", "problems_total",
)  # fmt: skip
CONFIG_COLUMNS = (
    "model", "task", "config_id", "differs_in", "temperature", "top_p", "max_new_tokens", "metric", "n_seeds",
    "n_problems", "mean_accuracy", "std_accuracy", "sem_accuracy", "seed_ci_low", "seed_ci_high", "clustered_stderr",
    "ci_low", "ci_high", "pass@k", "maj@k", "mean_output_tokens", "median_output_tokens", "mean_output_tokens_correct",
    "mean_output_tokens_wrong", "truncated_rate", "no_answer_rate", "pass^k", "p95_output_tokens",
    "accuracy_untruncated", "wilson_low", "wilson_high", "bootstrap_low", "bootstrap_high", "variance_between_problems",
    "variance_within_problems", "provisional", "notes", "series", "step", "problems_total",
)  # fmt: skip
PER_K = ("pass@k", "maj@k", "pass^k")  # each becomes several columns: pass@1, pass@2, pass@4, ...
SETTINGS = ("temperature", "top_p", "max_new_tokens")


def seed_row(model: str, run: Run, metric: str, confidence: float = 0.95) -> dict[str, Any]:
    """The row of one run for one metric; the row of an unfinished run has its numbers too, and says so in `status`."""
    scores = run.scores[metric][None]
    tokens = lengths(scores, run.tokens[None], run.truncated[None])
    low, high = score_interval(scores, confidence)
    return {
        **_identity(model, run, metric),
        "seed": run.seed,
        "n_samples": int((~np.isnan(scores)).sum()),
        "accuracy": mean_accuracy(scores),
        "stderr": clustered_stderr(scores),  # with one seed, sd/sqrt(n)
        "mean_output_tokens": tokens.mean,
        "median_output_tokens": tokens.median,
        "truncated_rate": float(mean(run.truncated)),
        "no_answer_rate": _rate(run.no_answer.get(metric)),
        "wilson_low": float(low),
        "wilson_high": float(high),
        "status": run.status,
        "problems_total": run.total,
    }


def config_row(
    model: str, group: ConfigRuns, metric: str, differs_in: str, resamples: int, confidence: float
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """The row of one configuration for one metric, and its bootstrap means (resamples,).

    Columns that depend on k have names such as `pass@4`. Undefined values are NaN, and `notes` says why.
    """
    scores = group.scores(metric)
    is_scored = ~np.isnan(scores)
    seeds = int(is_scored.any(axis=1).sum())
    row = _identity(model, group.any_run, metric) | {"differs_in": differs_in, "n_seeds": seeds}
    row |= {"n_problems": int(is_scored.any(axis=0).sum()), "mean_accuracy": mean_accuracy(scores)}
    row |= _noises(scores, confidence)
    draws = bootstrap_means(scores, resamples, generator(model, group.task, group.config_id, metric))
    low, high = percentile_interval(draws, confidence)
    row |= {"bootstrap_low": float(low), "bootstrap_high": float(high)}
    row |= _per_k(scores, group.answers(metric), seeds)
    row |= _lengths(scores, group, metric)
    row |= {
        "provisional": group.provisional,
        "problems_total": group.total,
        "notes": "; ".join(notes(group, metric, scores)),
    }
    return row, draws


def notes(group: ConfigRuns, metric: str, scores: NDArray[np.float64]) -> list[str]:
    """Explain why cells of the row are empty or mean less than they seem to."""
    is_scored = ~np.isnan(scores)
    k = is_scored.sum(axis=0)[is_scored.any(axis=0)]
    found = ["no finished seed yet"] if not k.size else []
    found += ["one seed: the noise between seeds is unknown"] if k.size and k.max() == 1 else []
    found += ["one problem: the noise between problems is unknown"] if k.size == 1 else []
    found += [f"{k.size} of the task's {group.total} problems"] if k.size < (group.total or 0) else []
    if clustered_stderr(scores) == 0:
        found.append("all problems have the same mean: the t interval has no width, use Wilson's")
    found += ["scores between 0 and 1: no pass@k, pass^k, maj@k, Wilson interval"] if not is_binary(scores) else []
    found += ["answers not recorded: no maj@k"] if k.size and group.answers(metric) is None else []
    if k.size and k.min() < k.max():
        found.append(f"problems have {k.min()} to {k.max()} completions; columns for k omit those with fewer than k")
    if group.partial:
        found.append(f"{len(group.partial)} unfinished or incomplete seed{'s' * (len(group.partial) > 1)} left out")
    return found


def generator(*names: str) -> np.random.Generator:
    """A random generator seeded by its purpose alone, so that intervals do not depend on other models in the folder."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256("/".join(names).encode()).digest()[:8]))


def _identity(model: str, run: Run, metric: str) -> dict[str, Any]:
    settings = {key: run.configuration.get(key) for key in SETTINGS}
    checkpoint = {"series": run.series, "step": run.step}
    return {"model": model, "task": run.task, "config_id": run.config_id, **settings, "metric": metric} | checkpoint


def _noises(scores: NDArray[np.float64], confidence: float) -> dict[str, float]:
    seed, problem, split = seed_noise(scores, confidence), problem_noise(scores, confidence), variance_split(scores)
    low, high = score_interval(scores, confidence)
    names = ("std_accuracy", "sem_accuracy", "seed_ci_low", "seed_ci_high", "clustered_stderr", "ci_low", "ci_high",
             "variance_between_problems", "variance_within_problems", "wilson_low", "wilson_high")  # fmt: skip
    values = (*seed, *problem, split.between, split.within, low, high)
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _per_k(scores: NDArray[np.float64], answers: list[tuple] | None, seeds: int) -> dict[str, float]:
    row = {}
    binary = is_binary(scores)
    tally = [votes(s, a) for s, a in zip(scores.T, answers, strict=True)] if binary and answers is not None else []
    for k in ladder(seeds):
        row |= {f"pass@{k}": mean_pass(scores, k), f"pass^{k}": mean_pass(scores, k, every=True)}
        row |= {f"maj@{k}": mean_majority(tally, k)}
    return row


def _lengths(scores: NDArray[np.float64], group: ConfigRuns, metric: str) -> dict[str, float]:
    truncated = group.matrix(lambda run: run.truncated)
    found = lengths(scores, group.matrix(lambda run: run.tokens), truncated)
    return {
        "mean_output_tokens": found.mean,
        "median_output_tokens": found.median,
        "p95_output_tokens": found.p95,
        "mean_output_tokens_correct": found.mean_right,
        "mean_output_tokens_wrong": found.mean_wrong,
        "truncated_rate": float(mean(truncated)),
        "no_answer_rate": _rate(group.matrix(lambda run: run.no_answer.get(metric))),
        "accuracy_untruncated": found.accuracy_untruncated,
    }


def _rate(values: NDArray[np.float64] | None) -> float:
    return float("nan") if values is None else float(mean(values))
