"""Writes OUTPUT_DIR/answers: the page, and a folder per task and configuration; unchanged files are kept.

answers/index.html              the page
answers/catalog.js              tasks and configurations
answers/<task>/problems.js      prompts and golds
answers/<task>/<configuration>/ index.js (the values that the filters need), 0.js, 1.js, ... (responses, by problem)
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.errors import RunError
from evalsuite.files import printable, read_json, write_json, write_text
from evalsuite.report import assets
from evalsuite.report.answers import packed
from evalsuite.report.answers.groups import Answer, Group, Problem, read
from evalsuite.report.assets import is_private
from evalsuite.report.load import Study
from evalsuite.summary.read import NAME, BadFile, read_model

CHUNK = 1 << 20  # characters in a file of responses, which one click loads
STAMP = "stamp.json"
SCRIPTS = ("base.js", "store.js", "text.js", "select.js", "sections.js", "answers.js")


@dataclass
class Written:
    """The tasks with answers, remarks on what was left out, and the number of characters written."""

    tasks: set[str] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)
    characters: int = 0


def write_answers(study: Study, limit: float) -> Written:
    """Write the answers of all tasks that may be published, up to `limit` characters of text."""
    folder = study.folder / "answers"
    done = Written()
    catalog: dict[str, dict[str, Any]] = {}
    for group in groups(study):
        if is_private(group.task):
            _remark(done, f"{group.task}: its authors ask that no part of it is published; its answers are not shown")
        elif done.characters > limit:
            _remark(done, f"answers beyond {limit / 1e9:g} GB are left out; raise --max-answers-gb to include them")
        else:
            _write_group(folder, group, done, catalog)
    found = [catalog[task] for task in study.tasks if task in catalog]
    done.tasks = set(catalog)
    _clean(folder, {one["folder"]: {group["folder"] for group in one["groups"]} for one in found})
    if found:
        packed.write(folder, "catalog", {"tasks": found, "remarks": [printable(line, 500) for line in done.remarks]})
        write_text(folder / "index.html", page())
    else:
        for old in ("catalog.js", "index.html"):
            (folder / old).unlink(missing_ok=True)
    return done


def page() -> str:
    """The HTML text of the page, which is the same for every study."""
    scripts = [assets.vendored("katex.min.js"), assets.script(*SCRIPTS)]
    style = assets.style("base.css", "tables.css", "sections.css", "answers.css")
    # The policy permits scripts beside the page: 'self' for a page from a server, file: for one from disk.
    return assets.render(
        "answers.html",
        scripts,
        policy="'self' file:",
        style=style,
        katex=assets.Markup(assets.katex_style()),
        notices=assets.notices("katex"),
    )


def groups(study: Study) -> Iterator[Group]:
    """Yield the configurations of all tasks, model by model, so that only one model's results are in memory."""
    labels = {(entry.folder, entry.task, entry.config_id): entry.label for entry in study.entries}
    places = dict.fromkeys(experiment["place"] for experiment in study.experiments)
    for place in places:
        own = {one["name"]: one for one in study.experiments if one["place"] == place}
        try:
            runs, raw = read_model(place / NAME).runs, read_json(place / NAME)["experiments"]
        except (BadFile, OSError, ValueError, KeyError):
            continue  # the report lists it as missing
        for task, config_id in dict.fromkeys((run.task, run.config_id) for run in runs if run.name in own):
            members = sorted((run for run in runs if (run.task, run.config_id) == (task, config_id)),
                             key=lambda run: (run.seed is None, run.seed or 0))  # fmt: skip
            label = labels.get((place, task, config_id), f"{own[members[0].name]['model']} ({config_id})")
            pairs = [(run, raw[run.name]) for run in members]
            yield Group(task, config_id, label, pairs, [own[run.name] for run in members])


def _write_group(folder: Path, group: Group, done: Written, catalog: dict[str, dict[str, Any]]) -> None:
    task = packed.name(group.task)
    own = packed.name(f"{group.label}/{group.config_id}")
    place = folder / task / own
    found, wrong = group.files()
    stamp = hashlib.sha256(group.stamp(found).encode()).hexdigest()
    problems = _problems(folder, task)
    before = _stamped(place)
    if before.get("stamp") == stamp and set(before.get("problems", [])) <= problems.keys():
        characters, wrong = before["characters"], [*wrong, *before["wrong"]]
    else:
        answers, asked, unread = read(group, found)
        wrong += unread
        characters = _write_answers(folder, task, own, group, answers) if answers else 0
        if asked.keys() - problems.keys():
            packed.write(folder, f"{task}/problems", [_shown(one) for one in (problems | asked).values()])
        if answers:
            write_json(
                place / STAMP, {"stamp": stamp, "characters": characters, "problems": list(asked), "wrong": unread}
            )
    for line in wrong:
        _remark(done, line)
    if characters:
        done.characters += characters
        entry = catalog.setdefault(group.task, {"name": printable(group.task), "folder": task, "groups": []})
        entry["groups"].append({"label": printable(group.label), "folder": own, "metrics": group.metrics})


def _write_answers(folder: Path, task: str, own: str, group: Group, answers: list[Answer]) -> int:
    """Write the responses in files of about CHUNK characters, and an index that says where each one is."""
    characters, number, held, size = 0, 0, [], 0
    places: list[list[int]] = []
    for answer in answers:
        if held and size + len(answer.text) > CHUNK:
            characters += packed.write(folder, f"{task}/{own}/{number}", held)
            number, held, size = number + 1, [], 0
        places.append([number, len(held)])
        held.append([answer.text, answer.reason])
        size += len(answer.text)
    characters += packed.write(folder, f"{task}/{own}/{number}", held)
    for stale in (folder / task / own).glob("[0-9]*.js"):
        if int(stale.stem) > number:
            stale.unlink()
    packed.write(folder, f"{task}/{own}/index", _index(group, answers, places))
    return characters


def _index(group: Group, answers: list[Answer], places: list[list[int]]) -> dict[str, Any]:
    """The columns of the index, in the order of the responses."""
    names = ("problem", "seed", "scores", "extracted", "tokens", "finish", "truncated", "silent", "status")
    columns = {name: [getattr(answer, name) for answer in answers] for name in names}
    return {"metrics": group.metrics, **columns, "place": places}


def _problems(folder: Path, task: str) -> dict[str, Problem]:
    try:
        found = packed.read(folder, f"{task}/problems")
        return {one["key"]: Problem(**one) for one in found}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _shown(problem: Problem) -> dict[str, str]:
    return {"key": problem.key, "number": problem.number, "prompt": problem.prompt, "gold": problem.gold}


def _stamped(place: Path) -> dict[str, Any]:
    try:
        found = read_json(place / STAMP)
        return found if (place / "index.js").is_file() and isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _clean(folder: Path, kept: dict[str, set[str]]) -> None:
    """Remove files of earlier calls that are no longer written, above all of private tasks; other files stay."""
    for stamp in folder.glob(f"*/*/{STAMP}"):
        task, own = stamp.parent.parent, stamp.parent
        if own.name not in kept.get(task.name, set()):
            try:
                shutil.rmtree(own)
            except OSError as error:
                raise RunError(f"cannot remove {own}: {error.strerror}; remove it by hand") from error
    for problems in folder.glob("*/problems.js"):
        if problems.parent.name not in kept:
            problems.unlink()
            with contextlib.suppress(OSError):
                problems.parent.rmdir()


def _remark(done: Written, line: str) -> None:
    if line not in done.remarks:
        done.remarks.append(line)
