"""How each configuration compares with the best or the baseline, and the comparisons as sentences."""

from dataclasses import dataclass
from typing import Any

from evalsuite.summary.config_results import ConfigResult
from evalsuite.summary.pairs import A_BETTER, B_BETTER, Pairs
from evalsuite.summary.summarise import Summary

TIED = "tied"  # not significantly different from the best or the baseline
BEST, BELOW = "best", "below"
BASE, BETTER, WORSE = "baseline", "better", "worse"
LEADING = (BEST, TIED)  # set in bold if there is no baseline


def compare_with_best(summary: Summary, task: str) -> dict[tuple[str, str], str]:
    """How each configuration (by its key) compares with the best one, or with the baseline, on problems like these.

    Decided by Holm-corrected p values; empty if there is nothing to compare.
    """
    pairs = summary.pairs(task)
    if pairs is None or not len(pairs.a):
        return {}
    if summary.baseline is not None:
        return _compare_with(pairs, pairs.configs[pairs.b[0]], (BASE, BETTER, TIED, WORSE))
    metric = pairs.metric
    best = max(pairs.configs, key=lambda config: config.rows[metric]["mean_accuracy"])
    return _compare_with(pairs, best, (BEST, "", TIED, BELOW))


def _compare_with(pairs: Pairs, other: ConfigResult, words: tuple[str, str, str, str]) -> dict[tuple[str, str], str]:
    itself, above, tied, below = words
    found = {other.key: itself}
    for i, j, verdict in zip(pairs.a, pairs.b, pairs.values["verdict_new_problems"], strict=True):
        a, b = pairs.configs[i], pairs.configs[j]
        if other not in (a, b) or not verdict:
            continue
        one, wins = (a, A_BETTER) if b is other else (b, B_BETTER)
        found[one.key] = above if verdict == wins else tied if verdict not in (A_BETTER, B_BETTER) else below
    return found


@dataclass(frozen=True)
class Findings:
    """Sentences about the comparisons, the smallest p value first in each list.

    `new` holds differences that are significant for new problems too, `these` those significant on this benchmark only,
    `open` those that are not significant, with the sample sizes needed. `unknown` counts pairs without a test.
    """

    new: list[str]
    these: list[str]
    open: list[str]
    unknown: int


def findings(rows: list[dict[str, Any]]) -> Findings:
    """Sort rows of model_comparison.csv by significance and describe each in a sentence."""
    new, these, undecided, unknown = [], [], [], 0
    for row in sorted(rows, key=_significance):
        if row["verdict_new_problems"] in (A_BETTER, B_BETTER):
            new.append(_better(row, row["verdict_new_problems"], "p_holm", ("ci_low", "ci_high")))
        elif row["verdict_these_problems"] in (A_BETTER, B_BETTER):
            ends = ("ci_low_these_problems", "ci_high_these_problems")
            these.append(_better(row, row["verdict_these_problems"], "p_holm_these_problems", ends))
        elif row["verdict_new_problems"]:
            undecided.append(_open(row))
        else:
            unknown += 1
    return Findings(new, these, undecided, unknown)


def _significance(row: dict[str, Any]) -> tuple[float, float]:
    """Sort key: the smallest p value first, then the largest difference; unknown p values last."""
    return (row["p_value"] if row["p_value"] == row["p_value"] else 2.0), -abs(row["difference"])


def _better(row: dict[str, Any], verdict: str, p: str, ends: tuple[str, str]) -> str:
    winner, loser = (row["a"], row["b"]) if verdict == A_BETTER else (row["b"], row["a"])
    sign = 1 if verdict == A_BETTER else -1
    low, high = sorted(sign * row[end] for end in ends)
    gap = f"{100 * sign * row['difference']:.1f} points [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{row['task']}: {winner} above {loser} by {gap}, p {format_p(row[p])}{_provisional(row)}"


def _open(row: dict[str, Any]) -> str:
    gap = f"{100 * row['difference']:+.1f} points [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]"
    words = f"{row['task']}: {row['a']} and {row['b']}: {gap}, p {format_p(row['p_holm'])}"
    words += f"; detectable difference: {100 * row['minimum_detectable_effect']:.1f}"
    return f"{words}; {what_would_settle(row)}{_provisional(row)}"


def what_would_settle(row: dict[str, Any]) -> str:
    """Say how many seeds or problems would detect the observed difference, if it were the only comparison.

    >>> row = {"a_n_seeds": 10, "b_n_seeds": 10, "comparisons": 66}
    >>> what_would_settle({"seeds_to_settle": "24", "problems_to_settle": "90", **row})
    'about 24 seeds, or 90 problems, would settle it'
    >>> what_would_settle({"seeds_to_settle": "none: too few problems", "problems_to_settle": "900", **row})
    'more seeds will not help; about 900 problems would'
    >>> what_would_settle({"seeds_to_settle": "7", "problems_to_settle": "21", **row})
    'significant on its own, but not after correction for 66 comparisons'
    """
    seeds, problems = row["seeds_to_settle"], row["problems_to_settle"]
    if not problems.isdecimal():
        return "no difference observed" if problems else "the number of seeds or problems needed is unknown"
    if seeds.isdecimal() and int(seeds) <= min(row["a_n_seeds"], row["b_n_seeds"]):
        return _enough_alone(row)
    if seeds.isdecimal():
        return f"about {seeds} seeds, or {problems} problems, would settle it"
    if seeds:
        return f"more seeds will not help; about {problems} problems would"
    return f"about {problems} problems would settle it"


def _enough_alone(row: dict[str, Any]) -> str:
    if row["comparisons"] == 1:  # with few problems, the t test is stricter than this estimate
        return "more problems would settle it"
    return f"significant on its own, but not after correction for {row['comparisons']} comparisons"


def format_p(p: float) -> str:
    """Format a p value.

    >>> format_p(0.0314), format_p(0.00001), format_p(float("nan"))
    ('0.031', '< 0.0001', '')
    """
    return "" if p != p else "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def _provisional(row: dict[str, Any]) -> str:
    return " (provisional)" if row["provisional"] else ""
