"""Checkpoint series as rows and tables: a short table for the screen, every checkpoint in tables/."""

from typing import TYPE_CHECKING, Any

from evalsuite.summary.pairs import A_BETTER, B_BETTER, OPEN
from evalsuite.summary.series import Line
from evalsuite.summary.standings import probability
from evalsuite.summary.tables import Cell, Table, interval, percent, span, spread

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


if TYPE_CHECKING:
    from evalsuite.summary.gather import Summary

HEAD = ["series", "step", "seeds", "mean ± sd", "tokens", "truncated", "− first", "− last", "p (Holm), first, last"]
GLANCE = 12  # checkpoints of a line on the screen


def series_table(summary: "Summary") -> Table:
    """Every checkpoint of every series, the best in bold."""
    rows = [_cells(line, row) for line in summary.series for row in rows_of(line)]
    most = max(len(line.pairs.a) for line in summary.series)
    notes = [
        f"Mean ± standard deviation over seeds, below it the {100 * summary.options.confidence:g} % interval for"
        " problems like these; bold: the best of a series. − first, − last: points above those checkpoints, in bold"
        f" where distinguishable on problems like these ({family(most, summary.options.alpha)})."
    ]
    notes += [sentence for line in summary.series for sentence in sentences(line)]
    return Table("Checkpoints", "series", HEAD, rows, [("", note) for note in notes])


def _cells(line: Line, row: dict[str, Any]) -> list[Cell]:
    chances = [probability(_number(row[f"p_holm_against_{end}"])) or "–" for end in ENDS]
    return [
        Cell(title(line)), Cell(str(row["step"])), Cell(str(row["n_seeds"])),
        Cell(spread(row["mean_accuracy"], row["std_accuracy"]), interval(row), row["best"]),
        Cell(tokens(row["mean_output_tokens"])), Cell(percent(row["truncated_rate"])),
        *(Cell(_gap(row, end), bold=_holds(row, end)) for end in ENDS),
        Cell(", ".join(chances)),
    ]  # fmt: skip


def _gap(row: dict[str, Any], end: str) -> str:
    """Points above one end; empty for the end itself."""
    found = _number(row[f"difference_against_{end}"])
    return "" if found != found else f"{100 * found:+.1f}"


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def tokens(value: float) -> str:
    """A mean number of tokens.

    >>> tokens(1234.5), tokens(float("nan"))
    ('1,234', '')
    """
    return "" if value != value else f"{value:,.0f}"


def glance(line: Line) -> list[list[str]]:
    """The rows of the screen: all, or the first, the best, the last, and some between, evenly spread."""
    found, last = rows_of(line), len(line.entries) - 1
    kept = {round(at * last / (GLANCE - 2)) for at in range(GLANCE - 1)} | {line.best}
    return [shown(found[at]) for at in (sorted(kept) if last >= GLANCE else range(last + 1))]


def shown(row: dict[str, Any]) -> list[str]:
    """A checkpoint's row as text: step, seeds, mean, ±, interval, tokens, cut off, points above both ends, remarks."""
    numbers = percent(row["mean_accuracy"]), percent(row["std_accuracy"]), interval(row)
    gaps = [_gap(row, end) + "*" * _holds(row, end) for end in ENDS]
    cut, remarks = percent(row["truncated_rate"]), ["best"] * row["best"] + ["provisional"] * row["provisional"]
    return [str(row["step"]), str(row["n_seeds"]), *numbers, tokens(row["mean_output_tokens"]), cut, *gaps,
            ", ".join(remarks)]  # fmt: skip


def _holds(row: dict[str, Any], end: str) -> bool:
    """Whether a checkpoint is distinguishable from one end on problems like these."""
    return row[f"verdict_new_problems_against_{end}"] in VERDICTS.values()
