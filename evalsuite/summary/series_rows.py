"""What is said of a series: rows of series_analysis.csv, sentences, the value for JSON."""

from typing import Any

from evalsuite.summary.cells import interval, percent, span
from evalsuite.summary.pairs import A_BETTER, B_BETTER, OPEN
from evalsuite.summary.series import Line
from evalsuite.summary.standings import probability

TAKEN = ("n_seeds", "n_problems", "mean_accuracy", "std_accuracy", "sem_accuracy", "seed_ci_low", "seed_ci_high",
         "clustered_stderr", "ci_low", "ci_high", "wilson_low", "wilson_high", "mean_output_tokens",
         "median_output_tokens", "truncated_rate", "no_answer_rate", "provisional")  # fmt: skip
PAIRED = ("difference", "ci_low", "ci_high", "p_value", "p_holm", "verdict_new_problems", "p_holm_these_problems",
          "verdict_these_problems")  # fmt: skip
ENDS = ("first", "last")
COLUMNS = ("series", "task", "metric", "setting", "step", "model", "config_id", *TAKEN, "best",
           *(f"{name}_against_{end}" for end in ENDS for name in PAIRED), "comparisons", "optimism")  # fmt: skip
VERDICTS = {A_BETTER: "better", B_BETTER: "worse"}  # of this step, compared with that end


def rows_of(line: Line) -> list[dict[str, Any]]:
    """One row a checkpoint; `optimism` stands in the best one's row, where it is to be taken off."""
    found = []
    for at, (entry, row) in enumerate(zip(line.entries, line.rows, strict=True)):
        named = {"series": line.series, "task": line.task, "metric": line.metric, "setting": line.setting}
        named |= {"step": entry.step, "model": entry.model, "config_id": entry.config_id, "best": at == line.best}
        named |= {name: row[name] for name in TAKEN} | {"comparisons": len(line.pairs.a)}
        for end, place in zip(ENDS, (0, len(line.entries) - 1), strict=True):
            pair = line.against(at, place) or {}
            named |= {f"{name}_against_{end}": VERDICTS.get(pair.get(name), pair.get(name)) for name in PAIRED}
        found.append(named | {"optimism": line.optimism if at == line.best else None})
    return found


def as_json(line: Line) -> dict[str, Any]:
    """One line as comparison_results.json has it."""
    steps = [entry.step for entry in line.entries]
    return {
        "series": line.series, "task": line.task, "metric": line.metric, "setting": line.setting,
        "first": steps[0], "last": steps[-1], "best": steps[line.best], "comparisons": len(line.pairs.a),
        "optimism": line.optimism, "sentences": sentences(line), "steps": rows_of(line),
    }  # fmt: skip


def title(line: Line) -> str:
    """The line's name.

    >>> from types import SimpleNamespace
    >>> title(SimpleNamespace(series="run7", setting="temperature=0.6", task="aime24"))
    'run7 (temperature=0.6) on aime24'
    """
    return f"{line.series}{f' ({line.setting})' if line.setting else ''} on {line.task}"


def sentences(line: Line) -> list[str]:
    """The answer for the series: its best step against the last and the first; then what the best's score is worth."""
    count, row, best = len(line.entries), line.rows[line.best], line.entries[line.best]
    number = f"{percent(row['mean_accuracy'])} % {interval(row)}"
    if count == 1:
        return [f"{title(line)}: one checkpoint so far, step {best.step}, {number}."]
    ends = [(name, at) for name, at in (("last", count - 1), ("first", 0)) if at != line.best]
    role = "".join(f", the {name}," for name, at in (("first", 0), ("last", count - 1)) if at == line.best)
    verdicts = "; ".join(_verdict(line, name, at) for name, at in ends)
    provisional = " (provisional)" if any(entry.provisional for entry in line.entries) else ""
    return [
        f"{title(line)}: step {best.step}{role} is best of {count}, {number}: {verdicts}{provisional}.",
        _worth(line),
    ]


def _verdict(line: Line, name: str, at: int) -> str:
    """How the best stands to one end, corrected over the series, on problems like these and on these very ones."""
    pair, end = line.against(line.best, at), f"the {name} (step {line.entries[at].step})"
    if pair is None or not pair["verdict_new_problems"]:
        return f"not compared with {end}: they share too few problems"
    gap = f"{100 * pair['difference']:+.1f} points {span(pair['ci_low'], pair['ci_high'])}"
    if pair["verdict_new_problems"] != OPEN:
        return f"distinguishable from {end}, {gap}, p {probability(pair['p_holm'])}"
    these = pair["verdict_these_problems"] in VERDICTS
    only = f", only on these very problems, p {probability(pair['p_holm_these_problems'])}" if these else ""
    return f"not distinguishable from {end}, {gap}, p {probability(pair['p_holm'])}{only}"


def _worth(line: Line) -> str:
    count = len(line.entries)
    general = f"The best of {count} was chosen for its score, so its score is optimistic"
    if line.optimism != line.optimism:
        return f"{general}; by how much cannot be told from so few problems."
    if line.optimism < 0.0005:
        return f"{general}, here by less than 0.1 points: no other comes near it."
    left = line.rows[line.best]["mean_accuracy"] - line.optimism
    return f"{general}: by about {percent(line.optimism)} points, which leaves {percent(left)} %."


def family(count: int, alpha: float) -> str:
    """What the p values of series are corrected over."""
    rule = "paired t tests, Holm over a series' comparisons with its first and its last checkpoint"
    return f"{rule} (at most {count}), {100 * alpha:g} %"
