"""Compares every pair of configurations of a task on their shared problems: tests, corrections, sample sizes needed."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalsuite.statistics.exact import mcnemar, sign_flip
from evalsuite.statistics.matrix import mean
from evalsuite.statistics.paired import benjamini_hochberg, fixed_problems, holm, paired_t
from evalsuite.statistics.power import detectable, problems_needed, seeds_needed
from evalsuite.summary.config_results import ConfigResult, Options
from evalsuite.summary.configuration import generator
from evalsuite.summary.labels import CONDITIONS, condition_differences, natural_order

COLUMNS = (
    "task", "metric", "a", "b", "a_config_id", "b_config_id", "n_problems", "difference", "stderr", "ci_low", "ci_high",
    "p_value", "p_holm", "p_bh", "minimum_detectable_effect", "verdict_new_problems", "verdict_these_problems",
    "p_permutation", "p_mcnemar", "stderr_these_problems", "ci_low_these_problems", "ci_high_these_problems",
    "p_value_these_problems", "p_holm_these_problems", "p_bh_these_problems",
    "minimum_detectable_effect_these_problems", "a_mean", "b_mean", "a_n_seeds", "b_n_seeds", "seeds_to_settle",
    "seeds_to_settle_these_problems", "problems_to_settle", "p_holm_all_tasks", "comparisons", "provisional", "notes",
)  # fmt: skip
A_BETTER, B_BETTER, OPEN = "a better", "b better", "not distinguishable"
TOO_FEW, NO_DIFFERENCE = "none: too few problems", "none: no difference seen"
_PAIRS = 500  # compared at a time; with 1,300 problems that takes 100 MB


@dataclass(frozen=True)
class Pairs:
    """The comparisons of one task and metric.

    `a` and `b` are indices into `configs`, and `values` holds an array by column name, all of shape (pairs,).
    `disjoint` holds the labels of pairs that share no problem.
    """

    task: str
    metric: str
    configs: list[ConfigResult]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    values: dict[str, NDArray]
    disjoint: list[tuple[str, str]]


def compare(
    task: str, metric: str, configs: list[ConfigResult], baseline: ConfigResult | None, options: Options
) -> Pairs:
    """Compare all pairs, or only all others (a) with the baseline (b); p values are corrected over these pairs."""
    configs = [config for config in configs if metric in config.stats and config.stats[metric].scored]
    indices = list(combinations(range(len(configs)), 2))
    if baseline is not None:
        at = next((i for i, config in enumerate(configs) if config is baseline), None)
        indices = [] if at is None else [(i, at) for i in range(len(configs)) if i != at]
    return compare_pairs(task, metric, configs, indices, options)


def compare_pairs(
    task: str, metric: str, configs: list[ConfigResult], indices: list[tuple[int, int]], options: Options
) -> Pairs:
    """Compare the pairs (a, b) of configurations given by index; p values are corrected over these pairs.

    Every configuration must have a score.
    """
    a, b = np.array(indices, dtype=np.int64).reshape(-1, 2).T
    table = stack([config.stats[metric] for config in configs])
    rng = generator(task, metric)
    parts = [_test(table, a[at : at + _PAIRS], b[at : at + _PAIRS], options, rng) for at in range(0, len(a), _PAIRS)]
    values = {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}
    if not parts:
        return Pairs(task, metric, configs, a, b, {}, [])
    shared = values["n_problems"] > 0
    disjoint = [(configs[i].label, configs[j].label) for i, j in zip(a[~shared], b[~shared], strict=True)]
    values = {name: value[shared] for name, value in values.items()}
    return Pairs(task, metric, configs, a[shared], b[shared], _with_verdicts(values, options.alpha), disjoint)


def verdicts(p: NDArray, difference: NDArray, alpha: float) -> NDArray:
    """The verdicts in words, by corrected p values; empty where there is no p value. (pairs,)"""
    words = np.where(difference > 0, A_BETTER, B_BETTER).astype(object)
    words[~(p <= alpha)] = OPEN
    words[np.isnan(p)] = ""
    return words


def format_needed(needed: NDArray, difference: NDArray) -> list[str]:
    """Format the sample size at which each pair's difference would be detected; the reason if there is none.

    >>> format_needed(np.array([12.0, np.inf, np.nan]), np.array([0.1, 0.1, 0.1]))
    ['12', 'none: too few problems', '']
    """
    words = ["" if value != value else TOO_FEW if value == np.inf else f"{value:.0f}" for value in needed]
    return [NO_DIFFERENCE if gap == 0 else word for word, gap in zip(words, difference, strict=True)]


def stack(columns: list) -> dict[str, NDArray]:
    """Arrange the statistics of all configurations over the union of their problems. (configurations, problems)"""
    index: dict[str, int] = {}
    for column in columns:
        for problem in column.problems:
            index.setdefault(problem, len(index))
    arrays = {name: np.full((len(columns), len(index)), np.nan) for name in ("x", "s2", "k")}
    for row, column in enumerate(columns):
        at = [index[problem] for problem in column.problems]
        for name, array in arrays.items():
            array[row, at] = getattr(column, name)
    return arrays | {"binary": np.array([column.binary for column in columns], dtype=bool)}


def _test(table: dict, a: NDArray, b: NDArray, options: Options, rng: np.random.Generator) -> dict[str, NDArray]:
    """Run all tests on the pairs (a, b); each value has the shape (pairs,)."""
    x, s2, k = table["x"], table["s2"], table["k"]
    d = x[a] - x[b]
    new = paired_t(d, options.confidence)
    these = fixed_problems((x[a], x[b]), (s2[a], s2[b]), (k[a], k[b]), options.confidence)
    shared = ~np.isnan(d)
    both = [np.where(shared, values, np.nan) for values in (x[a], x[b], s2[a], s2[b], s2[a] / k[a], s2[b] / k[b])]
    x_a, x_b, sigma2_a, sigma2_b, noise_a, noise_b = (mean(values, axis=1) for values in both)
    omega2 = np.maximum(new.n * new.stderr**2 - noise_a - noise_b, 0.0)
    single = table["binary"][a] & table["binary"][b] & (np.nanmax(np.where(shared, k[a] + k[b], 0), axis=1) == 2)
    p_mcnemar = np.full(len(a), np.nan)
    p_mcnemar[single] = mcnemar(d[single])
    return {
        "n_problems": new.n, "difference": new.difference, "stderr": new.stderr, "ci_low": new.low, "ci_high": new.high,
        "p_value": new.p_value, "minimum_detectable_effect": detectable(new.stderr, options.alpha),
        "p_permutation": sign_flip(d, options.resamples, rng), "p_mcnemar": p_mcnemar,
        "stderr_these_problems": these.stderr, "ci_low_these_problems": these.low,
        "ci_high_these_problems": these.high, "p_value_these_problems": these.p_value,
        "minimum_detectable_effect_these_problems": detectable(these.stderr, options.alpha),
        "a_mean": x_a, "b_mean": x_b,
        "_seeds": seeds_needed(new.difference, new.n, omega2, sigma2_a, sigma2_b, alpha=options.alpha),
        "_seeds_these": seeds_needed(new.difference, new.n, 0, sigma2_a, sigma2_b, alpha=options.alpha),
        "_problems": problems_needed(new.difference, new.n * new.stderr**2, 0, 0, alpha=options.alpha),
    }  # fmt: skip


def _with_verdicts(values: dict[str, NDArray], alpha: float) -> dict[str, Any]:
    """Add corrected p values, verdicts, and the sample sizes that would be needed."""
    difference = values["difference"]
    values |= {"p_holm": holm(values["p_value"]), "p_bh": benjamini_hochberg(values["p_value"])}
    these = values["p_value_these_problems"]
    values |= {"p_holm_these_problems": holm(these), "p_bh_these_problems": benjamini_hochberg(these)}
    values["verdict_new_problems"] = verdicts(values["p_holm"], difference, alpha)
    values["verdict_these_problems"] = verdicts(values["p_holm_these_problems"], difference, alpha)
    values["seeds_to_settle"] = format_needed(values.pop("_seeds"), difference)
    values["seeds_to_settle_these_problems"] = format_needed(values.pop("_seeds_these"), difference)
    values["problems_to_settle"] = format_needed(values.pop("_problems"), difference)
    return values


def compare_all(
    configs: list[ConfigResult], baselines: dict[str, ConfigResult] | None, options: Options
) -> list[Pairs]:
    """Compare within every task and metric, the primary metric first; with `baselines` (by task) only with those."""
    found = []
    for task in sorted({config.task for config in configs}, key=natural_order):
        peers = sorted((config for config in configs if config.task == task), key=lambda config: config.order)
        baseline = None if baselines is None else baselines.get(task)
        if baselines is not None and baseline is None:
            continue
        found += [compare(task, metric, peers, baseline, options) for metric in metrics_of(peers)]
    _across_tasks(found)
    return found


def metrics_of(peers: list[ConfigResult]) -> list[str]:
    """The metrics of a task, its primary one first: that of most configurations, in a tie the first by name."""
    primaries = [config.primary for config in peers]
    metrics = dict.fromkeys(metric for config in peers for metric in config.stats)
    first = min(primaries, key=lambda metric: (-primaries.count(metric), metric))
    return [first, *(metric for metric in metrics if metric != first)]


def rows_of(pairs: Pairs) -> list[dict[str, Any]]:
    """The rows of model_comparison.csv, one per pair."""
    names = [name for name in pairs.values if not name.startswith("_")]
    columns = [list(pairs.values[name]) for name in names]
    kinds = [repr([config.configuration.get(key) for key in CONDITIONS]) for config in pairs.configs]
    cache: dict[tuple[str, str], str] = {}  # most pairs of a study have the same two sets of conditions
    rows = []
    for i, j, *values in zip(pairs.a, pairs.b, *columns, strict=True):
        a, b = pairs.configs[i], pairs.configs[j]
        row = {"task": pairs.task, "metric": pairs.metric, "a": a.label, "b": b.label}
        row |= {"a_config_id": a.config_id, "b_config_id": b.config_id} | dict(zip(names, values, strict=True))
        row |= {"a_n_seeds": a.rows[pairs.metric]["n_seeds"], "b_n_seeds": b.rows[pairs.metric]["n_seeds"]}
        row |= {"comparisons": len(pairs.a), "provisional": a.provisional or b.provisional}
        if (kinds[i], kinds[j]) not in cache:
            cache[kinds[i], kinds[j]] = condition_differences(a.configuration, b.configuration)
        most = max(config.stats[pairs.metric].scored for config in (a, b))
        rows.append(row | {"notes": "; ".join(_notes(row, most, cache[kinds[i], kinds[j]]))})
    return rows


def _notes(row: dict[str, Any], most: int, conditions: str) -> list[str]:
    """Describe what limits a comparison; `most` is the number of problems of the configuration that has more."""
    notes = [f"conditions differ: {conditions}"] if conditions else []
    notes += [f"problem sets differ: {row['n_problems']} of {most} shared"] if row["n_problems"] < most else []
    notes += ["one seed: the noise between seeds is unknown"] if np.isnan(row["stderr_these_problems"]) else []
    notes += ["one shared problem: the noise between problems is unknown"] if row["n_problems"] == 1 else []
    if row["difference"] and row["stderr"] == 0:
        notes.append("all differences are equal: the interval has no width, p is that of the sign-flip test")
    if row["difference"] and row["stderr_these_problems"] == 0:
        notes.append("all seeds agree on every problem: p on these problems uses the variance pooled over a and b")
    return notes


def _across_tasks(found: list[Pairs]) -> None:
    """Add p values corrected over all tasks of a metric, for readers who look at several tasks together."""
    for metric in {pairs.metric for pairs in found}:
        same = [pairs for pairs in found if pairs.metric == metric and pairs.values]
        if not same:
            continue
        adjusted = holm(np.concatenate([pairs.values["p_value"] for pairs in same]))
        ends = np.cumsum([len(pairs.a) for pairs in same])[:-1]
        for pairs, part in zip(same, np.split(adjusted, ends), strict=True):
            pairs.values["p_holm_all_tasks"] = part
