"""Prints the summary: a table of results, then significant and other differences, then warnings."""

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

from evalsuite.files import printable
from evalsuite.summary.config_results import ConfigResult
from evalsuite.summary.config_warnings import rate_warnings
from evalsuite.summary.labels import coverage
from evalsuite.summary.series import Line
from evalsuite.summary.series_tables import family, screen_rows, sentences, title
from evalsuite.summary.summarise import Summary
from evalsuite.summary.tables import interval, percent, span
from evalsuite.summary.verdicts import TIED, compare_with_best, findings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MAX_FULL_ROWS = 60  # above this, the table has one row per model and shows means only
MAX_ITEMS = 8  # of a list of comparisons or warnings
MAX_SERIES_TABLES = 3  # above this, only the sentences about each series are printed
MIN_WIDTH, MAX_WIDTH = 80, 110
NAMES, NUMBERS = 14, 54  # minimum width of names, and width that the numbers need, in columns
_NO_BREAK = "\u2060"  # stands for a space at which a line must not be broken
_LEGEND = (
    "±: standard deviation over seeds, the noise of re-running. {level}: interval for problems like these, the noise of"
    " the choice of problems. In parentheses: the number of problems."
)
_SHORT_LEGEND = (
    "! marks truncation or no answer above 5%. Both error bars are in tables/results.md, averages over tasks in"
    " tables/overall.md."
)


def show(summary: Summary, stream: TextIO) -> None:
    """Print the summary, with colours on a terminal and as plain text otherwise."""
    console = make_console(stream)
    level = f"{100 * summary.options.confidence:g}%"
    is_full = len(summary.configs) <= MAX_FULL_ROWS
    tables = [_results(summary, level, console.width - NUMBERS)] if is_full else _matrices(summary, console.width)
    for table in tables:
        console.print(table)
        console.print()
    metrics = ", ".join(dict.fromkeys(summary.primary(task) for task in summary.tasks))
    say(console, f"{metrics} in percent. {_legend(summary, level) if is_full else _SHORT_LEGEND}")
    if summary.macro and is_full:
        console.print()
        console.print(_macro(summary, level))
    _series(console, summary, level)
    _comparisons(console, summary)
    _list(console, "Warnings", _warnings(summary), "red", "comparison_results.json")


def make_console(stream: TextIO) -> "Console":
    """A console that prints text without markup or highlighting; 80 to 110 columns wide, 80 if not a terminal."""
    from rich.console import Console

    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    console.width = min(max(console.width, MIN_WIDTH), MAX_WIDTH) if console.is_terminal else MIN_WIDTH
    return console


def say(console: "Console", text: str, style: str = "", item: bool = False) -> None:
    """Print a paragraph, wrapped at the console's width; an item of a list starts with a dash."""
    from rich.text import Text

    first, rest = ("  - ", "    ") if item else ("", "")
    whole = re.sub(r"(?<=[p<]) (?=[<\d])", _NO_BREAK, printable(text, 2000))  # keep "p < 0.01" on one line
    lines = wrap(whole, console.width, initial_indent=first, subsequent_indent=rest)
    console.print(Text("\n".join(lines).replace(_NO_BREAK, " "), style=style))


def _legend(summary: Summary, level: str) -> str:
    legend = _LEGEND.format(level=level)
    if any(TIED in compare_with_best(summary, task).values() for task in summary.tasks):
        other = "baseline" if summary.baseline else "best"
        legend += f" {TIED.capitalize()}: not significantly different from the {other}."
    return legend


def _table(columns: Iterable[tuple[str, str]]) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name == "model" or justify == "right")
    return table


def _results(summary: Summary, level: str, room: int) -> "Table":
    """A section per task with a row per configuration; published numbers come last."""
    standings = {task: compare_with_best(summary, task) for task in summary.tasks}
    against = (["vs base"] if summary.baseline else ["vs best"]) if any(standings.values()) else []
    columns = [("model", "left"), ("seeds", "right"), ("mean", "right"), ("±", "right"), (level, "right")]
    table = _table([*columns, *((name, "left") for name in against), ("notes", "left")])
    blank = [""] * len(against)
    for task in summary.tasks:
        table.add_row(_name(_section(summary, task), room, 0), style="bold")
        for config in summary.peers(task):
            row, standing = summary.row(config), [standings[task].get(config.key, "")] if against else []
            numbers = percent(row["mean_accuracy"]), percent(row["std_accuracy"]), interval(row)
            remarks = ", ".join(_remarks(summary, config))
            table.add_row(_name(config.label, room), str(row["n_seeds"]), *numbers, *standing, remarks)
        for one in (one for one in summary.references if one.task == task):
            numbers = percent(one.mean), percent(one.standard_deviation), ""
            table.add_row(_name(one.label, room), str(one.seeds or ""), *numbers, *blank, "unpaired")
        table.add_section()
    return table


def _name(label: str, room: int, indent: int = 2) -> str:
    """Wrap a long name so that the numbers have room, with breaks after - / _ or a space."""
    lines = [" " * indent]
    for part in re.findall(rf"[^-/_ ]{{1,{max(room - 5, 1)}}}[-/_ ]?|[-/_ ]", printable(label, 1000)):
        if len(lines[-1]) + len(part) > room:
            lines.append(" " * (indent + 2))
        lines[-1] += part
    return "\n".join(lines)


def _section(summary: Summary, task: str) -> str:
    """A task, its number of problems, and its metric if the tasks have different ones."""
    counted = coverage(summary.row(config) for config in summary.peers(task))
    mixed = len({summary.primary(task) for task in summary.tasks}) > 1
    return f"{task} ({counted}{f', {summary.primary(task)}' * mixed})"


def _remarks(summary: Summary, config: ConfigResult) -> list[str]:
    row = summary.row(config)
    metric = [row["metric"]] if row["metric"] != summary.primary(config.task) else []
    return [*metric, *rate_warnings(row), *(["provisional"] if config.provisional else [])]


def _matrices(summary: Summary, width: int) -> Iterator["Table"]:
    """Tables of means with a row per model and a column per task; as many tables as the width requires."""
    groups: list[list[str]] = [[]]
    for task in summary.tasks:
        if sum(max(len(one), 6) + 2 for one in [*groups[-1], task]) > width - NAMES and groups[-1]:
            groups.append([])
        groups[-1].append(task)
    for tasks in groups:
        yield _matrix(summary, tasks, width - sum(max(len(task), 6) + 2 for task in tasks))


def _matrix(summary: Summary, tasks: list[str], room: int) -> "Table":
    table = _table([("model", "left"), *((task, "right") for task in tasks)])
    labels: dict[str, dict[str, str]] = {}
    for config in sorted(summary.configs, key=lambda config: config.order):
        labels.setdefault(config.label, {})[config.task] = _mean(summary, config)
    for one in summary.references:
        labels.setdefault(one.label, {})[one.task] = percent(one.mean)
    for label, means in labels.items():
        table.add_row(_name(label, room, 0), *(means.get(task, "") for task in tasks))
    return table


def _mean(summary: Summary, config: ConfigResult) -> str:
    row = summary.row(config)
    return percent(row["mean_accuracy"]) + ("!" if rate_warnings(row) else "")


def _macro(summary: Summary, level: str) -> "Table":
    columns = [
        ("all tasks, each with the same weight", "left"),
        ("tasks", "right"),
        ("mean", "right"),
        (level, "right"),
    ]
    table = _table(columns)
    for row in summary.macro:
        ends = span(row["bootstrap_low"], row["bootstrap_high"])
        table.add_row(_name(row["label"], 40), str(row["n_tasks"]), percent(row["macro_accuracy"]), ends)
    return table


def _series(console: "Console", summary: Summary, level: str) -> None:
    """For each checkpoint series a table by step (if they are few), and what can be said about the best checkpoint."""
    for line in summary.series:
        console.print()
        if len(summary.series) <= MAX_SERIES_TABLES:
            say(console, title(line), "bold")
            console.print(_checkpoints(line, level))
        for sentence in sentences(line):
            say(console, sentence)
    if summary.series:
        most = max(len(line.pairs.a) for line in summary.series)
        say(console, f"Series: * is distinguishable ({family(most, summary.options.alpha)}). All: series_analysis.csv.")


def _checkpoints(line: Line, level: str) -> "Table":
    numbers = ("seeds", "mean", "±", level, "tokens", "trunc. %", "− first", "− last")
    found = _table([("step", "right"), *((name, "right") for name in numbers), ("notes", "left")])
    for cells in screen_rows(line):
        found.add_row(*map(printable, cells))
    return found


def _comparisons(console: "Console", summary: Summary) -> None:
    rows = summary.primary_rows
    if not rows:
        return
    found, most = findings(rows), max(row["comparisons"] for row in rows)
    level = f"{100 * summary.options.alpha:g}%"
    family = "comparisons with the baseline" if summary.baseline else "pairs"
    rule = f"paired t test, Holm over a task's {most} {family}, {level}" if most > 1 else f"paired t test, {level}"
    only_here = "Significant on this benchmark, but not expected to generalise to new problems"
    _list(console, f"Significant, also for new problems of this kind ({rule})", found.new, "green")
    _list(console, only_here, found.these, "cyan")
    _list(console, "Not significantly different (p values are corrected, intervals are not)", found.open, "yellow")
    if found.unknown:
        pairs = "1 pair" if found.unknown == 1 else f"{found.unknown} pairs"
        say(console, f"{pairs} cannot be tested: fewer than two problems are shared.")


def _list(console: "Console", title: str, lines: list[str], style: str, where: str = "model_comparison.csv") -> None:
    if not lines:
        return
    console.print()
    say(console, title if len(lines) <= MAX_ITEMS else f"{title}: {len(lines)}", f"bold {style}")
    for line in lines[:MAX_ITEMS]:
        say(console, line, item=True)
    if len(lines) > MAX_ITEMS:
        say(console, f"and {len(lines) - MAX_ITEMS} more in {where}", item=True)


def _warnings(summary: Summary) -> list[str]:
    """The warnings, each listed once with the tasks and models that it applies to."""
    tasks: dict[tuple[str, str], list[str]] = {}
    for config in summary.configs:
        for line in config.warnings:
            tasks.setdefault((config.label, line), []).append(config.task)
    labels: dict[tuple[str, str], list[str]] = {}
    for (label, line), where in tasks.items():
        labels.setdefault((", ".join(where), line), []).append(label)
    lines = [f"{line}: {_abbreviated(who)} on {where}" for (where, line), who in labels.items()]
    lines += [f"{line} on {task}" for task in summary.tasks for line in summary.task_warnings(task)]
    lines += [f"not compared on {pairs.task}: {a} and {b} share no problem" for pairs in summary.compared
              for a, b in pairs.disjoint if pairs.metric == summary.primary(pairs.task)]  # fmt: skip
    return lines + [f"unfinished: {name}" for name in summary.unfinished]


def _abbreviated(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
