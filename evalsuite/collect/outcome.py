"""What the first pass returns to its caller, and what it prints: a row per model, and what was skipped and why."""

import os
import shutil
import sys
import time
import unicodedata
from dataclasses import dataclass, field
from typing import TextIO

from evalsuite.collect.cache import RESULTS
from evalsuite.collect.document import Document, Unfinished
from evalsuite.collect.source import BadPath
from evalsuite.files import printable

MAX_ROWS = 200  # models in the table
MAX_LINES = 50  # bad files, and paths
MAX_PER_MODEL = 3  # warnings of one model
HEADER = ("experiments", "tasks", "seeds", "skipped", "unfinished", "warnings")


@dataclass(frozen=True)
class Options:
    """How a tree is read; `analyze_results.py --help` explains each option."""

    pattern: str = "*"
    tokenizer: str | None = None
    jobs: int = 0
    results_dir: str | None = None
    provisional: bool = False
    fresh: bool = False


@dataclass(frozen=True)
class ModelReport:
    """The results for one model. `path` is its all_experiments_results.json, `error` why that was not written."""

    model: str
    path: str
    experiments: int
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    skipped: tuple[BadPath, ...]
    unfinished: tuple[Unfinished, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    disagreements: int  # completions on which the two graders disagree
    written: bool
    error: str | None = None


@dataclass
class TreeReport:
    """What the first pass did: a report per model, all bad files, and the number of experiments that were read."""

    models: list[ModelReport] = field(default_factory=list)
    bad: list[BadPath] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: int = 0

    @property
    def failed(self) -> bool:
        return bool(self.bad) or any(model.error for model in self.models)


def report_on(document: Document, written: bool, error: str | None) -> ModelReport:
    """Report on a document that has been prepared and, unless there is an error, written."""
    metadata = [item.metadata for _, _, item in document.kept]
    return ModelReport(
        model=document.model,
        path=os.path.join(document.folder, RESULTS),
        experiments=len(metadata),
        tasks=tuple(sorted({one.task for one in metadata})),
        seeds=tuple(sorted({one.seed for one in metadata if one.seed is not None})),
        skipped=tuple(document.bad),
        unfinished=tuple(document.unfinished),
        warnings=tuple(document.findings["warnings"]),
        notes=tuple(document.findings["notes"]),
        disagreements=sum(one.disagreements for one in metadata),
        written=written,
        error=error,
    )


def one_line(text: str, limit: int = 300) -> str:
    """Make text safe for a terminal, on one line.

    >>> one_line("a\\nb")
    'a\\\\nb'
    """
    return printable(text.replace("\n", "\\n"), limit)


class Progress:
    """Shows progress on stderr: one changing line on a terminal, otherwise a line every ten seconds."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream, self.start, self.last = stream or sys.stderr, time.monotonic(), time.monotonic()
        self.is_terminal = self.stream.isatty()

    def __call__(self, done: int, total: int, bad: int) -> None:
        now = time.monotonic()
        if now - self.last < (0.2 if self.is_terminal else 10.0) and not (self.is_terminal and done == total):
            return
        self.last = now
        left = (now - self.start) / done * (total - done)
        skipped = f", {bad} skipped" if bad else ""
        line = f"read {done} of {total} experiments{skipped}, {left:.0f} s left"
        end = "" if self.is_terminal and done < total else "\n"
        print(f"\r\x1b[K{line}" if self.is_terminal else line, end=end, file=self.stream, flush=True)


def show(report: TreeReport, root: str) -> list[str]:
    """The lines to print; the table is at most as wide as the screen."""
    lines = table(report.models)
    for model in report.models:
        lines += _remarks(model)
    lines += _skipped(report, root)
    lines += [f"note: {one_line(note)}" for note in report.notes[:MAX_LINES]]
    lines += [f"error: {one_line(model.error)}" for model in report.models if model.error]
    return lines + _paths(report)


def table(models: list[ModelReport]) -> list[str]:
    """A table with a row per model; names are shortened to fit the screen."""
    if not models:
        return []
    room = max(12, shutil.get_terminal_size((80, 24)).columns - sum(len(head) + 2 for head in HEADER))
    rows = [(model.model, _numbers(model)) for model in models[:MAX_ROWS]]
    width = min(room, max(len("model"), *(_columns(one_line(name)) for name, _ in rows)))
    lines = [_row("model", HEADER, width), *(_row(name, numbers, width) for name, numbers in rows)]
    return lines + ([f"and {len(models) - MAX_ROWS} more models"] if len(models) > MAX_ROWS else [])


def _numbers(model: ModelReport) -> tuple[str, ...]:
    counts = (
        model.experiments,
        len(model.tasks),
        len(model.seeds),
        len(model.skipped),
        len(model.unfinished),
        len(model.warnings),
    )
    return tuple(str(count) for count in counts)


def _row(name: str, values: tuple[str, ...], width: int) -> str:
    cells = [value.rjust(len(head)) for head, value in zip(HEADER, values, strict=True)]
    return "  ".join([_fit(one_line(name), width), *cells])


def _fit(name: str, width: int) -> str:
    """Pad a name to a number of screen columns, or shorten it, keeping its end."""
    cut = name
    while _columns(cut) > width:
        cut = "…" + cut[2:] if cut.startswith("…") else "…" + cut[1:]
    return cut + " " * (width - _columns(cut))


def _columns(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _remarks(model: ModelReport) -> list[str]:
    name = one_line(model.model, 60)
    lines = [f"unfinished: {name}: {one_line(os.path.basename(one.folder))} ({one.completions} completions so far)"
             for one in model.unfinished[:MAX_PER_MODEL]]  # fmt: skip
    lines += [f"warning: {name}: {one_line(line)}" for line in model.warnings[:MAX_PER_MODEL]]
    lines += [f"note: {name}: {one_line(line)}" for line in model.notes[:MAX_PER_MODEL]]
    more = sum(max(0, len(listed) - MAX_PER_MODEL) for listed in (model.unfinished, model.warnings, model.notes))
    return lines + ([f"  and {more} more, listed in {RESULTS}"] if more else [])


def _skipped(report: TreeReport, root: str) -> list[str]:
    lines = [
        f"skipped: {one_line(os.path.relpath(bad.path, root))}: {one_line(bad.reason)}"
        for bad in report.bad[:MAX_LINES]
    ]
    more = len(report.bad) - MAX_LINES
    return lines + ([f'  and {more} more, under "skipped" in the files below'] if more > 0 else [])


def _paths(report: TreeReport) -> list[str]:
    """The files that were written, and those that did not change; only their number if there are many."""
    good = [model for model in report.models if not model.error]
    written, unchanged = ([model.path for model in good if model.written is is_new] for is_new in (True, False))
    lines = [f"unchanged: {len(unchanged)} files"] if len(unchanged) > MAX_PER_MODEL else []
    lines += [f"unchanged {one_line(path)}" for path in unchanged] if len(unchanged) <= MAX_PER_MODEL else []
    lines += [f"wrote {one_line(path)}" for path in written[:MAX_LINES]]
    return lines + ([f"and {len(written) - MAX_LINES} more files"] if len(written) > MAX_LINES else [])
