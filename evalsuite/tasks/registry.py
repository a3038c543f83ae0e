"""Put our tasks into lighteval's registry, and convert problems to lighteval's Docs: prompts and data for metrics."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lighteval.tasks.lighteval_task import LightevalTask, LightevalTaskConfig
from lighteval.tasks.registry import Registry
from lighteval.tasks.requests import Doc

from evalsuite.errors import UserError
from evalsuite.tasks.live import live_task
from evalsuite.tasks.metrics import metrics_for
from evalsuite.tasks.names import lighteval_files, parse_task, resolve
from evalsuite.tasks.problems import ALL, Selection
from evalsuite.tasks.prompts import LETTERS, Prompts, load_prompts
from evalsuite.tasks.rows import canonical
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
    """The task as the pipeline will see it, with its data loaded: `get_docs()` returns the problems to ask.

    Raises UserError for an invalid name, invalid prompts or invalid data.
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
    """Make our tasks known to lighteval's Registry in this process, and let it load its own tasks only on demand."""
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
    """The dict in which the Registry looks up tasks. A configuration is made when it is first asked for."""

    def __init__(self, table_path: str | Path | None, prompts: Prompts):
        super().__init__()
        self.table_path, self.prompts = table_path, prompts

    def get(self, name: str, default: Any = None) -> LightevalTaskConfig:
        if name not in self:
            self[name] = config_for(resolve(name, self.table_path), self.prompts)
        return self[name]


def config_for(task: Task, prompts: Prompts) -> LightevalTaskConfig:
    """lighteval's configuration of a task: made from our row, or imported from the file that defines it."""
    if task.source:
        return _imported_config(task)
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
        generation_size=None,  # --max_new_tokens decides
        stop_sequence=[],
        version=task.version,
    )


def _imported_config(task: Task) -> LightevalTaskConfig:
    path = Path(task.source)
    if path in lighteval_files():
        parts = path.with_suffix("").parts
        name = ".".join(parts[len(parts) - 1 - parts[::-1].index("lighteval") :])
        try:
            module = importlib.import_module(name)
        except Exception as error:  # importing several of these modules needs the network
            raise UserError(f"task {task.name}: cannot import {name}: {type(error).__name__}: {error}") from error
    else:
        module = import_file(path)
    for config in getattr(module, "TASKS_TABLE", ()):
        if config.name == task.name:
            return config
    raise UserError(f"{path} defines no task {task.name} in its TASKS_TABLE; check the name")


def prompt_function(task: Task, prompts: Prompts) -> Callable[[dict[str, Any], str], Doc]:
    """The function that lighteval calls for every row, in our form or in the hub's, to make a Doc."""

    def prompt(line: dict[str, Any], task_name: str = "") -> Doc:
        index = line.get("__index", 0)
        row = line if "problem_hash" in line else canonical(task, line, f"{task.repo or task.file} row {index}", index)
        return make_doc(task, prompts, row, task_name, few_shot=bool(line.get("__few_shots")))

    prompt.__name__ = f"{task.template.lower()}_prompt"  # lighteval writes it into the results
    return prompt


def make_doc(task: Task, prompts: Prompts, row: dict[str, Any], task_name: str, few_shot: bool = False) -> Doc:
    """A problem as lighteval's Doc. As a worked example, its only choice is the solution with the boxed answer."""
    query = prompts.render(task.template, row["problem"], row["choices"])
    if few_shot:
        return Doc(task_name=task_name, query=query, choices=[_worked_solution(row)], gold_index=0)
    golds = list(LETTERS[: len(row["choices"])]) if task.kind == "mcq" else [_extractable(row["gold"], task.kind)]
    specific = {key: row[key] for key in ("gold", "tolerance", "unit")}
    return Doc(
        task_name=task_name,
        query=query,
        choices=golds,
        gold_index=golds.index(row["gold"]) if task.kind == "mcq" else 0,
        original_query=row["problem"],
        specific={"problem": row["problem_hash"], "kind": task.kind, **specific},
    )


def _extractable(gold: str, kind: str) -> str:
    """The gold in a form that lighteval can read: LaTeX between two dollar signs, without the stray ones of
    OlympiadBench."""
    return gold if kind == "expr" else f"${_without_dollars(gold)}$"


def _worked_solution(row: dict[str, Any]) -> str:
    solution = re.sub(r"<<[^>]*>>", "", row["solution"]).partition("####")[0].strip()  # GSM8K's calculator annotations
    if "\\boxed" in solution:
        return solution
    return f"{solution}\nThe final answer is $\\boxed{{{_without_dollars(row['gold'])}}}$.".strip()


def _without_dollars(text: str) -> str:
    return re.sub(r"(?<!\\)\$", "", text)
