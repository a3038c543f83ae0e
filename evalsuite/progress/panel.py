"""The panel that a terminal shows while a sweep runs, as lines of text for a given size. Nothing is written here."""

import io
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions, RenderableType
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from evalsuite.files import printable
from evalsuite.progress.status import Part, Status, duration, facts

NARROW = 60  # columns; a narrower terminal shows no bars
SPARE = 4  # lines that are kept free for messages above the panel
GAP = 2  # spaces between the columns of the table
SHOWN_STATES = ("generating", "grading", "failed")  # of experiments that have a row if there is little space


@dataclass(frozen=True)
class Row:
    """One row of the table: a name, a bar of which the fraction `share` is full, a count, and the last column."""

    label: str
    share: float
    count: str
    last: str
    style: str = ""


class Panel:
    """Draws a status. `color_system` is rich's name for the colours that the terminal supports."""

    def __init__(self, color_system: str | None = "auto") -> None:
        self.console = Console(file=io.StringIO(), force_terminal=True, color_system=color_system, width=80)

    def lines(self, status: Status, width: int, height: int) -> list[str]:
        """The panel as at most `height` lines of fewer than `width` columns, with colours as escape codes."""
        width = max(10, width - 1)  # some terminals wrap a line that fills the last column
        self.console.size = ConsoleDimensions(width, height)
        shown: list[RenderableType] = [_title(status), *_flow(facts(status), width)][:height]
        room = height - len(shown) - 2 - (SPARE if height > 16 else 0)
        if room > 0:
            rows, rest = _rows(status, room)
            shown += [_table(rows, _metric(status), width), *([Text(rest, "dim")] if rest else [])]
        with self.console.capture() as captured:
            for part in shown:
                self.console.print(part, no_wrap=True, overflow="ellipsis")
        return captured.get().splitlines()


def _title(status: Status) -> Rule:
    seconds = duration(time.monotonic() - status.began)
    title = Text.assemble((printable(status.model, 60), "bold"), f"  {status.phase}, {seconds}")
    return Rule(title, align="left", style="dim")


def _flow(texts: Iterable[str], width: int) -> list[Text]:
    """Facts one after the other, in as many lines as they need. Restarts are yellow and failures red."""
    lines: list[Text] = []
    for fact in texts:
        style = "red" if fact.endswith(" failed") else "yellow" if "restart" in fact else ""
        if lines and lines[-1].cell_len + 3 + cell_len(fact) <= width:
            lines[-1].append("   ").append(fact, style)
        else:
            lines.append(Text(fact, style))
    return lines


def _table(rows: list[Row], metric: str, width: int) -> Table:
    """The table. If there is little space, the names of experiments are cut, but never a number."""
    wide = width >= NARROW
    names = [printable(row.label, 120) for row in rows]
    heads = ("completions", f"{metric} %") if wide else ("done", "%")
    columns = dict(zip(heads, ([row.count for row in rows], [row.last for row in rows]), strict=True))
    sizes = [max(map(cell_len, (head, *cells))) for head, cells in columns.items()]
    bar = min(30, width // 5) if wide else 0
    left = width - sum(sizes) - bar - GAP * (3 if wide else 2)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("experiment", no_wrap=True, width=max(4, min(left, max(map(cell_len, ("experiment", *names))))))
    if wide:
        table.add_column("", width=bar)
    for head, size in zip(columns, sizes, strict=True):
        table.add_column(head, justify="right", no_wrap=True, width=size)
    for row, name in zip(rows, names, strict=True):
        bars = [ProgressBar(1.0, row.share)] if wide else []
        table.add_row(Text(name), *bars, row.count, Text(row.last, row.style))
    return table


def _metric(status: Status) -> str:
    """The name of the metric in the last column, which is each experiment's primary one."""
    names = {next(iter(part.scores)) for part in status.parts.values() if part.scores}
    return printable(names.pop(), 20) if len(names) == 1 else "accuracy"


def _rows(status: Status, room: int) -> tuple[list[Row], str]:
    """The rows of the table, and a line about what has no row.

    If `room` lines suffice, every experiment has a row. Otherwise there is a row per group of finished experiments and
    a row per running one, and the rest is only counted.
    """
    states = status.states()
    if len(states) <= room:
        return [_row(status.parts[name], state) for name, state in states.items()], ""
    running = [_row(status.parts[name], state) for name, state in states.items() if state in SHOWN_STATES]
    groups = _group_rows(status)
    space = max(0, room - 1)
    shown = running[: max(space - len(groups), space // 2)]
    shown_groups = groups[: space - len(shown)]
    counts = {
        "more with finished seeds": len(groups) - len(shown_groups),
        "more running": len(running) - len(shown),
        "waiting": sum(state == "waiting" for state in states.values()),
        "elsewhere": sum(state == "elsewhere" for state in states.values()),
    }
    rest = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return [*shown_groups, *shown], rest and f"and {rest}"


def _row(part: Part, state: str) -> Row:
    style = {"failed": "red", "grading": "cyan", "waiting": "dim", "elsewhere": "dim"}.get(state, "")
    count = f"{part.answered}/{part.asked}" if part.asked else ""
    last = "" if state == "generating" else state
    if state == "finished":
        last = f"{100 * next(iter(part.scores.values())):.1f}" if part.scores else "finished"
    return Row(part.label, state == "finished" or part.answered / max(1, part.asked), count, last, style)


def _group_rows(status: Status) -> list[Row]:
    """One row per group that has finished seeds: their number, and the mean ± standard deviation of their scores."""
    members: dict[str, list[Part]] = {}
    for part in status.parts.values():
        members.setdefault(part.group, []).append(part)
    rows = []
    for group, parts in members.items():
        done = sum(part.before or part.scores is not None for part in parts)
        scores = [100 * next(iter(part.scores.values())) for part in parts if part.scores]
        shown = f"{statistics.fmean(scores):.1f}" if scores else ""
        if len(scores) > 1:
            shown += f" ± {statistics.stdev(scores):.1f}"
        if done:
            rows.append(Row(group, done / len(parts), f"{done}/{len(parts)} seeds", shown))
    return rows
