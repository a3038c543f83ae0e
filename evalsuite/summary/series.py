"""Checkpoints of a training run by step: which is best, and whether it can be told from the first and the last."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evalsuite.statistics.optimism import best_of_many
from evalsuite.summary.configuration import generator
from evalsuite.summary.entries import Entry, Options
from evalsuite.summary.labels import BATCHING, differs_in, flat, natural
from evalsuite.summary.pairs import Pairs, compare_pairs, metrics_of, stack

TRAINED = ("weights", "lora")  # what training changes; all else is the same along a line
SPLITS = 2000


@dataclass(frozen=True)
class Line:
    """One setting of a series on a task: its scored checkpoints by step, and their comparisons with the ends.

    `pairs` holds every checkpoint against the last, and all but the last against the first: 2 S - 3 pairs of S.
    """

    series: str
    task: str
    metric: str
    setting: str  # what sets it apart from the series' other lines on the task; empty where there is one
    entries: list[Entry]
    pairs: Pairs
    optimism: float  # of the best one's mean, NaN below two checkpoints

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The checkpoints' rows of config_analysis.csv."""
        return [entry.rows[self.metric] for entry in self.entries]

    @property
    def best(self) -> int:
        """The place of the highest mean, the first of equals."""
        return int(np.argmax([row["mean_accuracy"] for row in self.rows]))

    def against(self, one: int, other: int) -> dict[str, Any] | None:
        """What the pair of two places says, as one minus other; None where it was not compared."""
        for at, (a, b) in enumerate(zip(self.pairs.a, self.pairs.b, strict=True)):
            if {int(a), int(b)} == {one, other}:
                found = {name: values[at] for name, values in self.pairs.values.items()}
                return found if a == one else _turned(found)
        return None


def lines(entries: list[Entry], options: Options) -> list[Line]:
    """Every series of the entries, a line a task and setting, by name."""
    found = []
    for task in sorted({entry.task for entry in entries if entry.series}, key=natural):
        metric = metrics_of([entry for entry in entries if entry.task == task])[0]
        own = [entry for entry in entries if entry.task == task and entry.series and _scored(entry, metric)]
        for series in sorted({entry.series for entry in own}, key=natural):
            found += _of_series(series, [entry for entry in own if entry.series == series], metric, options)
    return sorted(found, key=lambda line: natural(line.series))


def _scored(entry: Entry, metric: str) -> bool:
    return metric in entry.columns and entry.columns[metric].scored > 0


def _of_series(series: str, entries: list[Entry], metric: str, options: Options) -> list[Line]:
    """A line for each setting; a checkpoint twice in one setting, written over in its place, begins another line."""
    groups: dict[tuple[str, int], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.step, entry.order)):
        key = repr(sorted(flat(entry.configuration, (*TRAINED, *BATCHING)).items(), key=lambda item: item[0]))
        again = sum(entry.step == one.step for (other, _), group in groups.items() if other == key for one in group)
        groups.setdefault((key, again), []).append(entry)
    shared = [{k: v for k, v in group[0].configuration.items() if k not in TRAINED} for group in groups.values()]
    words = differs_in(shared)
    named = [word if words.count(word) == 1 else ", ".join(filter(None, (word, group[0].config_id)))
             for word, group in zip(words, groups.values(), strict=True)]  # fmt: skip
    return [_line(series, metric, word, group, options) for word, group in zip(named, groups.values(), strict=True)]


def _line(series: str, metric: str, setting: str, entries: list[Entry], options: Options) -> Line:
    last, task = len(entries) - 1, entries[0].task
    indices = [(at, last) for at in range(last)] + [(at, 0) for at in range(1, last)]
    pairs = compare_pairs(task, metric, entries, indices, options)
    means = stack([entry.columns[metric] for entry in entries])["x"]
    optimism = best_of_many(means, SPLITS, generator("optimism", series, task, metric))
    return Line(series, task, metric, setting, entries, pairs, optimism)


_TURNED = {"ci_low": "ci_high", "ci_low_these_problems": "ci_high_these_problems"}
_VERDICTS = {"a better": "b better", "b better": "a better"}


def _turned(pair: dict[str, Any]) -> dict[str, Any]:
    """A pair the other way round."""
    ends = {low: -pair[high] for low, high in _TURNED.items()} | {high: -pair[low] for low, high in _TURNED.items()}
    words = {name: _VERDICTS.get(pair[name], pair[name]) for name in ("verdict_new_problems", "verdict_these_problems")}
    return pair | ends | words | {"difference": -pair["difference"]}
