"""What a reader must know before averaging: duplicates, missing seeds, differing problems, mixed settings."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from evalsuite.collect.facts import BATCHING, Facts
from evalsuite.collect.source import OWN
from evalsuite.experiment import digest, path_part

SHOWN = 4  # values or names in one line
RULE = "of our own the folder that its manifest names, else the latest by date"


def duplicates(found: list[tuple[str, Facts]]) -> tuple[list[int], list[dict[str, Any]]]:
    """Of several runs of one task, seed and configuration one counts: RULE. Given (folder, facts) of one model.

    Returns the places of those that count, in order, and what was left out.
    """
    groups: dict[tuple, list[int]] = defaultdict(list)
    for at, (_, facts) in enumerate(found):
        groups[facts.task, facts.seed, facts.config_id].append(at)
    used = {key: max(places, key=lambda at: _rank(*found[at])) for key, places in groups.items()}
    listed = [
        {"task": key[0], "seed": key[1], "config_id": key[2], "used": found[used[key]][0],
         "left_out": [found[at][0] for at in places if at != used[key]], "rule": RULE}
        for key, places in groups.items() if len(places) > 1
    ]  # fmt: skip
    return sorted(used.values()), listed


def _rank(folder: str, facts: Facts) -> tuple:
    return facts.source == OWN and facts.named == os.path.basename(folder), facts.source == OWN, facts.date, folder


def missing_seeds(kept: list[Facts]) -> list[dict[str, Any]]:
    """Seeds that a configuration lacks: gaps in its own, and what another configuration of the task has beyond them."""
    seeds: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for facts in kept:
        if facts.seed is not None:
            seeds[facts.task][facts.config_id].add(facts.seed)
    return [
        {"task": task, "config_id": config, "seeds": sorted(have), "missing": sorted(missing)}
        for task, configs in seeds.items()
        for config, have in configs.items()
        if (missing := _missing(have, configs.values()))
    ]


def _missing(have: set[int], others: Iterable[set[int]]) -> set[int]:
    """Gaps count where they are fewer than the seeds there are: 7, 42, 1234 was never meant to be a range."""
    beyond = set().union(*(other for other in others if have < other))
    span = max(have) - min(have) + 1
    gaps = set(range(min(have), max(have) + 1)) - have if span < 2 * len(have) else set()
    return (beyond | gaps) - have


def problem_sets(kept: list[tuple[str, Facts]]) -> list[dict[str, Any]]:
    """Tasks whose experiments asked different problems; given (name, facts). The most common set comes first."""
    tasks: dict[str, list[tuple[str, Facts]]] = defaultdict(list)
    for name, facts in kept:
        tasks[facts.task].append((name, facts))
    listed = []
    for task, found in tasks.items():
        counts = Counter((facts.problem_set, facts.rows) for _, facts in found).most_common()
        if len(counts) > 1:
            sets = [{"rows": rows, "problem_set": key, "experiments": [name for name, facts in found if
                     (facts.problem_set, facts.rows) == (key, rows)]} for (key, rows), _ in counts]  # fmt: skip
            listed.append({"task": task, "sets": sets})
    return listed


def mixed_configurations(kept: list[Facts]) -> list[dict[str, Any]]:
    """Tasks with several configurations, and what sets those apart."""
    tasks: dict[str, dict[str, dict]] = defaultdict(dict)
    for facts in kept:
        tasks[facts.task][facts.config_id] = facts.configuration
    return [
        {"task": task, "config_ids": sorted(configs), "differs_in": differences(list(configs.values()), BATCHING)}
        for task, configs in tasks.items()
        if len(configs) > 1
    ]


def mixed_circumstances(kept: list[Facts]) -> list[dict[str, Any]]:
    """Configurations whose seeds ran under different circumstances (GPU, batch sizes, versions, ...)."""
    groups: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for facts in kept:
        groups[facts.task, facts.config_id].append(facts.circumstances)
    return [
        {"task": task, "config_id": config, "differs_in": found}
        for (task, config), values in groups.items()
        if (found := differences(values))
    ]


def differences(values: list[dict[str, Any]], but: Iterable[str] = ()) -> dict[str, list]:
    """The keys whose values differ, each with its distinct values.

    >>> differences([{"temperature": 0.6, "top_p": 1}, {"temperature": 0.8, "top_p": 1}])
    {'temperature': [0.6, 0.8]}
    """
    found = {}
    for key in dict.fromkeys(key for value in values for key in value if key not in but):
        distinct = {digest(value.get(key)): value.get(key) for value in values}
        if len(distinct) > 1:
            found[key] = list(distinct.values())
    return found


def unfinished_prefix(folder: str) -> str:
    """What the names of all seeds of one task and configuration begin with."""
    return re.sub(r"_seed\d+$", "", os.path.basename(folder))


def is_provisional(facts: Facts, prefixes: set[str]) -> bool:
    """Whether seeds of this task and configuration are still to come."""
    return facts.status == "unfinished" or f"{path_part(facts.task)}_{facts.config_id}" in prefixes


def sentences(report: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The findings in words, one line each."""
    lines = [f"{one['task']} seed {one['seed']}: {len(one['left_out']) + 1} runs of one configuration; "
             f"{one['used']} counts, left out: {some(one['left_out'])}" for one in report["duplicates"]]  # fmt: skip
    lines += [
        f"{one['task']} {one['config_id']}: missing seeds {some(one['missing'])}" for one in report["missing_seeds"]
    ]
    for one in report["problem_sets"]:
        most, *others = one["sets"]
        names = [name for other in others for name in other["experiments"]]
        lines.append(f"{one['task']}: not all experiments asked the same {most['rows']} problems: {some(names)}")
    lines += [f"{one['task']} {one['config_id']}: circumstances differ between seeds: {_worded(one['differs_in'])}"
              for one in report["mixed_circumstances"]]  # fmt: skip
    return lines


def notes(report: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What is worth saying and may well be meant."""
    return [
        f"{one['task']}: {len(one['config_ids'])} configurations, kept apart; they differ in "
        f"{_worded(one['differs_in']) or 'nothing recorded'}"
        for one in report["mixed_configurations"]
    ]


def some(values: list, shown: int = SHOWN) -> str:
    """The first few, and how many more.

    >>> some([1, 2, 3, 4, 5, 6])
    '1, 2, 3, 4 and 2 more'
    """
    more = f" and {len(values) - shown} more" if len(values) > shown else ""
    return ", ".join(_short(value) for value in values[:shown]) + more


def _worded(found: dict[str, list]) -> str:
    shown = [f"{key} ({some(values, 3)})" for key, values in list(found.items())[:SHOWN]]
    return ", ".join(shown) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def _short(value: Any) -> str:
    words = "unset" if value is None else str(value)
    return words if len(words) <= 60 else f"{words[:59]}…"
