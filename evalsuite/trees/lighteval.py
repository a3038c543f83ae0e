"""Reading what lighteval wrote, alone or inside an earlier suite: one details file with the results of its date."""

import os
from typing import Any

from evalsuite.series import facts
from evalsuite.trees import hints
from evalsuite.trees.details import CountTokens, read_details
from evalsuite.trees.facts import ALWAYS, config_id
from evalsuite.trees.results_file import DEFAULT_ENGINE_SEED, Run, parse_run
from evalsuite.trees.safe import Unreadable, integer, load_json, stamp
from evalsuite.trees.samples import Allowed
from evalsuite.trees.source import LIGHTEVAL, Measured, Record, Source, Stopped, at, record

NOTHING = Run(None, None, None, {}, {}, {})
IDENTITY_FROM_FOLDER = ("seed", "task")


def read_lighteval(source: Source, count_tokens: CountTokens | None = None) -> Record:
    """One task of one run; raises Stopped."""
    run = at(source.results, parse_run, at(source.results, load_json, source.results)) if source.results else NOTHING
    if source.details is None:
        raise Stopped(source.path, _without_details(run))
    files = {path: at(path, stamp, path) for path in (source.results, source.details) if path}
    key = at(source.details, _task_key, source, run)
    identity = _identity(source, run, key)
    configuration = identity["configuration"]
    allowed = Allowed(integer(configuration.get("max_new_tokens")), integer(configuration.get("max_model_length")))
    samples = at(source.details, read_details, source.details, allowed, count_tokens)
    reported = run.tasks.get(key, {})
    asked = integer(run.task_config(key).get("effective_num_docs")) or 0
    found = Measured(samples, [*reported], reported, None, asked if asked > 0 else len(samples.id))
    return record(identity, found, files)


def _without_details(run: Run) -> str:
    """Why a results file alone is of no use, with what it says."""
    said = [f"{name} {value:.4f}" for values in run.tasks.values() for name, value in values.items()][:3]
    return f"results without details ({', '.join(said)}): each problem's score is needed (lighteval --save-details)"


def _task_key(source: Source, run: Run) -> str:
    """lighteval's key of the details file's task, as the results file spells it where it has it."""
    found = hints.task_key_in(os.path.basename(source.details or ""))
    if found in run.tasks:
        return found
    same = [key for key in run.tasks if hints.split_key(key) == hints.split_key(found)]
    if len(run.tasks) > 1 and not same:
        raise Unreadable(f"its results file has no task {found!r}"[:200])
    return (same or [*run.tasks] or [found])[0]


def _identity(source: Source, run: Run, key: str) -> dict[str, Any]:
    folder = hints.parameters_in(source.hint)
    seed, warnings = _seed(run, source.hint)
    parameters = {name: value for name, value in folder.items() if name not in IDENTITY_FROM_FOLDER}
    parameters |= run.parameters | run.task_parameters(key)
    parameters.setdefault("max_new_tokens", integer(run.task_config(key).get("generation_size")))
    batching = {
        name: run.circumstances.get(name, folder.get(name)) for name in ("max_num_seqs", "max_num_batched_tokens")
    }
    configuration = dict.fromkeys(ALWAYS) | parameters | batching
    model = run.model or _model_in(source) or "unknown"
    warnings += [] if source.results else ["no results file beside its details: parameters from folder names alone"]
    return {
        "model": model,
        **facts(model),
        "task": hints.task_of(key),
        "seed": seed,
        "config_id": config_id(configuration),
        "configuration": configuration,
        "circumstances": run.circumstances | {name: value for name, value in batching.items() if value is not None},
        "status": "unfinished" if source.provisional else "finished",
        "source": LIGHTEVAL,
        "date": hints.date_in(os.path.basename(source.details or "")),
        "named": None,
        "warnings": warnings,
    }


def _seed(run: Run, path: str) -> tuple[int | None, list[str]]:
    """The seed that the results file has, else the folder's; lighteval's default engine seed only for want of both."""
    hint = hints.seed_in(path)
    known = run.seed if run.seed is not None else run.engine_seed if run.engine_seed != DEFAULT_ENGINE_SEED else None
    if known is not None and hint is not None and known != hint:
        return known, [f"its folder's name says seed {hint}, its results file {known}; the file counts"]
    if known is None:
        known = hint if hint is not None else run.engine_seed
    return known, [] if known is not None else ["its seed is unknown: neither file nor folder names one"]


def _model_in(source: Source) -> str | None:
    """The model that lighteval's path names: details/<model>/<date>/..."""
    parts = os.path.relpath(os.path.dirname(source.details or ""), source.folder).split(os.sep)
    names = [part for part in parts[1:] if not hints.date_in(part)]
    return "/".join(names) or None
