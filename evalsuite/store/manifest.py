"""experiment.json: written last, by rename. A folder without it is unfinished; readers use the files that it names."""

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
OWNER = "model.json"


def read(folder: Path) -> dict[str, Any] | None:
    """A folder's manifest; None where there is none or it cannot be read (then the folder counts as unfinished)."""
    try:
        value = read_json(folder / NAME)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def is_finished(folder: Path, experiment: Experiment, selection: list[Any]) -> bool:
    """True where the folder holds this very experiment, graded, on at least the problems that are asked now."""
    found = read(folder)
    if found is None or found.get("status") != "finished" or found.get("fingerprint") != experiment.fingerprint:
        return False
    return any(covers(had, selection) for had in found.get("selections", []))


def covers(had: list[Any], wanted: list[Any]) -> bool:
    """Whether a choice of problems (max_samples, ids, filter) holds another: all hold any, the first 50 the first 20.

    >>> covers([None, [], ""], [20, [], "level>=4"]), covers([20, [], ""], [50, [], ""])
    (True, False)
    """
    if had == [None, [], ""]:
        return True
    if had[1:] != wanted[1:]:
        return False
    return had[0] is None or (wanted[0] is not None and wanted[0] <= had[0])


def lengths(folders: Iterable[Path], tasks: set[str]) -> Iterator[tuple[str, str, int]]:
    """Task, problem and output tokens of all finished answers to these tasks by the experiments' models."""
    for path in (path for model in {one.parent for one in folders} for path in model.glob(f"*_seed*/{NAME}")):
        found = read(path.parent) or {}
        counts = found.get("output_tokens")
        if found.get("task") in tasks and isinstance(counts, dict):  # manifests of old have none
            known = {problem: tokens for problem, tokens in counts.items() if isinstance(tokens, int)}
            yield from ((found["task"], problem, tokens) for problem, tokens in known.items())


def check_owner(folder: Path, source: str, weights: str) -> None:
    """Raise UserError when the folder holds results of another model than this one, though their names are the same.

    `source` is the model as vLLM takes it (hub id or folder), `weights` its identity.
    """
    try:
        owner = json.loads((folder / OWNER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    place = _absolute(source)
    if owner.get("source") != place and owner.get("weights") != weights:
        raise UserError(
            f"{printable(str(folder))} holds results of {printable(str(owner.get('source')))}, not of "
            f"{printable(place)}: two models of one name; name one of them otherwise: "
            f"NAME={printable(source)}, or NAME@STEP= for a checkpoint"
        )


def claim(folder: Path, name: str, source: str, weights: str) -> None:
    """Note whose folder this is; a checkpoint overwritten in place keeps its folder."""
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
    """Where an experiment's completions come from, by the runs that added them; `provenance` is this run's.

    The last of them gives `circumstances` and `provenance`; what was not the same in all of them is named.
    """
    runs = sessions.read(folder)
    before = read(folder) or {}
    if not runs:  # graded again, from a journal without such a record
        known = {name: before.get(name) for name in ("circumstances", "provenance")}
        return {"circumstances": known["circumstances"] or {}, "provenance": known["provenance"] or provenance}
    last = runs[-1]["provenance"]
    if last.get("started") == provenance.get("started") and last.get("host") == provenance.get("host"):
        last |= {"engine_restarts": restarts}
    short = [{name: one["provenance"].get(name) for name in ("started", "host", "git_commit")} for one in runs]
    shown = [one | {"circumstances": run["circumstances"]} for one, run in zip(short, runs, strict=True)]
    found = {"circumstances": runs[-1]["circumstances"], "provenance": {"engine_restarts": 0} | last}
    return found | {"mixed_circumstances": sessions.differing(runs), "sessions": shown}


def base(experiment: Experiment, came_from: dict[str, Any]) -> dict[str, Any]:
    """What is known of an experiment before it is graded; `came_from` as `origin` gives it."""
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
    """Write the manifest, stamped with the time of grading."""
    write_json(folder / NAME, value | {"graded_at": time.strftime("%Y-%m-%dT%H:%M:%S%z")})
