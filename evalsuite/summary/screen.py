"""The summary on the screen: one table, then the comparisons that hold and those that do not, then warnings."""

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

from evalsuite.files import printable
from evalsuite.summary.cautions import rates
from evalsuite.summary.entries import Entry
from evalsuite.summary.gather import Summary
from evalsuite.summary.labels import coverage
from evalsuite.summary.series import Line
from evalsuite.summary.series_tables import family, glance, sentences, title
from evalsuite.summary.standings import findings, standings
from evalsuite.summary.tables import interval, percent, span

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

AT_A_GLANCE = 60  # rows; beyond that one row a model, means only
LINES = 8  # of a list of comparisons or warnings
LINES_OF_SERIES = 3  # with a table each; of more the sentences
MIN_WIDTH, MAX_WIDTH = 80, 110
NAMES, NUMBERS = 14, 54  # columns that names get at least, and that the numbers need
_GLUE = "\u2060"  # a character that text does not hold
_LEGEND = (
    "±: standard deviation over seeds, the noise of re-running. {level}: interval for problems like these, the noise of"
    " the problems' choice. Beside a task its number of problems."
)
_SHORT_LEGEND = (
    "! marks truncation or no answer above 5 %. Both error bars are in tables/results.md, averages over tasks in"
    " tables/overall.md."
)


def show(summary: Summary, stream: TextIO) -> None:
    """Print all of it: colours only on a terminal, plain text in a pipe."""
    console = make_console(stream)
    level = f"{100 * summary.options.confidence:g} %"
    glance = len(summary.entries) <= AT_A_GLANCE
    tables = [_results(summary, level, console.width - NUMBERS)] if glance else _matrices(summary, console.width)
    for table in tables:
        console.print(table)
        console.print()
    metrics = ", ".join(dict.fromkeys(summary.primary(task) for task in summary.tasks))
    say(console, f"{metrics} in percent. {_LEGEND.format(level=level) if glance else _SHORT_LEGEND}")
    if summary.macro and glance:
        console.print()
        console.print(_macro(summary, level))
    _series(console, summary, level)
    _comparisons(console, summary)
    _list(console, "Warnings", _warnings(summary), "red", "comparison_results.json")


def make_console(stream: TextIO) -> "Console":
    """A console that takes text as it is, without markup or highlighting; 80 to 110 columns, 80 in a pipe."""
    from rich.console import Console

    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    console.width = min(max(console.width, MIN_WIDTH), MAX_WIDTH) if console.is_terminal else MIN_WIDTH
    return console


def say(console: "Console", text: str, style: str = "", item: bool = False) -> None:
    """Print a paragraph that wraps at the width; an item of a list hangs from a dash."""
    from rich.text import Text

    first, rest = ("  - ", "    ") if item else ("", "")
    whole = re.sub(r"(?<=[\dp<]) (?=[%<\d])", _GLUE, printable(text, 2000))  # no break within "5 %" and "p < 0.01"
    lines = wrap(whole, console.width, initial_indent=first, subsequent_indent=rest)
    console.print(Text("\n".join(lines).replace(_GLUE, " "), style=style))


def _table(columns: Iterable[tuple[str, str]]) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name == "model" or justify == "right")
    return table


def _results(summary: Summary, level: str, room: int) -> "Table":
    """A section a task, a row a configuration; published numbers last."""
    places = {task: standings(summary, task) for task in summary.tasks}
    against = (["vs base"] if summary.baseline else ["vs best"]) if any(places.values()) else []
    columns = [("model", "left"), ("seeds", "right"), ("mean", "right"), ("±", "right"), (level, "right")]
    table = _table([*columns, *((name, "left") for name in against), ("notes", "left")])
    blank = [""] * len(against)
    for task in summary.tasks:
        table.add_row(_name(_section(summary, task), room, 0), style="bold")
        for entry in summary.peers(task):
            row, place = summary.row(entry), [places[task].get(entry.key, "")] if against else []
            numbers = percent(row["mean_accuracy"]), percent(row["std_accuracy"]), interval(row)
            remarks = ", ".join(_remarks(summary, entry))
            table.add_row(_name(entry.label, room), str(row["n_seeds"]), *numbers, *place, remarks)
        for one in (one for one in summary.references if one.task == task):
            numbers = percent(one.mean), percent(one.standard_deviation), ""
            table.add_row(_name(one.label, room), str(one.seeds or ""), *numbers, *blank, "unpaired")
        table.add_section()
    return table


def _name(label: str, room: int, indent: int = 2) -> str:
    """A name that leaves room for the numbers: a long one goes on in the next line, broken after - / _ or a space."""
    lines = [" " * indent]
    for part in re.findall(rf"[^-/_ ]{{1,{max(room - 5, 1)}}}[-/_ ]?|[-/_ ]", printable(label, 1000)):
        if len(lines[-1]) + len(part) > room:
            lines.append(" " * (indent + 2))
        lines[-1] += part
    return "\n".join(lines)


def _section(summary: Summary, task: str) -> str:
    """A task, its number of problems, and its metric where not all show the same."""
    counted = coverage(summary.row(entry) for entry in summary.peers(task))
    mixed = len({summary.primary(task) for task in summary.tasks}) > 1
    return f"{task} ({counted}{f', {summary.primary(task)}' * mixed})"


def _remarks(summary: Summary, entry: Entry) -> list[str]:
    row = summary.row(entry)
    metric = [row["metric"]] if row["metric"] != summary.primary(entry.task) else []
    return [*metric, *rates(row, "cut", "no answer"), *(["provisional"] if entry.provisional else [])]


def _matrices(summary: Summary, width: int) -> Iterator["Table"]:
    """One row a model, one column a task: the means. Tasks that do not fit beside the others get a further table."""
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
    for entry in sorted(summary.entries, key=lambda entry: entry.order):
        labels.setdefault(entry.label, {})[entry.task] = _mean(summary, entry)
    for one in summary.references:
        labels.setdefault(one.label, {})[one.task] = percent(one.mean)
    for label, means in labels.items():
        table.add_row(_name(label, room, 0), *(means.get(task, "") for task in tasks))
    return table


def _mean(summary: Summary, entry: Entry) -> str:
    row = summary.row(entry)
    return percent(row["mean_accuracy"]) + ("!" if rates(row) else "")


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
    """Checkpoints by step, of up to three lines as a table, and for each line what holds of its best."""
    for line in summary.series:
        console.print()
        if len(summary.series) <= LINES_OF_SERIES:
            say(console, title(line), "bold")
            console.print(_checkpoints(line, level))
        for sentence in sentences(line):
            say(console, sentence)
    if summary.series:
        most = max(len(line.pairs.a) for line in summary.series)
        say(console, f"Series: * is distinguishable ({family(most, summary.options.alpha)}). All: series_analysis.csv.")


def _checkpoints(line: Line, level: str) -> "Table":
    numbers = ("seeds", "mean", "±", level, "tokens", "cut %", "− first", "− last")
    found = _table([("step", "right"), *((name, "right") for name in numbers), ("notes", "left")])
    for cells in glance(line):
        found.add_row(*map(printable, cells))
    return found


def _comparisons(console: "Console", summary: Summary) -> None:
    rows = summary.primary_rows
    if not rows:
        return
    found, most = findings(rows), max(row["comparisons"] for row in rows)
    level = f"{100 * summary.options.alpha:g} %"
    family = "comparisons with the baseline" if summary.baseline else "pairs"
    rule = f"paired t test, Holm over a task's {most} {family}, {level}" if most > 1 else f"paired t test, {level}"
    _list(console, f"Differences that hold on problems like these ({rule})", found.new, "green")
    _list(console, "Differences that hold on these very problems only (only sampling varies)", found.these, "cyan")
    _list(console, "Not distinguishable (p is corrected, the interval is of the pair alone)", found.open, "yellow")
    if found.unknown:
        say(console, f"{found.unknown} pairs cannot be tested: fewer than two problems are shared.")


def _list(console: "Console", title: str, lines: list[str], style: str, where: str = "model_comparison.csv") -> None:
    if not lines:
        return
    console.print()
    say(console, title if len(lines) <= LINES else f"{title}: {len(lines)}", f"bold {style}")
    for line in lines[:LINES]:
        say(console, line, item=True)
    if len(lines) > LINES:
        say(console, f"and {len(lines) - LINES} more in {where}", item=True)


def _warnings(summary: Summary) -> list[str]:
    """Cautions, each once with the tasks and models that it holds for."""
    tasks: dict[tuple[str, str], list[str]] = {}
    for entry in summary.entries:
        for line in entry.cautions:
            tasks.setdefault((entry.label, line), []).append(entry.task)
    labels: dict[tuple[str, str], list[str]] = {}
    for (label, line), where in tasks.items():
        labels.setdefault((", ".join(where), line), []).append(label)
    lines = [f"{line}: {_few(who)} on {where}" for (where, line), who in labels.items()]
    lines += [f"{line} on {task}" for task in summary.tasks for line in summary.cautions(task)]
    lines += [f"not compared on {pairs.task}, no shared problem: {a} and {b}" for pairs in summary.compared
              for a, b in pairs.apart if pairs.metric == summary.primary(pairs.task)]  # fmt: skip
    return lines + [f"unfinished: {name}" for name in summary.waiting]


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
