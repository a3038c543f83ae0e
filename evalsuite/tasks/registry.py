"""Our tasks as lighteval's, offline and without importing the rest of lighteval's own.

`install` prepares a process for an ordinary `Pipeline("aime24|0", ...)`; `lighteval_task` gives the same task alone,
for its prompts. Importing this module imports lighteval (10 s, 680 MB): do it in workers.
"""

import importlib
from pathlib import Path
from typing import Any

from lighteval.tasks.lighteval_task import LightevalTask, LightevalTaskConfig
from lighteval.tasks.registry import Registry

from evalsuite.errors import UserError
from evalsuite.tasks.docs import prompt_function
from evalsuite.tasks.live import live_task
from evalsuite.tasks.metrics import metrics_for
from evalsuite.tasks.names import lighteval_files, parse_task, resolve
from evalsuite.tasks.problems import ALL, Selection
from evalsuite.tasks.prompts import Prompts, load_prompts
from evalsuite.tasks.table import Task, import_file, load_table


def tasks_table(table_path: str | Path | None = None) -> list[LightevalTaskConfig]:
    """All rows of a task table as lighteval's configurations: its TASKS_TABLE."""
    prompts = load_prompts(table_path=table_path)
    return [config_for(task, prompts) for task in load_table(table_path).values()]


def lighteval_task(
    spec: str,
    table_path: str | Path | None = None,
    data_dir: str | Path | None = None,
    prompts: Prompts | None = None,
    selection: Selection = ALL,
) -> LightevalTask:
    """The task as the pipeline will see it, its data loaded: `get_docs()` gives what is to be asked.

    Raises UserError for everything that is wrong with name, prompts or data.
    """
    name, shots = parse_task(spec, table_path)
    row = resolve(name, table_path)
    config = config_for(row, prompts or load_prompts(table_path=table_path))
    config.num_fewshots, config.full_name = shots, f"{name}|{shots}"
    task = live_task(config, row, data_dir, selection)
    task.dataset = task.download_dataset_worker(task)
    return task


def install(
    table_path: str | Path | None = None,
    data_dir: str | Path | None = None,
    prompts: Prompts | None = None,
    selection: Selection = ALL,
) -> None:
    """Make lighteval's Registry of this process know our tasks, and load a task of its own only when it is named."""
    prompts = prompts or load_prompts(table_path=table_path)

    def load_all_task_configs(custom_tasks: Any = None, load_multilingual: bool = False) -> dict:
        return _Configs(table_path, prompts)

    def load_tasks(registry: Registry) -> dict[str, LightevalTask]:
        configs = [config for group in registry.task_to_configs.values() for config in group]
        rows = [resolve(config.name, table_path) for config in configs]
        return {
            config.full_name: live_task(config, row, data_dir, selection)
            for config, row in zip(configs, rows, strict=True)
        }

    Registry.load_all_task_configs = staticmethod(load_all_task_configs)
    Registry.load_tasks = load_tasks


class _Configs(dict):
    """What the Registry looks tasks up in: a configuration is made, or its module imported, when it is asked for."""

    def __init__(self, table_path: str | Path | None, prompts: Prompts):
        super().__init__()
        self.make = lambda name: config_for(resolve(name, table_path), prompts)

    def get(self, name: str, default: Any = None) -> LightevalTaskConfig:
        if name not in self:
            self[name] = self.make(name)
        return self[name]


def config_for(task: Task, prompts: Prompts) -> LightevalTaskConfig:
    """lighteval's configuration of a task: made from our row, or imported from the file that defines it."""
    if task.source:
        return _foreign_config(task)
    prompts.check(task)
    return LightevalTaskConfig(
        name=task.name,
        prompt_function=prompt_function(task, prompts),
        hf_repo=task.repo or task.file,
        hf_subset=task.subset,
        hf_revision=task.revision,
        hf_avail_splits=[task.split, *([task.fewshot_split] if task.fewshot_split else [])],
        evaluation_splits=[task.split],
        few_shots_split=task.fewshot_split or task.split,
        few_shots_select="sequential",
        metrics=metrics_for(task.kind),
        generation_size=None,  # the command line decides
        stop_sequence=[],
        version=task.version,
    )


def _foreign_config(task: Task) -> LightevalTaskConfig:
    path = Path(task.source)
    if path in lighteval_files():
        parts = path.with_suffix("").parts
        name = ".".join(parts[len(parts) - 1 - parts[::-1].index("lighteval") :])
        try:
            module = importlib.import_module(name)
        except Exception as error:  # several of them reach for the network when imported
            raise UserError(f"task {task.name}: importing {name} failed: {type(error).__name__}: {error}") from error
    else:
        module = import_file(path)
    for config in getattr(module, "TASKS_TABLE", ()):
        if config.name == task.name:
            return config
    raise UserError(f"{path} defines no task {task.name}; its TASKS_TABLE has others")
