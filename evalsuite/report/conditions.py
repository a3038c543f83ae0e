"""The conditions under which numbers came about: of each task, which configurations share which."""

from dataclasses import dataclass

from evalsuite.report.load import Entry, Study
from evalsuite.summary.words import conditions, some


@dataclass(frozen=True)
class Condition:
    """What some configurations of a task share, in words, and the texts that were around the problems."""

    task: str
    labels: list[str]
    words: str
    seeds: str
    template: str
    system: str
    data: str
    version: str


def all_conditions(study: Study) -> list[Condition]:
    """One row a task and set of conditions, in the order of the tasks."""
    groups: dict[tuple, list[str]] = {}
    for task in study.tasks:
        for entry in study.of(task):
            groups.setdefault(_conditions(entry), []).append(entry.label)
    return [Condition(key[0], labels, *key[1:]) for key, labels in groups.items()]


def _conditions(entry: Entry) -> tuple[str, ...]:
    has = entry.configuration.get
    return (
        entry.task,
        conditions(entry.configuration, entry.circumstances) or "not on record",
        _seeds([seed["seed"] for seed in entry.seeds]),
        str(has("prompt_template") or ""),
        str(has("system_prompt") or "") if has("use_chat_template") else "",
        str(has("data_hash") or ""),
        str(has("task_version") or ""),
    )


def _seeds(seeds: list) -> str:
    """Seeds in short.

    >>> _seeds([0, 1, 2, 3]), _seeds([1, 7]), _seeds([float("nan")])
    ('0 to 3', '1, 7', 'unknown')
    """
    if any(not isinstance(seed, int) for seed in seeds) or not seeds:
        return "unknown"
    whole = len(seeds) > 2 and sorted(seeds) == list(range(min(seeds), max(seeds) + 1))
    return f"{min(seeds)} to {max(seeds)}" if whole else some(sorted(seeds), 12)
