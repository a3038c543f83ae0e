"""Checkpoint series as rows, sentences and tables: a short table for the screen, and all checkpoints for tables/."""

from typing import TYPE_CHECKING, Any

from evalsuite.summary.pairs import A_BETTER, B_BETTER, OPEN
from evalsuite.summary.series import Line
from evalsuite.summary.tables import Cell, Table, interval, percent, span, spread
from evalsuite.summary.verdicts import format_p

if TYPE_CHECKING:
    from evalsuite.summary.summarise import Summary

FROM_CONFIG = ("n_seeds", "n_problems", "mean_accuracy", "std_accuracy", "sem_accuracy", "seed_ci_low", "seed_ci_high",
         "clustered_stderr", "ci_low", "ci_high", "wilson_low", "wilson_high", "mean_output_tokens",
         "median_output_tokens", "truncated_rate", "no_answer_rate", "provisional")  # fmt: skip
PAIRED = ("difference", "ci_low", "ci_high", "p_value", "p_holm", "verdict_new_problems", "p_holm_these_problems",
          "verdict_these_problems")  # fmt: skip
ENDS = ("first", "last")
COLUMNS = ("series", "task", "metric", "setting", "step", "model", "config_id", *FROM_CONFIG, "best",
           *(f"{name}_against_{end}" for end in ENDS for name in PAIRED), "comparisons", "optimism")  # fmt: skip
VERDICTS = {A_BETTER: "better", B_BETTER: "worse"}  # of a checkpoint compared with the first or last
HEAD = ["series", "step", "seeds", "mean ± sd", "tokens", "truncated", "− first", "− last", "p (Holm), first, last"]
MAX_ON_SCREEN = 12  # checkpoints of a line


def rows_of(line: Line) -> list[dict[str, Any]]:
    """A row per checkpoint; `optimism` is given only for the best one, from whose mean it is to be subtracted."""
    found = []
    for at, (config, row) in enumerate(zip(line.configs, line.rows, strict=True)):
        columns = {"series": line.series, "task": line.task, "metric": line.metric, "setting": line.setting}
        columns |= {"step": config.step, "model": config.model, "config_id": config.config_id, "best": at == line.best}
        columns |= {name: row[name] for name in FROM_CONFIG} | {"comparisons": len(line.pairs.a)}
        for end, index in zip(ENDS, (0, len(line.configs) - 1), strict=True):
            pair = line.against(at, index) or {}
            columns |= {f"{name}_against_{end}": VERDICTS.get(pair.get(name), pair.get(name)) for name in PAIRED}
        found.append(columns | {"optimism": line.optimism if at == line.best else None})
    return found


def as_json(line: Line) -> dict[str, Any]:
    """A line in the form that comparison_results.json stores."""
    steps = [config.step for config in line.configs]
    return {
        "series": line.series, "task": line.task, "metric": line.metric, "setting": line.setting,
        "first": steps[0], "last": steps[-1], "best": steps[line.best], "comparisons": len(line.pairs.a),
        "optimism": line.optimism, "sentences": sentences(line), "steps": rows_of(line),
    }  # fmt: skip


def title(line: Line) -> str:
    """The title of a line.

    >>> from types import SimpleNamespace
    >>> title(SimpleNamespace(series="run7", setting="temperature=0.6", task="aime24"))
    'run7 (temperature=0.6) on aime24'
    """
    return f"{line.series}{f' ({line.setting})' if line.setting else ''} on {line.task}"


def sentences(line: Line) -> list[str]:
    """The result for a series: its best step compared with the last and the first, and how optimistic its score is."""
    count, row, best = len(line.configs), line.rows[line.best], line.configs[line.best]
    number = f"{percent(row['mean_accuracy'])}% {interval(row)}"
    if count == 1:
        return [f"{title(line)}: one checkpoint so far, step {best.step}, {number}."]
    ends = [(name, at) for name, at in (("last", count - 1), ("first", 0)) if at != line.best]
    role = "".join(f", the {name}," for name, at in (("first", 0), ("last", count - 1)) if at == line.best)
    verdicts = "; ".join(_verdict(line, name, at) for name, at in ends)
    provisional = " (provisional)" if any(config.provisional for config in line.configs) else ""
    return [
        f"{title(line)}: step {best.step}{role} is best of {count}, {number}: {verdicts}{provisional}.",
        _optimism(line),
    ]


def _verdict(line: Line, name: str, at: int) -> str:
    """The verdict on the best checkpoint against the first or last, corrected over the series."""
    pair, end = line.against(line.best, at), f"the {name} (step {line.configs[at].step})"
    if pair is None or not pair["verdict_new_problems"]:
        return f"not compared with {end}: they share too few problems"
    gap = f"{100 * pair['difference']:+.1f} points {span(pair['ci_low'], pair['ci_high'])}"
    if pair["verdict_new_problems"] != OPEN:
        return f"distinguishable from {end}, {gap}, p {format_p(pair['p_holm'])}"
    these = pair["verdict_these_problems"] in VERDICTS
    only = f"; significant on this benchmark only, p {format_p(pair['p_holm_these_problems'])}" if these else ""
    return f"not distinguishable from {end}, {gap}, p {format_p(pair['p_holm'])}{only}"


def _optimism(line: Line) -> str:
    count = len(line.configs)
    general = f"The best of {count} was selected by its score, so that score is biased upwards"
    if line.optimism != line.optimism:
        return f"{general}; there are too few problems to say by how much."
    if line.optimism < 0.0005:
        return f"{general}, here by less than 0.1 points, because no other comes close."
    corrected = line.rows[line.best]["mean_accuracy"] - line.optimism
    return f"{general}, by about {percent(line.optimism)} points; corrected, it is {percent(corrected)}%."


def family(count: int, alpha: float) -> str:
    """Describe the tests of series, and the comparisons over which their p values are corrected."""
    rule = "paired t tests, Holm over a series' comparisons with its first and its last checkpoint"
    return f"{rule} (at most {count}), {100 * alpha:g}%"


def series_table(summary: "Summary") -> Table:
    """All checkpoints of all series, the best in bold."""
    rows = [_cells(line, row) for line in summary.series for row in rows_of(line)]
    most = max(len(line.pairs.a) for line in summary.series)
    notes = [
        f"Mean ± standard deviation over seeds, below it the {100 * summary.options.confidence:g}% interval for"
        " problems like these; bold: the best of a series. − first, − last: points above those checkpoints, in bold"
        f" if distinguishable on problems like these ({family(most, summary.options.alpha)})."
    ]
    notes += [sentence for line in summary.series for sentence in sentences(line)]
    return Table("Checkpoints", "series", HEAD, rows, [("", note) for note in notes])


def _cells(line: Line, row: dict[str, Any]) -> list[Cell]:
    p_values = [format_p(_number(row[f"p_holm_against_{end}"])) or "–" for end in ENDS]
    return [
        Cell(title(line)), Cell(str(row["step"])), Cell(str(row["n_seeds"])),
        Cell(spread(row["mean_accuracy"], row["std_accuracy"]), interval(row), row["best"]),
        Cell(tokens(row["mean_output_tokens"])), Cell(percent(row["truncated_rate"])),
        *(Cell(_gap(row, end), bold=_is_distinguishable(row, end)) for end in ENDS),
        Cell(", ".join(p_values)),
    ]  # fmt: skip


def _gap(row: dict[str, Any], end: str) -> str:
    """The difference from the first or last checkpoint in points; empty for that checkpoint itself."""
    found = _number(row[f"difference_against_{end}"])
    return "" if found != found else f"{100 * found:+.1f}"


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def tokens(value: float) -> str:
    """Format a mean number of tokens.

    >>> tokens(1234.5), tokens(float("nan"))
    ('1,234', '')
    """
    return "" if value != value else f"{value:,.0f}"


def screen_rows(line: Line) -> list[list[str]]:
    """The rows for the screen: all, or if they are many the first, the best, the last, and some evenly spread ones."""
    found, last = rows_of(line), len(line.configs) - 1
    kept = {round(at * last / (MAX_ON_SCREEN - 2)) for at in range(MAX_ON_SCREEN - 1)} | {line.best}
    return [row_cells(found[at]) for at in (sorted(kept) if last >= MAX_ON_SCREEN else range(last + 1))]


def row_cells(row: dict[str, Any]) -> list[str]:
    """A checkpoint as cells: step, seeds, mean, ±, interval, tokens, truncated, difference from both ends, notes."""
    numbers = percent(row["mean_accuracy"]), percent(row["std_accuracy"]), interval(row)
    gaps = [_gap(row, end) + "*" * _is_distinguishable(row, end) for end in ENDS]
    truncated, notes = percent(row["truncated_rate"]), ["best"] * row["best"] + ["provisional"] * row["provisional"]
    return [str(row["step"]), str(row["n_seeds"]), *numbers, tokens(row["mean_output_tokens"]), truncated, *gaps,
            ", ".join(notes)]  # fmt: skip


def _is_distinguishable(row: dict[str, Any], end: str) -> bool:
    """Whether a checkpoint is distinguishable from the first or last on problems like these."""
    return row[f"verdict_new_problems_against_{end}"] in VERDICTS.values()
