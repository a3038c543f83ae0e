"""The manifest, experiment.json, which describes an experiment and lists its files.

It is written last, by rename. So a folder without it is unfinished, and readers use only the files that it lists.
"""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from evalsuite.errors import UserError
from evalsuite.experiment import Experiment, facts
from evalsuite.files import printable, read_json, write_json
from evalsuite.store import sessions

NAME = "experiment.json"
OWNER = "model.json"  # in a model's folder: which model its experiments belong to


def read(folder: Path) -> dict[str, Any] | None:
    """A folder's manifest; None if it is missing or cannot be read, in which case the folder counts as unfinished."""
    try:
        value = read_json(folder / NAME)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def is_finished(folder: Path, experiment: Experiment, selection: list[Any]) -> bool:
    """Whether the folder holds exactly this experiment, graded on at least the problems of `selection`."""
    found = read(folder)
    if found is None or found.get("status") != "finished" or found.get("fingerprint") != experiment.fingerprint:
        return False
    return any(covers(graded, selection) for graded in found.get("selections", []))


def covers(graded: list[Any], wanted: list[Any]) -> bool:
    """Whether one selection, [max_samples, ids, filter], includes all problems of another.

    Everything includes any selection, and a sample of 50 includes the sample of 20.

    >>> covers([None, [], ""], [20, [], "level>=4"]), covers([20, [], ""], [50, [], ""])
    (True, False)
    """
    if graded == [None, [], ""]:
        return True
    if graded[1:] != wanted[1:]:
        return False
    return graded[0] is None or (wanted[0] is not None and wanted[0] <= graded[0])


def earlier_lengths(model_folders: Iterable[Path], tasks: set[str]) -> Iterator[tuple[str, str, int]]:
    """Task, problem and output tokens of every graded answer to these tasks in the given models' folders."""
    for path in (path for folder in model_folders for path in folder.glob(f"*_seed*/{NAME}")):
        found = read(path.parent) or {}
        counts = found.get("output_tokens")
        if found.get("task") in tasks and isinstance(counts, dict):  # old manifests have no counts
            known = {problem: tokens for problem, tokens in counts.items() if isinstance(tokens, int)}
            yield from ((found["task"], problem, tokens) for problem, tokens in known.items())


def check_owner(folder: Path, source: str, weights: str) -> None:
    """Raise UserError if a model's folder holds results of another model that has the same name.

    `source` is the model as vLLM takes it (hub id or folder), and `weights` identifies its weights.
    """
    try:
        owner = json.loads((folder / OWNER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    place = _absolute(source)
    if owner.get("source") != place and owner.get("weights") != weights:
        raise UserError(
            f"{printable(str(folder))} holds results of another model with this name, "
            f"{printable(str(owner.get('source')))}; give {printable(place)} another name with --model "
            f"NAME={printable(source)}, or NAME@STEP=... for a checkpoint"
        )


def record_owner(folder: Path, name: str, source: str, weights: str) -> None:
    """Record which model a folder belongs to. A checkpoint that is overwritten in place keeps its folder."""
    value = {"schema_version": 1, "model": name, "source": _absolute(source), "weights": weights}
    try:
        same = read_json(folder / OWNER) == value
    except (OSError, ValueError):
        same = False
    if not same:
        write_json(folder / OWNER, value)


def _absolute(source: str) -> str:
    return str(Path(source).resolve()) if Path(source).is_dir() else source


def origin(folder: Path, provenance: dict[str, Any], restarts: int) -> dict[str, Any]:
    """The part of a manifest that says where the experiment's completions come from, by the runs that added them.

    `circumstances` and `provenance` are those of the last of these runs; `mixed_circumstances` lists what differed
    between them. The argument `provenance` is that of the current run, which restarted its engine `restarts` times.
    """
    runs = sessions.read(folder)
    if not runs:  # an old journal, without a record of runs, is being graded again
        before = read(folder) or {}
        return {
            "circumstances": before.get("circumstances") or {},
            "provenance": before.get("provenance") or provenance,
        }
    last = runs[-1]["provenance"]
    if last.get("started") == provenance.get("started") and last.get("host") == provenance.get("host"):
        last |= {"engine_restarts": restarts}
    shown = [
        {name: run["provenance"].get(name) for name in ("started", "host", "git_commit")}
        | {"circumstances": run["circumstances"]}
        for run in runs
    ]
    return {
        "circumstances": runs[-1]["circumstances"],
        "provenance": {"engine_restarts": 0} | last,
        "mixed_circumstances": sessions.differing(runs),
        "sessions": shown,
    }


def base(experiment: Experiment, came_from: dict[str, Any]) -> dict[str, Any]:
    """The part of a manifest that is known before grading. `came_from` is the result of `origin`."""
    return {
        "schema_version": 1,
        "status": "incomplete",
        "experiment": experiment.name,
        "model": experiment.model,
        **facts(experiment.model),
        "task": experiment.task,
        "seed": experiment.seed,
        "config_id": experiment.configuration.config_id,
        "fingerprint": experiment.fingerprint,
        "configuration": experiment.configuration.as_json(),
    } | came_from


def write(folder: Path, value: dict[str, Any]) -> None:
    """Write the manifest, with the time of grading."""
    write_json(folder / NAME, value | {"graded_at": time.strftime("%Y-%m-%dT%H:%M:%S%z")})
