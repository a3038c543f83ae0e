"""Where each configuration stands against the best, or the baseline, and the comparisons in sentences."""

from dataclasses import dataclass
from typing import Any

from evalsuite.summary.entries import Entry
from evalsuite.summary.gather import Summary
from evalsuite.summary.pairs import A_BETTER, B_BETTER, Pairs

BEST, LIKE_BEST, BELOW = "best", "like best", "below"
BASE, BETTER, LIKE_BASE, WORSE = "baseline", "better", "like it", "worse"
LEADING = (BEST, LIKE_BEST)  # set in bold where there is no baseline


def standings(summary: Summary, task: str) -> dict[tuple[str, str], str]:
    """By the Holm values for problems like these: who is best, who not distinguishable from it; empty for one model."""
    pairs = summary.pairs(task)
    if pairs is None or not len(pairs.a):
        return {}
    if summary.baseline is not None:
        return _against(pairs, pairs.entries[pairs.b[0]], (BASE, BETTER, LIKE_BASE, WORSE))
    metric = pairs.metric
    best = max(pairs.entries, key=lambda entry: entry.rows[metric]["mean_accuracy"])
    return _against(pairs, best, (BEST, "", LIKE_BEST, BELOW))


def _against(pairs: Pairs, other: Entry, words: tuple[str, str, str, str]) -> dict[tuple[str, str], str]:
    itself, above, like, below = words
    found = {other.key: itself}
    for i, j, verdict in zip(pairs.a, pairs.b, pairs.values["verdict_new_problems"], strict=True):
        a, b = pairs.entries[i], pairs.entries[j]
        if other not in (a, b) or not verdict:
            continue
        one, wins = (a, A_BETTER) if b is other else (b, B_BETTER)
        found[one.key] = above if verdict == wins else like if verdict not in (A_BETTER, B_BETTER) else below
    return found


@dataclass(frozen=True)
class Findings:
    """Sentences on the primary metrics' comparisons, the clearest first in each list."""

    new: list[str]  # that hold on problems like these
    these: list[str]  # that hold on these very problems only
    open: list[str]  # that do not hold, with what would settle them
    unknown: int  # pairs without a test


def findings(rows: list[dict[str, Any]]) -> Findings:
    """Sort comparison rows into what holds, what holds on these problems only, and what does not."""
    new, these, undecided, unknown = [], [], [], 0
    for row in sorted(rows, key=_clearest):
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


def _clearest(row: dict[str, Any]) -> tuple[float, float]:
    """The smallest p value first, then the largest difference; unknown ones last."""
    return (row["p_value"] if row["p_value"] == row["p_value"] else 2.0), -abs(row["difference"])


def _better(row: dict[str, Any], verdict: str, p: str, ends: tuple[str, str]) -> str:
    winner, loser = (row["a"], row["b"]) if verdict == A_BETTER else (row["b"], row["a"])
    sign = 1 if verdict == A_BETTER else -1
    low, high = sorted(sign * row[end] for end in ends)
    gap = f"{100 * sign * row['difference']:.1f} points [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{row['task']}: {winner} above {loser} by {gap}, p {probability(row[p])}{_provisional(row)}"


def _open(row: dict[str, Any]) -> str:
    gap = f"{100 * row['difference']:+.1f} points [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]"
    words = f"{row['task']}: {row['a']} and {row['b']}: {gap}, p {probability(row['p_holm'])}"
    words += f"; detectable here: {100 * row['minimum_detectable_effect']:.1f}"
    return f"{words}; {settling(row)}{_provisional(row)}"


def settling(row: dict[str, Any]) -> str:
    """What would settle a difference of the size seen, were it the only comparison: seeds, else problems.

    >>> seeds = {"a_n_seeds": 10, "b_n_seeds": 10}
    >>> settling({"seeds_to_settle": "24", "problems_to_settle": "90", **seeds})
    'settled by 24 seeds, or 90 problems'
    >>> settling({"seeds_to_settle": "none: too few problems", "problems_to_settle": "900", **seeds})
    'settled by no number of seeds, by 900 problems'
    >>> settling({"seeds_to_settle": "7", "problems_to_settle": "21", **seeds})
    'these seeds would settle it alone, not among so many comparisons'
    """
    seeds, problems = row["seeds_to_settle"], row["problems_to_settle"]
    if not problems.isdecimal():
        return "no difference seen" if problems else "nothing known of what would settle it"
    if seeds.isdecimal() and int(seeds) <= min(row["a_n_seeds"], row["b_n_seeds"]):
        return "these seeds would settle it alone, not among so many comparisons"
    if seeds.isdecimal():
        return f"settled by {seeds} seeds, or {problems} problems"
    return f"settled by no number of seeds, by {problems} problems" if seeds else f"settled by {problems} problems"


def probability(p: float) -> str:
    """A p value as people write it.

    >>> probability(0.0314), probability(0.00001), probability(float("nan"))
    ('0.031', '< 0.0001', '')
    """
    return "" if p != p else "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def _provisional(row: dict[str, Any]) -> str:
    return " (provisional)" if row["provisional"] else ""
