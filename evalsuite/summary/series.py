"""Checkpoints of a training run by step: which is best, and whether it differs significantly from the first and last.

A line is one setting of a series on one task, as it is drawn in a chart.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evalsuite.statistics.optimism import best_of_many
from evalsuite.summary.config_results import ConfigResult, Options
from evalsuite.summary.configuration import generator
from evalsuite.summary.labels import BATCHING, differs_in, flatten, natural_order
from evalsuite.summary.pairs import A_BETTER, B_BETTER, Pairs, compare_pairs, metrics_of, stack

TRAINED = ("weights", "lora")  # the settings that training changes; all others are the same along a line
SPLITS = 2000  # random halves of the problems, for the optimism of the best checkpoint
_OTHER_END = {"ci_low": "ci_high", "ci_low_these_problems": "ci_high_these_problems"}
_REVERSED = {A_BETTER: B_BETTER, B_BETTER: A_BETTER}


@dataclass(frozen=True)
class Line:
    """One setting of a series on a task: its scored checkpoints by step, and their comparisons with first and last.

    `setting` distinguishes it from the series' other lines on the task; it is empty if there is only one. `pairs` holds
    every checkpoint against the last, and all but the last against the first: 2 S - 3 pairs of S checkpoints.
    `optimism` is that of the best checkpoint's mean, NaN with fewer than two checkpoints.
    """

    series: str
    task: str
    metric: str
    setting: str
    configs: list[ConfigResult]
    pairs: Pairs
    optimism: float

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The checkpoints' rows of config_analysis.csv."""
        return [config.rows[self.metric] for config in self.configs]

    @property
    def best(self) -> int:
        """The index of the highest mean; the first of several equal ones."""
        return int(np.argmax([row["mean_accuracy"] for row in self.rows]))

    def against(self, one: int, other: int) -> dict[str, Any] | None:
        """The comparison of two checkpoints given by index, as one minus other; None if they were not compared."""
        for at, (a, b) in enumerate(zip(self.pairs.a, self.pairs.b, strict=True)):
            if {int(a), int(b)} == {one, other}:
                found = {name: values[at] for name, values in self.pairs.values.items()}
                return found if a == one else _reversed(found)
        return None


def find_series(configs: list[ConfigResult], options: Options) -> list[Line]:
    """Find the checkpoint series among the configurations; returns a line per task and setting, sorted by name."""
    found = []
    for task in sorted({config.task for config in configs if config.series}, key=natural_order):
        metric = metrics_of([config for config in configs if config.task == task])[0]
        own = [config for config in configs if config.task == task and config.series and _scored(config, metric)]
        for series in sorted({config.series for config in own}, key=natural_order):
            found += _of_series(series, [config for config in own if config.series == series], metric, options)
    return sorted(found, key=lambda line: natural_order(line.series))


def _scored(config: ConfigResult, metric: str) -> bool:
    return metric in config.stats and config.stats[metric].scored > 0


def _of_series(series: str, configs: list[ConfigResult], metric: str, options: Options) -> list[Line]:
    """A line for each setting. A step that occurs twice in one setting, because it was overwritten, starts another."""
    groups: dict[tuple[str, int], list[ConfigResult]] = {}
    for config in sorted(configs, key=lambda config: (config.step, config.order)):
        key = repr(sorted(flatten(config.configuration, (*TRAINED, *BATCHING)).items(), key=lambda item: item[0]))
        again = sum(config.step == one.step for (other, _), group in groups.items() if other == key for one in group)
        groups.setdefault((key, again), []).append(config)
    shared = [{k: v for k, v in group[0].configuration.items() if k not in TRAINED} for group in groups.values()]
    words = differs_in(shared)
    named = [word if words.count(word) == 1 else ", ".join(filter(None, (word, group[0].config_id)))
             for word, group in zip(words, groups.values(), strict=True)]  # fmt: skip
    return [_line(series, metric, word, group, options) for word, group in zip(named, groups.values(), strict=True)]


def _line(series: str, metric: str, setting: str, configs: list[ConfigResult], options: Options) -> Line:
    last, task = len(configs) - 1, configs[0].task
    indices = [(at, last) for at in range(last)] + [(at, 0) for at in range(1, last)]
    pairs = compare_pairs(task, metric, configs, indices, options)
    means = stack([config.stats[metric] for config in configs])["x"]
    optimism = best_of_many(means, SPLITS, generator("optimism", series, task, metric))
    return Line(series, task, metric, setting, configs, pairs, optimism)


def _reversed(pair: dict[str, Any]) -> dict[str, Any]:
    """The same comparison with a and b exchanged."""
    ends = {low: -pair[high] for low, high in _OTHER_END.items()}
    ends |= {high: -pair[low] for low, high in _OTHER_END.items()}
    words = {name: _REVERSED.get(pair[name], pair[name]) for name in ("verdict_new_problems", "verdict_these_problems")}
    return pair | ends | words | {"difference": -pair["difference"]}
