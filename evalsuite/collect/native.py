"""Reads this suite's own experiments. The manifest says which files count; other files in the folder are ignored."""

import json
from typing import Any

from evalsuite.collect.details import CountTokens, read_details
from evalsuite.collect.lighteval import parse_run
from evalsuite.collect.metadata import BATCHING, counted
from evalsuite.collect.samples import Samples, TokenLimits
from evalsuite.collect.source import NATIVE, BadPath, Measurements, ReadError, Record, Source, blaming, build_record
from evalsuite.collect.validation import Stamp, Unreadable, inside, integer, load_json, mapping, number, stamp, text
from evalsuite.experiment import facts

SCHEMA_VERSION = 1
STATUSES = ("finished", "incomplete")


def read_native(source: Source, count_tokens: CountTokens | None = None) -> Record:
    """Read one experiment by its manifest; raises ReadError."""
    manifest = blaming(source.path, load_json, source.path)
    blaming(source.path, _check, manifest)
    details = blaming(source.path, inside, source.folder, manifest.get("details_file"))
    files = {path: blaming(path, stamp, path) for path in (source.path, details)}
    identity = _identity(manifest)
    configuration = identity["configuration"]
    limits = TokenLimits(integer(configuration.get("max_new_tokens")), integer(configuration.get("max_model_length")))
    samples = blaming(details, read_details, details, limits, count_tokens)
    identity["warnings"] = [
        *_fill_in_problems(samples, manifest),
        *_failure_warnings(manifest),
        *_circumstance_warnings(manifest),
    ]
    reported, bad = _reported_metrics(source, manifest, files)
    found = Measurements(
        samples,
        _metrics(manifest, reported),
        reported,
        _total(manifest, "generation_seconds"),
        _problems_asked(manifest),
        integer(manifest.get("problems_total")),
    )
    return build_record(identity, found, files, bad)


def _check(manifest: dict[str, Any]) -> None:
    """Raise Unreadable unless this is a manifest of this suite."""
    version = integer(manifest.get("schema_version"))
    if version is None or not isinstance(manifest.get("configuration"), dict):
        raise Unreadable("not a manifest of this suite: schema_version or configuration is missing")
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
        "circumstances": circumstances | {name: _joined(values) for name, values in _mixed(manifest).items()},
        "status": manifest["status"],
        "source": NATIVE,
        "date": str(manifest.get("graded_at") or ""),
        "manifest_name": manifest["experiment"],
    }


def _checkpoint(manifest: dict[str, Any]) -> dict[str, Any]:
    """Series and step; older manifests do not have them, so there they are parsed from the model's name."""
    series, step = text(manifest.get("series")), integer(manifest.get("step"))
    return {"series": series, "step": step} if series and step is not None else facts(manifest["model"])


def _reported_metrics(
    source: Source, manifest: dict, files: dict[str, Stamp]
) -> tuple[dict[str, float], tuple[BadPath, ...]]:
    """The metrics in lighteval's results file, which is added to `files`.

    A results file that cannot be read is returned as bad; the samples are used without it.
    """
    try:
        path = blaming(source.path, inside, source.folder, manifest.get("results_file"))
        files[path] = blaming(path, stamp, path)
        tasks = blaming(path, parse_run, blaming(path, load_json, path)).tasks
    except ReadError as error:
        return {}, (error.bad,)
    return next(iter(tasks.values()), {}), ()


def _metrics(manifest: dict[str, Any], reported: dict[str, float]) -> list[str]:
    listed = manifest.get("metrics")
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) and listed else [*reported]


def _total(manifest: dict[str, Any], name: str) -> float | None:
    return number(mapping(manifest.get("totals")).get(name))


def _problems_asked(manifest: dict[str, Any]) -> int | None:
    lists = [manifest.get(name) for name in ("problems", "failed_problems")]
    asked = sum(len(found) for found in lists if isinstance(found, list))
    return asked or integer(manifest.get("num_samples"))


def _fill_in_problems(samples: Samples, manifest: dict[str, Any]) -> list[str]:
    """Take problem hashes from the manifest if the rows have none; returns a warning if the two do not agree."""
    problems = manifest.get("problems")
    if not isinstance(problems, list) or not problems or manifest["status"] == "incomplete":
        return []
    if len(problems) != len(samples.problem):
        return [f"the manifest lists {len(problems)} problems, but the details have {len(samples.problem)}"]
    if all(problem is None for problem in samples.problem):
        samples.problem = [problem if isinstance(problem, str) else None for problem in problems]
    return [] if samples.problem == problems else ["the details have other problems than the manifest lists"]


def _mixed(manifest: dict[str, Any]) -> dict[str, list]:
    """The circumstances that changed during generation because the run was continued elsewhere."""
    found = mapping(manifest.get("mixed_circumstances"))
    return {name: values for name, values in found.items() if isinstance(values, list) and len(values) > 1}


def _joined(values: list) -> str:
    """Join several values into one that no single run has, so that comparing circumstances reports it."""
    return " and ".join(value if isinstance(value, str) else json.dumps(value) for value in values)[:500]


def _circumstance_warnings(manifest: dict[str, Any]) -> list[str]:
    return [
        f"its answers were generated under different circumstances: {name} {_joined(values)}"
        for name, values in _mixed(manifest).items()
    ]


def _failure_warnings(manifest: dict[str, Any]) -> list[str]:
    lines = []
    if count := _total(manifest, "failed"):
        lines.append(f"{counted(count, 'completion')} failed permanently; the scores are over the others")
    if count := _total(manifest, "grading_timeouts"):
        lines.append(f"{counted(count, 'answer')} exceeded the time limit in grading")
    return lines
