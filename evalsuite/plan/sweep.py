"""A sweep is everything that one call of main.py evaluates: its experiments in queue order, and their engine."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalsuite.engine import nodes
from evalsuite.engine.command import Adapter, EngineOptions
from evalsuite.experiment import Experiment, path_part
from evalsuite.files import counted, printable
from evalsuite.plan.model import Model
from evalsuite.tasks.problems import Selection
from evalsuite.tasks.prompts import Prompts
from evalsuite.tasks.table import Task

BYTES_PER_TOKEN = 12  # disk space of a finished experiment (journal, details, CSV) per generated token


@dataclass(frozen=True)
class PlannedTask:
    """A task of a sweep: a row of the task table, its number of few-shot examples, its seeds, and how many problems are
    asked, which is 0 if only the hub knows."""

    row: Task
    num_fewshot: int
    seeds: tuple[int, ...]
    problems: int = 0

    @property
    def spec(self) -> str:
        """The task as lighteval writes it: name|few-shot."""
        return f"{self.row.name}|{self.num_fewshot}"

    @property
    def name(self) -> str:
        """The task as we write it: without the number of few-shot examples if there are none."""
        return self.spec if self.num_fewshot else self.row.name


@dataclass(frozen=True)
class Sweep:
    """Everything that one call of main.py evaluates. `experiments` are in queue order: seed by seed."""

    args: argparse.Namespace = field(repr=False)
    model: Model
    prompts: Prompts
    tasks: tuple[PlannedTask, ...]
    experiments: tuple[Experiment, ...]
    engine: EngineOptions
    chat: bool  # whether requests go to /v1/chat/completions, as messages
    selection: Selection
    warnings: tuple[str, ...] = ()
    sources: Mapping[str, Experiment] = field(default_factory=dict)  # of --rescore_at: each one's original, by name

    @property
    def model_folders(self) -> dict[Path, Model]:
        """The folders in the output tree that this sweep writes to, and the model that each belongs to."""
        return model_folders(self.args.output_dir, self.model, self.engine.adapters)

    def folder_of(self, experiment: Experiment) -> Path:
        """An experiment's folder in the output tree."""
        return Path(self.args.output_dir) / path_part(experiment.model) / experiment.name

    def task_of(self, experiment: Experiment) -> PlannedTask:
        """An experiment's task."""
        return next(task for task in self.tasks if task.name == experiment.task)

    def served_name(self, experiment: Experiment) -> str | None:
        """The name of an experiment's adapter on our own server; None if it has none, or if the server is not ours."""
        wanted = None if self.args.base_url else experiment.configuration.lora
        return next((one.served for one in self.engine.adapters if one.content == wanted), None)


def model_folders(output_dir: str, model: Model, adapters: tuple[Adapter, ...]) -> dict[Path, Model]:
    """The folders in the output tree, and the model that each belongs to: the model, or each adapter with a name."""
    adapted = [
        replace(model, name=one.model, source=one.folder, weights=f"{model.weights} {one.content}")
        for one in adapters
        if one.model != model.name
    ]
    return {Path(output_dir) / path_part(owner.name): owner for owner in adapted or [model]}


def describe(sweep: Sweep, unfinished: list[Experiment]) -> list[str]:
    """The lines that --dry_run prints: experiments per task and the amount of work. The last line is for programs."""
    lines = [f"model {printable(sweep.model.name)} ({printable(sweep.model.weights)})"]
    lines += [f"  adapter {printable(one.model)} ({one.content}, rank {one.rank})" for one in sweep.engine.adapters]
    completions = tokens = 0
    for task in sweep.tasks:
        todo = [experiment for experiment in unfinished if experiment.task == task.name]
        total = sum(experiment.task == task.name for experiment in sweep.experiments)
        problems = counted(task.problems, "problem") if task.problems else "number of problems known only to the hub"
        lines.append(f"  {task.name}: {counted(total, 'experiment')}, {total - len(todo)} finished, {problems}")
        completions += task.problems * len(todo)
        tokens += sum(task.problems * experiment.configuration.max_new_tokens for experiment in todo)
    return [
        *lines,
        *(printable(line, 5000) for line in nodes.describe(sweep.engine)),
        f"dry run: completions={completions} max_tokens={tokens} disk_gb={tokens * BYTES_PER_TOKEN / 1e9:.3f}"
        f" unfinished={len(unfinished)}",
    ]
