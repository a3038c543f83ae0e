"""Reading our own experiments: what the manifest names counts, whatever else lies in the folder."""

import json
from typing import Any

from evalsuite.collect.details import CountTokens, read_details
from evalsuite.collect.facts import BATCHING
from evalsuite.collect.lighteval import parse_run
from evalsuite.collect.samples import Allowed, Samples
from evalsuite.collect.source import OWN, Bad, Measured, Record, Source, Stopped, at, record
from evalsuite.collect.untrusted import Stamp, Unreadable, inside, integer, load_json, mapping, number, stamp, text
from evalsuite.experiment import facts

SCHEMA_VERSION = 1
STATUSES = ("finished", "incomplete")


def read_own(source: Source, count_tokens: CountTokens | None = None) -> Record:
    """One experiment by its manifest; raises Stopped."""
    manifest = at(source.path, load_json, source.path)
    at(source.path, _check, manifest)
    details = at(source.path, inside, source.folder, manifest.get("details_file"))
    files = {path: at(path, stamp, path) for path in (source.path, details)}
    identity = _identity(manifest)
    configuration = identity["configuration"]
    allowed = Allowed(integer(configuration.get("max_new_tokens")), integer(configuration.get("max_model_length")))
    samples = at(details, read_details, details, allowed, count_tokens)
    identity["warnings"] = [*_fill_problems(samples, manifest), *_losses(manifest), *_changes(manifest)]
    reported, bad = _reported(source, manifest, files)
    found = Measured(
        samples, _metrics(manifest, reported), reported, _total(manifest, "generation_seconds"), _asked(manifest),
        integer(manifest.get("problems_total")),
    )  # fmt: skip
    return record(identity, found, files, bad)


def _check(manifest: dict[str, Any]) -> None:
    """Raise Unreadable unless it is a manifest of ours."""
    version = integer(manifest.get("schema_version"))
    if version is None or not isinstance(manifest.get("configuration"), dict):
        raise Unreadable("not a manifest of this suite: no schema_version and configuration in it")
    if version > SCHEMA_VERSION:
        raise Unreadable(f"written by a newer version of this suite (schema_version {version}); update to read it")
    missing = [
        key for key in ("experiment", "model", "task", "config_id", "details_file") if not text(manifest.get(key))
    ]
    missing += [] if integer(manifest.get("seed")) is not None else ["seed"]
    if missing:
        raise Unreadable(f"the manifest has no valid {', '.join(missing)}")
    if manifest.get("status") not in STATUSES:
        raise Unreadable(f"the manifest's status is {manifest.get('status')!r}"[:200])


def _identity(manifest: dict[str, Any]) -> dict[str, Any]:
    circumstances = mapping(manifest.get("circumstances"))
    configuration = manifest["configuration"]
    batching = {key: configuration.get(key, circumstances.get(key)) for key in BATCHING}
    return {
        "model": manifest["model"],
        **_checkpoint(manifest),
        "task": manifest["task"],
        "seed": integer(manifest["seed"]),
        "config_id": manifest["config_id"],
        "configuration": configuration | batching,
        "circumstances": circumstances | {name: _either(values) for name, values in _mixed(manifest).items()},
        "status": manifest["status"],
        "source": OWN,
        "date": str(manifest.get("graded_at") or ""),
        "named": manifest["experiment"],
    }


def _checkpoint(manifest: dict[str, Any]) -> dict[str, Any]:
    """Series and step; a manifest from before they were kept says them in its model's name, if at all."""
    series, step = text(manifest.get("series")), integer(manifest.get("step"))
    return {"series": series, "step": step} if series and step is not None else facts(manifest["model"])


def _reported(source: Source, manifest: dict, files: dict[str, Stamp]) -> tuple[dict[str, float], tuple[Bad, ...]]:
    """The metrics in lighteval's results file; a bad one is named, the samples stand without it."""
    try:
        path = at(source.path, inside, source.folder, manifest.get("results_file"))
        files[path] = at(path, stamp, path)
        tasks = at(path, parse_run, at(path, load_json, path)).tasks
    except Stopped as stopped:
        return {}, (stopped.bad,)
    return next(iter(tasks.values()), {}), ()


def _metrics(manifest: dict[str, Any], reported: dict[str, float]) -> list[str]:
    named = manifest.get("metrics")
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) and named else [*reported]


def _total(manifest: dict[str, Any], name: str) -> float | None:
    return number(mapping(manifest.get("totals")).get(name))


def _asked(manifest: dict[str, Any]) -> int | None:
    lists = [manifest.get(name) for name in ("problems", "failed_problems")]
    asked = sum(len(found) for found in lists if isinstance(found, list))
    return asked or integer(manifest.get("num_samples"))


def _fill_problems(samples: Samples, manifest: dict[str, Any]) -> list[str]:
    """Problem hashes from the manifest where the rows have none; returns a warning where the two do not fit."""
    problems = manifest.get("problems")
    if not isinstance(problems, list) or not problems or manifest["status"] == "incomplete":
        return []
    if len(problems) != len(samples.problem):
        return [f"its manifest names {len(problems)} problems, its details hold {len(samples.problem)}"]
    if all(problem is None for problem in samples.problem):
        samples.problem = [problem if isinstance(problem, str) else None for problem in problems]
    return [] if samples.problem == problems else ["its details hold other problems than its manifest names"]


def _mixed(manifest: dict[str, Any]) -> dict[str, list]:
    """Circumstances that changed while the experiment was generated: it was gone on with elsewhere."""
    found = mapping(manifest.get("mixed_circumstances"))
    return {name: values for name, values in found.items() if isinstance(values, list) and len(values) > 1}


def _either(values: list) -> str:
    """Values as one that no experiment of a single kind has, so that comparing circumstances flags it."""
    return " and ".join(value if isinstance(value, str) else json.dumps(value) for value in values)[:500]


def _changes(manifest: dict[str, Any]) -> list[str]:
    return [
        f"its answers came under different circumstances: {name} {_either(values)}"
        for name, values in _mixed(manifest).items()
    ]


def _losses(manifest: dict[str, Any]) -> list[str]:
    said = {
        "failed": "completions failed for good; the scores cover the others",
        "grading_timeouts": "answers ran out of time in grading",
    }
    return [f"{count:g} {words}" for name, words in said.items() if (count := _total(manifest, name))]
