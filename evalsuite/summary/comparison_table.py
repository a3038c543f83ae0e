"""The tables of comparisons and of averages over tasks as values."""

from typing import Any

from evalsuite.summary.cells import Cell, Table, percent, span
from evalsuite.summary.gather import Summary
from evalsuite.summary.standings import probability

MAX_ROWS = 200  # all of them are in model_comparison.csv
HEAD = ["task", "a", "b", "a − b", "p (Holm)", "on problems like these", "on these very problems", "detectable",
        "seeds that would settle it"]  # fmt: skip


def comparison_table(summary: Summary, rows: list[dict[str, Any]]) -> Table:
    """Pairs by the primary metrics: difference, corrected p values, both verdicts, what would settle it."""
    family = "comparisons with the baseline of a task" if summary.baseline else "pairs of a task"
    level = f"{100 * summary.options.alpha:g} %"
    notes = [
        f"a − b: difference of means on shared problems, in points, and its {100 * summary.options.confidence:g} %"
        f" interval. On problems like these: paired t test; on these very problems: only sampling varies. Verdicts at"
        f" {level}, corrected by Holm over all {family}.",
        f"Detectable: the smallest true difference found with 80 % power at {level}, before correction.",
    ]
    if len(rows) > MAX_ROWS:
        notes.append(f"The first {MAX_ROWS} of {len(rows)}; all are in model_comparison.csv.")
    return Table("Comparisons", "comparisons", HEAD, [_cells(row) for row in rows[:MAX_ROWS]], [("", n) for n in notes])


def overall_table(summary: Summary) -> Table:
    """Macro averages, each task with the same weight, and their bootstrap intervals."""
    rows = []
    for row in summary.macro:
        mean = Cell(percent(row["macro_accuracy"]), marks="a" * row["provisional"])
        ends = Cell(span(row["bootstrap_low"], row["bootstrap_high"]))
        rows.append([Cell(row["label"]), Cell(str(row["n_tasks"])), mean, ends])
    level = f"{100 * summary.options.confidence:g} %"
    notes = [("", f"In percent. {level}: bootstrap of problems, then of seeds within a problem, stratified by task.")]
    if any(row["provisional"] for row in summary.macro):
        notes.append(("a", "Provisional: seeds are under way or were left out."))
    return Table("All tasks, each with the same weight", "overall", ["model", "tasks", "mean", level], rows, notes)


def _cells(row: dict[str, Any]) -> list[Cell]:
    return [
        Cell(row["task"]),
        Cell(row["a"]),
        Cell(row["b"]),
        Cell(percent(row["difference"]), span(row["ci_low"], row["ci_high"])),
        Cell(probability(row["p_holm"])),
        Cell(row["verdict_new_problems"]),
        Cell(row["verdict_these_problems"]),
        Cell(percent(row["minimum_detectable_effect"])),
        Cell(row["seeds_to_settle"]),
    ]
