"""What one call of main.py is asked for: the tasks, the experiments in queue order, the engine they share."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalsuite.engine import nodes
from evalsuite.engine.command import Adapter, EngineOptions
from evalsuite.experiment import Experiment, path_part
from evalsuite.files import printable
from evalsuite.plan.model import Model
from evalsuite.tasks.problems import Selection
from evalsuite.tasks.prompts import Prompts
from evalsuite.tasks.table import Task

BYTES_A_TOKEN = 12  # journal, details and CSV of a finished experiment, per generated token


@dataclass(frozen=True)
class PlannedTask:
    """A task of the sweep. `asked` is the number of problems, 0 where only the hub knows."""

    spec: str  # as lighteval reads it: name|few-shot
    name: str  # as the suite writes it: the few-shot number only where it is not 0
    row: Task
    num_fewshot: int
    seeds: tuple[int, ...]
    asked: int


@dataclass(frozen=True)
class Sweep:
    """All that one call of main.py is asked for; `experiments` in queue order, seed by seed."""

    args: argparse.Namespace = field(repr=False)
    model: Model
    prompts: Prompts
    tasks: tuple[PlannedTask, ...]
    experiments: tuple[Experiment, ...]
    engine: EngineOptions
    chat: bool  # ask /v1/chat/completions
    selection: Selection
    warnings: tuple[str, ...] = ()  # what is odd enough to say, and no mistake
    sources: Mapping[str, Experiment] = field(default_factory=dict)  # with --rescore_at: whose answers each one cuts

    @property
    def owners(self) -> dict[Path, Model]:
        """The models' folders in the output tree, and whose they are: the model's, or one for each adapter."""
        return owners(self.args.output_dir, self.model, self.engine.adapters)

    def folder_of(self, experiment: Experiment) -> Path:
        """An experiment's folder in the output tree."""
        return Path(self.args.output_dir) / path_part(experiment.model) / experiment.name

    def served_name(self, experiment: Experiment) -> str | None:
        """The name by which our own server knows the experiment's adapter; None without one."""
        wanted = None if self.args.base_url else experiment.configuration.lora
        return next((one.served for one in self.engine.adapters if one.content == wanted), None)

    def task_of(self, experiment: Experiment) -> PlannedTask:
        return next(task for task in self.tasks if task.name == experiment.task)


def owners(output_dir: str, model: Model, adapters: tuple[Adapter, ...]) -> dict[Path, Model]:
    """Folders in the output tree and the model that each belongs to: an adapter with a name of its own is one."""
    owned = {one.model: replace(model, name=one.model, source=one.folder, weights=f"{model.weights} {one.content}")
             for one in adapters if one.model != model.name} or {model.name: model}  # fmt: skip
    return {Path(output_dir) / path_part(name): owner for name, owner in owned.items()}


def describe(sweep: Sweep, unfinished: list[Experiment]) -> list[str]:
    """What --dry_run prints: the experiments by task, and how much there is to do; the last line is for programs."""
    lines = [f"model {printable(sweep.model.name)} ({printable(sweep.model.weights)})"]
    lines += [f"  adapter {printable(one.model)} ({one.content}, rank {one.rank})" for one in sweep.engine.adapters]
    completions = tokens = 0
    for task in sweep.tasks:
        todo = [experiment for experiment in unfinished if experiment.task == task.name]
        total = sum(experiment.task == task.name for experiment in sweep.experiments)
        asked = f"{task.asked} problems" if task.asked else "problems known to the hub only"
        lines.append(f"  {task.name}: {total} experiments, {total - len(todo)} finished, {asked}")
        completions += task.asked * len(todo)
        tokens += sum(task.asked * experiment.configuration.max_new_tokens for experiment in todo)
    return [
        *lines,
        *(printable(line, 5000) for line in nodes.describe(sweep.engine)),
        f"dry run: completions={completions} max_tokens={tokens} disk_gb={tokens * BYTES_A_TOKEN / 1e9:.3f}"
        f" unfinished={len(unfinished)}",
    ]
