"""Task names in the forms that users write, and which file defines each task."""

import difflib
import functools
import hashlib
import importlib.metadata
import importlib.util
import re
from pathlib import Path

from evalsuite.errors import UserError
from evalsuite.tasks.table import DEFAULT_TABLE, Task, load_table

FORMS = "aime24, aime24|0, custom|aime24|0 or custom|aime24|0|0"
_NAME = re.compile(r"\bname\s*=\s*(f?)([\"'])(.*?)\2(\s*\+)?")  # name="..." in the source of a task file


def parse_task(spec: str, table_path: str | Path | None = None) -> tuple[str, int]:
    """Parse a task in one of the FORMS; returns its name and the number of few-shot examples.

    Raises UserError for any other form, and for an unknown task (the message suggests similar names).

    >>> parse_task("custom|aime24|4|0")
    ('aime24', 4)
    """
    fields = [field.strip() for field in spec.split("|")]
    name, shots = (fields[0], "0") if len(fields) == 1 else (fields[1], fields[2]) if len(fields) > 2 else fields
    if len(fields) > 4 or not all(fields) or not (shots.isascii() and shots.isdigit()):
        raise UserError(f"invalid task {spec!r}; write {FORMS}")
    resolve(name, table_path)
    return name, int(shots)


def resolve(name: str, table_path: str | Path | None = None) -> Task:
    """The task with this name: from the given table, else from our own table, else from lighteval.

    Nothing heavy is imported: lighteval's files are searched as text. Raises UserError for an unknown task.
    """
    for path in dict.fromkeys((Path(table_path or DEFAULT_TABLE).resolve(), DEFAULT_TABLE)):
        rows = load_table(path)
        if name in rows:
            return rows[name]
        if not rows and _matches(name, _names_in(path)):
            return _defined_in(path, name)
    for path in lighteval_files():
        if _matches(name, _names_in(path)):
            return _defined_in(path, name)
    raise UserError(f"unknown task {name!r}; {_suggestion(name, table_path)}")


def known_names(table_path: str | Path | None = None) -> list[str]:
    """The names of all tasks: those of the given table, ours, then lighteval's (except names made at run time)."""
    paths = dict.fromkeys((Path(table_path or DEFAULT_TABLE).resolve(), DEFAULT_TABLE))
    names = [name for path in paths for name in (load_table(path) or _names_in(path))]
    names += [name for path in lighteval_files() for name in _names_in(path)]
    return [name for name in dict.fromkeys(names) if "*" not in name]


@functools.lru_cache(maxsize=1)
def lighteval_files() -> list[Path]:
    """The files in which the installed lighteval defines tasks, found without importing it."""
    spec = importlib.util.find_spec("lighteval")
    if spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(spec.submodule_search_locations[0]) / "tasks" / "tasks"
    return [*sorted(folder.glob("*.py")), *sorted(folder.glob("*/main.py"))]


@functools.lru_cache(maxsize=256)
def _names_in(path: Path) -> tuple[str, ...]:
    """The values of `name=` in a Python file's text. A part made at run time, as in f"mmlu:{subset}", becomes '*'."""
    found = []
    for is_f, _, text, added in _NAME.findall(path.read_text(encoding="utf-8", errors="replace")):
        pattern = re.sub(r"\{[^}]*\}", "*", text) if is_f else text
        found.append(pattern + "*" * bool(added))
    return tuple(dict.fromkeys(name for name in found if name.strip("*")))


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    if name in patterns:
        return True
    made = ("(.+)".join(map(re.escape, pattern.split("*"))) for pattern in patterns if "*" in pattern)
    return any(re.fullmatch(pattern, name) for pattern in made)


def _defined_in(path: Path, name: str) -> Task:
    """A task defined for lighteval in `path`. Its `repo` identifies the definition: lighteval's release, or a hash of
    the user's file."""
    if path in lighteval_files():
        repo = f"lighteval {importlib.metadata.version('lighteval')}"
    else:
        repo = f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    return Task(name=name, kind="", template="", repo=repo, source=str(path))


def _suggestion(name: str, table_path: str | Path | None) -> str:
    known = known_names(table_path)
    folded = {_fold(key): key for key in reversed(known)}  # reversed, so that our task wins over a later namesake
    close = difflib.get_close_matches(_fold(name), folded, n=3, cutoff=0.6)
    similar = [key for key in known if key.startswith(f"{name}:")] + [folded[key] for key in close]
    if similar:
        return f"did you mean {', '.join(list(dict.fromkeys(similar))[:3])}?"
    return f"the tasks are {', '.join(load_table(table_path or DEFAULT_TABLE) or known)}"


def _fold(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
