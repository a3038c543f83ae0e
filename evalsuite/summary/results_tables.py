"""Builds the tables of results, of comparisons and of averages over tasks."""

from typing import Any

from evalsuite.summary.config_results import ConfigResult
from evalsuite.summary.config_warnings import LIMIT
from evalsuite.summary.labels import conditions, coverage, natural_order
from evalsuite.summary.references import Reference
from evalsuite.summary.summarise import Summary
from evalsuite.summary.tables import Cell, Footnotes, Table, interval, percent, span, spread
from evalsuite.summary.verdicts import LEADING, compare_with_best, format_p

MAX_ROWS = 200  # of the comparison table; model_comparison.csv has all
HEAD = ["task", "a", "b", "a − b", "p (Holm)", "on problems like these", "on these very problems", "detectable",
        "seeds that would settle it"]  # fmt: skip


def results_table(summary: Summary) -> Table:
    """Models by tasks: mean and standard deviation over seeds, the interval below; published numbers come last."""
    footnotes = Footnotes()
    tasks = summary.tasks
    standings = {task: compare_with_best(summary, task) for task in tasks}
    labels = sorted({config.label: config.order for config in summary.configs}.items(), key=lambda item: item[1])
    rows = []
    for label, _ in labels:
        own = {config.task: config for config in summary.configs if config.label == label}
        mark = footnotes.letter(_conditions(own))
        cells = [_result(summary, own.get(task), standings[task], footnotes) for task in tasks]
        rows.append([Cell(label, marks=mark), *cells])
    names = sorted({one.label for one in summary.references if one.task in tasks}, key=natural_order)
    rows += [_published(name, summary.references, tasks, footnotes) for name in names]
    head = ["model", *(f"{task} ({_problems(summary, task)})" for task in tasks)]
    bold = summary.baseline is None and any(standings.values())
    return Table("Results", "results", head, rows, [("", line) for line in _notes(summary, bold)] + footnotes.notes)


def _notes(summary: Summary, bold: bool) -> list[str]:
    metrics = ", ".join(dict.fromkeys(summary.primary(task) for task in summary.tasks))
    level = f"{100 * summary.options.confidence:g}%"
    lines = [f"{metrics}, in percent: mean ± standard deviation over seeds (the noise of re-running); below it the"
             f" {level} interval for problems like these. In parentheses: the number of problems."]  # fmt: skip
    if bold:
        lines.append("Bold: the best mean of a task, and all not distinguishable from it (paired t test, Holm).")
    return lines


def _result(summary: Summary, config: ConfigResult | None, standings: dict, footnotes: Footnotes) -> Cell:
    if config is None:
        return Cell("")
    row, primary = summary.row(config), summary.primary(config.task)
    warned = [f"Scored by {row['metric']}."] if row["metric"] != primary else []
    warned += [f"More than {100 * LIMIT:g}% are truncated."] if row["truncated_rate"] > LIMIT else []
    warned += [f"More than {100 * LIMIT:g}% have no answer."] if row["no_answer_rate"] > LIMIT else []
    warned += ["Provisional: seeds are still running or were left out."] if config.provisional else []
    marks = ",".join(footnotes.letter(text) for text in warned)
    leads = summary.baseline is None and standings.get(config.key) in LEADING
    return Cell(spread(row["mean_accuracy"], row["std_accuracy"]), interval(row), leads, marks)


def _conditions(own: dict[str, ConfigResult]) -> str:
    """The conditions of a model's row: its settings, by task if they differ, and the number of seeds."""
    settings: dict[str, list[str]] = {}
    seeds: dict[str, list[str]] = {}
    for task, config in own.items():
        settings.setdefault(conditions(config.configuration, config.circumstances), []).append(task)
        count = len(config.seeds)
        seeds.setdefault(f"{count} seed{'s' * (count != 1)}", []).append(task)
    return "; ".join(part for part in (_by_task(settings), _by_task(seeds)) if part) + "."


def _by_task(found: dict[str, list[str]]) -> str:
    """One text if it applies to all tasks, otherwise each text with its tasks."""
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{', '.join(tasks)}: {text}" for text, tasks in found.items() if text)


def _published(name: str, references: list[Reference], tasks: list[str], footnotes: Footnotes) -> list[Cell]:
    cells = [Cell(name)]
    for task in tasks:
        found = next((one for one in references if (one.label, one.task) == (name, task)), None)
        text = "" if found is None else spread(found.mean, found.standard_deviation)
        cells.append(Cell(text, marks="" if found is None else footnotes.letter(_source(found))))
    return cells


def _source(reference: Reference) -> str:
    seeds = f"{reference.seeds} seeds" if reference.seeds else ""
    parts = "; ".join(part for part in (reference.source, reference.settings, seeds) if part)
    return f"Published, not paired with ours and not tested{': ' * bool(parts)}{parts}."


def _problems(summary: Summary, task: str) -> str:
    return coverage(summary.row(config) for config in summary.peers(task))


def comparison_table(summary: Summary, rows: list[dict[str, Any]]) -> Table:
    """Pairs on the primary metrics: difference, corrected p values, both verdicts, the seeds that would be needed."""
    family = "comparisons with the baseline of a task" if summary.baseline else "pairs of a task"
    level = f"{100 * summary.options.alpha:g}%"
    notes = [
        f"a − b: difference of means on shared problems, in points, and its {100 * summary.options.confidence:g}%"
        f" interval. On problems like these: paired t test; on these very problems: only sampling varies. Verdicts at"
        f" {level}, corrected by Holm over all {family}.",
        f"Detectable: the smallest true difference found with 80% power at {level}, before correction.",
    ]
    if len(rows) > MAX_ROWS:
        notes.append(f"The first {MAX_ROWS} of {len(rows)}; all are in model_comparison.csv.")
    return Table("Comparisons", "comparisons", HEAD, [_cells(row) for row in rows[:MAX_ROWS]], [("", n) for n in notes])


def overall_table(summary: Summary) -> Table:
    """Macro averages (every task has the same weight) and their bootstrap intervals."""
    rows = []
    for row in summary.macro:
        mean = Cell(percent(row["macro_accuracy"]), marks="a" * row["provisional"])
        ends = Cell(span(row["bootstrap_low"], row["bootstrap_high"]))
        rows.append([Cell(row["label"]), Cell(str(row["n_tasks"])), mean, ends])
    level = f"{100 * summary.options.confidence:g}%"
    notes = [("", f"In percent. {level}: bootstrap of problems, then of seeds within a problem, stratified by task.")]
    if any(row["provisional"] for row in summary.macro):
        notes.append(("a", "Provisional: seeds are still running or were left out."))
    return Table("All tasks, each with the same weight", "overall", ["model", "tasks", "mean", level], rows, notes)


def _cells(row: dict[str, Any]) -> list[Cell]:
    return [
        Cell(row["task"]),
        Cell(row["a"]),
        Cell(row["b"]),
        Cell(percent(row["difference"]), span(row["ci_low"], row["ci_high"])),
        Cell(format_p(row["p_holm"])),
        Cell(row["verdict_new_problems"]),
        Cell(row["verdict_these_problems"]),
        Cell(percent(row["minimum_detectable_effect"])),
        Cell(row["seeds_to_settle"]),
    ]
