"""The task table: one row per task says where its problems are, how they are asked, and how answers are compared."""

import ast
import functools
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

from evalsuite.errors import UserError
from evalsuite.files import ROOT

DEFAULT_TABLE = ROOT / "lighteval_tasks.py"
KINDS = ("latex", "expr", "mcq")


@dataclass(frozen=True)
class Task:
    """A row of a task table; or, if `source` is set, a task defined by lighteval or by a user's lighteval file."""

    name: str
    kind: str  # how answers are compared: latex (any mathematics), expr (numbers), mcq (letters)
    template: str  # key in prompts.json
    repo: str = ""  # data set on the hub; empty if the problems are only in `file`
    subset: str = "default"
    split: str = "test"
    revision: str | None = None  # None: the newest
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)  # our name -> other accepted names
    size: int = 0  # number of problems in the hub's data set; 0: unknown
    version: int = 1  # raise it if problems or reference answers are read differently, which makes results incomparable
    answer_after: str = ""  # if this marker occurs in the answer column, the answer is what follows it (GSM8K's ####)
    tolerance: float = 0.0  # relative, for numeric answers; 0: exact
    tolerance_column: str = ""  # column with an absolute tolerance per problem
    unit_column: str = ""  # column with the unit of the answer
    fewshot_split: str = ""  # split with the worked examples; empty: they are the other problems of the task
    expected_tokens: int = 1000  # typical answer length of a reasoning model, used only for scheduling and estimates
    file: str = ""  # file with the problems that comes with the table, relative to the table's folder
    folder: Path | None = field(default=None, compare=False, repr=False)  # the table's folder
    source: str = field(default="", compare=False, repr=False)  # the file that defines the task for lighteval

    @property
    def path_name(self) -> str:
        """The name in the form used in file names."""
        return self.name.replace(":", "-")


def load_table(path: str | Path | None = None) -> dict[str, Task]:
    """The rows of `TASKS` in a table file, by name; empty for a file that has only lighteval's TASKS_TABLE.

    Raises UserError if the file is missing, is not Python or has an invalid row.
    """
    path = Path(path or DEFAULT_TABLE).resolve()
    return dict(_load_table(path, path.stat().st_mtime_ns if path.is_file() else 0))


@functools.lru_cache(maxsize=16)
def _load_table(path: Path, _mtime: int) -> dict[str, Task]:
    if "TASKS" not in _assigned_names(path):
        return {}  # importing the file would import lighteval, which takes ten seconds and only workers need
    tasks = {}
    for task in import_file(path).TASKS:
        _check_row(task, path, tasks)
        tasks[task.name] = replace(task, folder=path.parent)
    return tasks


def import_file(path: Path) -> ModuleType:
    """Import a task file by its path. Raises UserError for whatever goes wrong while it runs."""
    spec = importlib.util.spec_from_file_location(f"evalsuite_table_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # so that objects defined in the file can be pickled
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"cannot import {path}: {type(error).__name__}: {error}") from error
    return module


def _assigned_names(path: Path) -> set[str]:
    """The names assigned at the top level of a Python file, found without running it."""
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
        raise UserError(f"{path}: TASKS contains {task!r}; every entry must be a Task(...)")
    if task.kind not in KINDS:
        raise UserError(f"{path}: task {task.name}: kind is {task.kind!r}; use one of {', '.join(KINDS)}")
    if task.name in seen:
        raise UserError(f"{path}: task {task.name} is defined twice; rename one of them")
    if "|" in task.name or not task.name.strip():
        raise UserError(f"{path}: invalid task name {task.name!r}; it must not be empty or contain '|'")
    if not (task.repo or task.file):
        raise UserError(f"{path}: task {task.name} has neither a repo on the hub nor a file; set one of them")
