"""Task names as users write them, and which file defines each."""

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
_NAME = re.compile(r"\bname\s*=\s*(f?)([\"'])(.*?)\2(\s*\+)?")


def parse_task(spec: str, table_path: str | Path | None = None) -> tuple[str, int]:
    """Read a task as users write it; return its name and the number of few-shot examples.

    Raises UserError for a form that is none of FORMS, or a task that nobody defines (with the nearest names).

    >>> parse_task("custom|aime24|4|0")
    ('aime24', 4)
    """
    fields = [field.strip() for field in spec.split("|")]
    name, shots = (fields[0], "0") if len(fields) == 1 else (fields[1], fields[2]) if len(fields) > 2 else fields
    if len(fields) > 4 or not all(fields) or not (shots.isascii() and shots.isdigit()):
        raise UserError(f"cannot read the task {spec!r}: write {FORMS}")
    resolve(name, table_path)
    return name, int(shots)


def resolve(name: str, table_path: str | Path | None = None) -> Task:
    """The task of that name: from the table given, else from our own, else one of lighteval's.

    Nothing heavy is imported: lighteval's files are searched as text. Raises UserError when nobody defines it.
    """
    for path in dict.fromkeys((Path(table_path or DEFAULT_TABLE).resolve(), DEFAULT_TABLE)):
        rows = load_table(path)
        if name in rows:
            return rows[name]
        if not rows and _matches(name, _names_in(path)):
            return _foreign(name, path)
    for path in lighteval_files():
        if _matches(name, _names_in(path)):
            return _foreign(name, path)
    raise UserError(f"unknown task {name!r}; {_nearest(name, table_path)}")


def known_names(table_path: str | Path | None = None) -> list[str]:
    """Names of all tasks that can be asked for: the table's first, ours, then lighteval's own (those spelled out)."""
    paths = dict.fromkeys((Path(table_path or DEFAULT_TABLE).resolve(), DEFAULT_TABLE))
    names = [name for path in paths for name in (load_table(path) or _names_in(path))]
    names += [name for path in lighteval_files() for name in _names_in(path)]
    return [name for name in dict.fromkeys(names) if "*" not in name]


@functools.lru_cache(maxsize=1)
def lighteval_files() -> list[Path]:
    """The files of the installed lighteval that define tasks; found without importing it."""
    spec = importlib.util.find_spec("lighteval")
    if spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(spec.submodule_search_locations[0]) / "tasks" / "tasks"
    return [*sorted(folder.glob("*.py")), *sorted(folder.glob("*/main.py"))]


@functools.lru_cache(maxsize=256)
def _names_in(path: Path) -> tuple[str, ...]:
    """Values of `name=` in a Python file's text; a part made at run time (f"mmlu:{subset}") becomes '*'."""
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


def _foreign(name: str, path: Path) -> Task:
    """A task that is no row of ours; `repo` carries what identifies its definition: release or text of the file."""
    if path in lighteval_files():
        repo = f"lighteval {importlib.metadata.version('lighteval')}"
    else:
        repo = f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    return Task(name=name, kind="", template="", repo=repo, source=str(path))


def _nearest(name: str, table_path: str | Path | None) -> str:
    known = known_names(table_path)
    folded = {_fold(key): key for key in reversed(known)}  # the first of equals wins: ours
    close = difflib.get_close_matches(_fold(name), folded, n=3, cutoff=0.6)
    near = [key for key in known if key.startswith(f"{name}:")] + [folded[key] for key in close]
    if near:
        return f"did you mean {', '.join(list(dict.fromkeys(near))[:3])}?"
    return f"there are {', '.join(load_table(table_path or DEFAULT_TABLE) or known)}"


def _fold(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
