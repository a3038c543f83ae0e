"""One task is one row of a table: where its problems come from, how they are put, how answers are compared."""

import ast
import functools
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

from evalsuite.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_TABLE = ROOT / "lighteval_tasks.py"
KINDS = ("latex", "expr", "mcq")


@dataclass(frozen=True)
class Task:
    """A row of a task table; or, with `source`, a task that lighteval or a user's lighteval file defines."""

    name: str
    kind: str  # how answers are compared: latex (any mathematics), expr (numbers), mcq (letters)
    template: str  # key in prompts.json
    repo: str = ""  # data set on the hub; empty where the problems are only in `file`
    subset: str = "default"
    split: str = "test"
    revision: str | None = None  # None: the newest
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)  # ours -> also accepted names
    size: int = 0  # how many problems the hub's data set has; 0: not known
    version: int = 1  # raise it when problems or golds are read differently: results are not comparable then
    answer_after: str = ""  # the answer is what follows this mark, where the mark is there (GSM8K's ####)
    tolerance: float = 0.0  # relative, for numeric answers; 0: exact
    tolerance_column: str = ""  # column with an absolute tolerance of its own
    unit_column: str = ""
    fewshot_split: str = ""  # worked examples come from here; empty: from the other problems of the task
    expected_tokens: int = 1000  # a reasoning model's usual answer, for scheduling and estimates only
    file: str = ""  # problems shipped with the table, relative to it
    folder: Path | None = field(default=None, compare=False, repr=False)  # where the table lies
    source: str = field(default="", compare=False, repr=False)  # file with the LightevalTaskConfig, if not our row

    @property
    def path_name(self) -> str:
        """The name as it is used in file names."""
        return self.name.replace(":", "-")


def load_table(path: str | Path | None = None) -> dict[str, Task]:
    """The rows of `TASKS` in a table file, by name; none for a file that has only lighteval's TASKS_TABLE.

    Raises UserError when the file is missing, is not Python or holds a broken row.
    """
    path = Path(path or DEFAULT_TABLE).resolve()
    return dict(_load_table(path, path.stat().st_mtime_ns if path.is_file() else 0))


@functools.lru_cache(maxsize=16)
def _load_table(path: Path, _mtime: int) -> dict[str, Task]:
    if "TASKS" not in _assigned_names(path):
        return {}  # importing it would import lighteval: ten seconds, and only the workers need it
    tasks = {}
    for task in import_file(path).TASKS:
        _check_row(task, path, tasks)
        tasks[task.name] = replace(task, folder=path.parent)
    return tasks


def import_file(path: Path) -> ModuleType:
    """Import a table file by path; whatever goes wrong in it is the user's to mend, said in one line."""
    spec = importlib.util.spec_from_file_location(f"evalsuite_table_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # so that what it defines can be pickled
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{path}: importing it failed: {type(error).__name__}: {error}") from error
    return module


def _assigned_names(path: Path) -> set[str]:
    """Names assigned at the top level of a Python file, without running it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the task file {path}: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{path}: not a Python file: {error}") from error
    targets = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
    targets += [[node.target] for node in tree.body if isinstance(node, ast.AnnAssign)]
    return {target.id for group in targets for target in group if isinstance(target, ast.Name)}


def _check_row(task: Task, path: Path, seen: Mapping[str, Task]) -> None:
    if not isinstance(task, Task):
        raise UserError(f"{path}: TASKS holds {task!r}; every entry must be a Task(...)")
    if task.kind not in KINDS:
        raise UserError(f"{path}: task {task.name}: kind is {task.kind!r}; use one of {', '.join(KINDS)}")
    if task.name in seen:
        raise UserError(f"{path}: task {task.name} is there twice; give one of them another name")
    if "|" in task.name or not task.name.strip():
        raise UserError(f"{path}: a task is named {task.name!r}; names are not empty and hold no '|'")
    if not (task.repo or task.file):
        raise UserError(f"{path}: task {task.name} names neither a repo on the hub nor a file")
