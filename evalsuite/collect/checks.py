"""Finds what would mislead an average over seeds: duplicates, missing seeds, differing problems, mixed settings."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from evalsuite.collect.metadata import BATCHING, Metadata
from evalsuite.collect.source import NATIVE
from evalsuite.experiment import digest, path_part

MAX_LISTED = 4  # values or names in one line
RULE = "the folder that the manifest names, then this suite's own experiments, then the latest date"


def duplicates(found: list[tuple[str, Metadata]]) -> tuple[list[int], list[dict[str, Any]]]:
    """Choose among several runs of the same task, seed and configuration, by RULE.

    `found` holds (folder, metadata) of one model's experiments. Returns the indices of those that count, in order, and
    a list of the choices made.
    """
    groups: dict[tuple, list[int]] = defaultdict(list)
    for at, (_, metadata) in enumerate(found):
        groups[metadata.task, metadata.seed, metadata.config_id].append(at)
    used = {key: max(indices, key=lambda at: _rank(*found[at])) for key, indices in groups.items()}
    listed = [
        {"task": key[0], "seed": key[1], "config_id": key[2], "used": found[used[key]][0],
         "left_out": [found[at][0] for at in indices if at != used[key]], "rule": RULE}
        for key, indices in groups.items() if len(indices) > 1
    ]  # fmt: skip
    return sorted(used.values()), listed


def _rank(folder: str, metadata: Metadata) -> tuple:
    is_native = metadata.source == NATIVE
    return is_native and metadata.manifest_name == os.path.basename(folder), is_native, metadata.date, folder


def missing_seeds(kept: list[Metadata]) -> list[dict[str, Any]]:
    """Find the seeds that a configuration lacks: gaps between its own, and those another configuration has besides."""
    seeds: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for metadata in kept:
        if metadata.seed is not None:
            seeds[metadata.task][metadata.config_id].add(metadata.seed)
    return [
        {"task": task, "config_id": config, "seeds": sorted(have), "missing": sorted(missing)}
        for task, configs in seeds.items()
        for config, have in configs.items()
        if (missing := _missing(have, configs.values()))
    ]


def _missing(have: set[int], others: Iterable[set[int]]) -> set[int]:
    """Gaps count only if they are fewer than the seeds: seeds like 7, 42, 1234 are not meant to be a range."""
    beyond = set().union(*(other for other in others if have < other))
    span = max(have) - min(have) + 1
    gaps = set(range(min(have), max(have) + 1)) - have if span < 2 * len(have) else set()
    return (beyond | gaps) - have


def problem_sets(kept: list[tuple[str, Metadata]]) -> list[dict[str, Any]]:
    """Find tasks whose experiments asked different problems, the most common set first; `kept` holds names too."""
    tasks: dict[str, list[tuple[str, Metadata]]] = defaultdict(list)
    for name, metadata in kept:
        tasks[metadata.task].append((name, metadata))
    listed = []
    for task, found in tasks.items():
        counts = Counter((metadata.problem_set, metadata.rows) for _, metadata in found).most_common()
        if len(counts) > 1:
            sets = [{"rows": rows, "problem_set": key, "experiments": [name for name, metadata in found if
                     (metadata.problem_set, metadata.rows) == (key, rows)]} for (key, rows), _ in counts]  # fmt: skip
            listed.append({"task": task, "sets": sets})
    return listed


def mixed_configurations(kept: list[Metadata]) -> list[dict[str, Any]]:
    """Find tasks with several configurations, and the settings in which these differ."""
    tasks: dict[str, dict[str, dict]] = defaultdict(dict)
    for metadata in kept:
        tasks[metadata.task][metadata.config_id] = metadata.configuration
    return [
        {"task": task, "config_ids": sorted(configs), "differs_in": differences(list(configs.values()), BATCHING)}
        for task, configs in tasks.items()
        if len(configs) > 1
    ]


def mixed_circumstances(kept: list[Metadata]) -> list[dict[str, Any]]:
    """Find configurations whose seeds ran under different circumstances (GPU, batch sizes, versions, ...)."""
    groups: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for metadata in kept:
        groups[metadata.task, metadata.config_id].append(metadata.circumstances)
    return [
        {"task": task, "config_id": config, "differs_in": found}
        for (task, config), values in groups.items()
        if (found := differences(values))
    ]


def differences(values: list[dict[str, Any]], ignore: Iterable[str] = ()) -> dict[str, list]:
    """The keys whose values differ between the dicts, each with its distinct values.

    >>> differences([{"temperature": 0.6, "top_p": 1}, {"temperature": 0.8, "top_p": 1}])
    {'temperature': [0.6, 0.8]}
    """
    found = {}
    for key in dict.fromkeys(key for value in values for key in value if key not in ignore):
        distinct = {digest(value.get(key)): value.get(key) for value in values}
        if len(distinct) > 1:
            found[key] = list(distinct.values())
    return found


def without_seed(folder: str) -> str:
    """The part of an experiment's folder name that all seeds of its task and configuration share."""
    return re.sub(r"_seed\d+$", "", os.path.basename(folder))


def is_provisional(metadata: Metadata, unfinished: set[str]) -> bool:
    """Whether more seeds of this task and configuration are still to come; `unfinished` as from `without_seed`."""
    return metadata.status == "unfinished" or f"{path_part(metadata.task)}_{metadata.config_id}" in unfinished


def warnings(report: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The findings that call for attention, one line each."""
    lines = [f"{one['task']} seed {one['seed']}: {len(one['left_out']) + 1} runs of one configuration; "
             f"{one['used']} is used, left out: {abbreviated(one['left_out'])}" for one in report["duplicates"]
             ]  # fmt: skip
    lines += [
        f"{one['task']} {one['config_id']}: missing seeds {abbreviated(one['missing'])}"
        for one in report["missing_seeds"]
    ]
    for one in report["problem_sets"]:
        most, *others = one["sets"]
        names = [name for other in others for name in other["experiments"]]
        lines.append(
            f"{one['task']}: these experiments did not ask the same {most['rows']} problems as the others: "
            f"{abbreviated(names)}"
        )
    lines += [f"{one['task']} {one['config_id']}: circumstances differ between seeds: {_listed(one['differs_in'])}"
              for one in report["mixed_circumstances"]]  # fmt: skip
    return lines


def notes(report: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The findings that may well be intended, one line each."""
    return [
        f"{one['task']}: {len(one['config_ids'])} configurations, analysed separately; they differ in "
        f"{_listed(one['differs_in']) or 'nothing that was recorded'}"
        for one in report["mixed_configurations"]
    ]


def abbreviated(values: list, limit: int = MAX_LISTED) -> str:
    """The first few values, and the number of the others.

    >>> abbreviated([1, 2, 3, 4, 5, 6])
    '1, 2, 3, 4 and 2 more'
    """
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(_short(value) for value in values[:limit]) + more


def _listed(found: dict[str, list]) -> str:
    shown = [f"{key} ({abbreviated(values, 3)})" for key, values in list(found.items())[:MAX_LISTED]]
    return ", ".join(shown) + (f" and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else "")


def _short(value: Any) -> str:
    words = "unset" if value is None else str(value)
    return words if len(words) <= 60 else f"{words[:59]}…"
