"""From arguments to a sweep: which experiments, with which identity, and every mistake found before a model loads."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalsuite import address, manifest, uploads
from evalsuite.adapters import Adapter, other_base, read_adapters
from evalsuite.arguments import seeds as parse_seeds
from evalsuite.engine import nodes
from evalsuite.engine.command import (
    EngineOptions,
    check_python,
    cpu_binding,
    detect_device,
    gpu_names,
    is_multi_node,
    split_engine_args,
)
from evalsuite.errors import UserError
from evalsuite.experiments import every_experiment
from evalsuite.files import printable
from evalsuite.identity import Experiment, path_part
from evalsuite.model import Model, check_parallel, inspect
from evalsuite.tasks import data
from evalsuite.tasks.names import parse_task, resolve
from evalsuite.tasks.problems import Selection, select
from evalsuite.tasks.prompts import Prompts, load_prompts
from evalsuite.tasks.table import Task


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


def plan(args: argparse.Namespace) -> Sweep:
    """Make the sweep. Raises UserError for every mistake that can be seen without loading a model."""
    if args.base_url:
        address.check(args.base_url)
    uploads.check(args)
    tasks = _tasks(args)
    prompts = load_prompts(table_path=args.custom_tasks_directory)
    selection = Selection(args.max_samples, tuple(args.ids or ()), args.filter or "")
    tasks = tuple(_checked(task, prompts, args.data_dir, selection) for task in tasks)
    model = inspect(args.name, args.model, args.revision, served_elsewhere=bool(args.base_url))
    if args.sampling == "model":
        _take_recommended(args, model)
    chat = _endpoint(args, model)
    engine = _engine(args, model)
    _check_lengths(args, model)
    for folder, owner in owners(args.output_dir, model, engine.adapters).items():
        manifest.check_owner(folder, owner)
    experiments = every_experiment(args, model, prompts, tasks, chat, engine)
    found = tuple(_warnings(engine.adapters, model, plain=not args.use_chat_template and not chat))
    return Sweep(args, model, prompts, tasks, tuple(experiments), engine, chat, selection, found)


def _warnings(adapters: tuple[Adapter, ...], model: Model, plain: bool) -> Iterator[str]:
    if plain and model.chat_template is not None:
        yield (
            f"{model.source} has a chat template, but its prompts are sent plain, as to a base model: "
            "add --use_chat_template, unless that is meant"
        )
    for adapter in adapters:
        if (named := other_base(adapter, model)) is not None:
            yield f"--lora {adapter.folder} names {named} as its base model, this is {model.source}"


def _tasks(args: argparse.Namespace) -> list[PlannedTask]:
    own_seeds = {}
    for entry in (part for group in args.task_seeds for part in group.split()):
        spec, separator, text = entry.partition("=")
        if not separator:
            raise UserError(f"--task_seeds {entry!r}: write TASK=SEEDS, e.g. aime24=0-31")
        try:
            own_seeds[parse_task(spec, args.custom_tasks_directory)] = parse_seeds(text)
        except argparse.ArgumentTypeError as error:
            raise UserError(f"--task_seeds {entry!r}: {error}") from error
    planned: dict[tuple[str, int], PlannedTask] = {}
    for spec in args.task:
        key = name, shots = parse_task(spec, args.custom_tasks_directory)
        shown = f"{name}|{shots}" if shots else name
        seeds = tuple(own_seeds.get(key, args.seed))
        row = resolve(name, args.custom_tasks_directory)
        planned.setdefault(key, PlannedTask(f"{name}|{shots}", shown, row, shots, seeds, 0))
    if stray := [f"{name}|{shots}" for name, shots in own_seeds if (name, shots) not in planned]:
        raise UserError(f"--task_seeds names {stray[0]}, which --task does not; add it there")
    return list(planned.values())


def _checked(task: PlannedTask, prompts: Prompts, data_dir: str | None, selection: Selection) -> PlannedTask:
    """The task with the number of problems asked; its prompts and, where they are local, its data are checked."""
    prompts.check(task.row)
    local = data.find_file(task.row, data_dir)
    if local is None or task.row.source:
        asked = data.count(task.row, data_dir) if not (selection.ids or selection.filter) else len(selection.ids)
        return replace(task, asked=min(asked, selection.max_samples or asked))
    return replace(task, asked=len(select(data.load_rows(task.row, data_dir), *selection)))


def _take_recommended(args: argparse.Namespace, model: Model) -> None:
    """--sampling model: the model's own values stand in the arguments, and so on record."""
    for name, value in model.recommended_sampling().items():
        setattr(args, name, [value] if isinstance(getattr(args, name), list) else value)


def _endpoint(args: argparse.Namespace, model: Model) -> bool:
    """True for /v1/chat/completions. Prompts as token ids need the tokenizer; a chat template must exist to be used."""
    if args.endpoint == "chat" and not args.base_url:
        raise UserError("--endpoint chat goes with --base_url; our own engine is sent token ids")
    if args.endpoint == "completions" and model.folder is None:
        raise UserError(f"--endpoint completions sends token ids, but no tokenizer of {model.source} is at hand")
    chat = args.endpoint == "chat" or (args.endpoint == "auto" and model.folder is None)
    if args.use_chat_template and not chat and model.chat_template is None:
        raise UserError(
            f"--use_chat_template, but {model.source} has no chat template; leave it out for a base model "
            "(in run_interactive.sh: MODEL_ARGS with --no-use_chat_template)"
        )
    return chat


def _engine(args: argparse.Namespace, model: Model) -> EngineOptions:
    elsewhere = args.elsewhere and args.dry_run
    device = "cuda" if args.base_url or elsewhere else detect_device(args.device)
    extra = split_engine_args(args.engine_args)
    sizes = args.tensor_parallel_size, args.pipeline_parallel_size, args.data_parallel_size
    if not args.base_url:
        check_python(args.engine_python)
        here = device == "cuda" and not elsewhere and not is_multi_node(extra)
        nodes.check(args.nodes, *sizes, planned=args.dry_run)
        check_parallel(model, *sizes, len(gpu_names()) * args.nodes if here else None)
        if device == "cpu":
            cpu_binding(sizes[0] * sizes[1] * sizes[2] // args.nodes)
    same = "revision dtype max_num_seqs max_num_batched_tokens tensor_parallel_size pipeline_parallel_size"
    same += (
        " data_parallel_size nodes gpu_memory_utilization quantization kv_cache_dtype trust_remote_code batch_invariant"
    )
    values = {name: getattr(args, name) for name in same.split()}
    length = args.max_model_length or model.length
    return EngineOptions(
        model.source, model.source, max_model_length=length, device=device, engine_args=extra,
        python=args.engine_python, adapters=_adapters(args, model), **values,
    )  # fmt: skip


def _adapters(args: argparse.Namespace, model: Model) -> tuple[Adapter, ...]:
    if args.lora and args.base_url and (len(args.lora) > 1 or not args.served_model):
        raise UserError(
            "--lora with --base_url says which adapter is served there: give one, and its name there as --served_model"
        )
    return read_adapters(args.lora, args.name, model)


def _check_lengths(args: argparse.Namespace, model: Model) -> None:
    asked = args.max_model_length
    if asked and model.length and asked > model.length and not args.base_url:
        raise UserError(f"--max_model_length {asked} exceeds what {model.source} was made for, {model.length} tokens")


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


BYTES_A_TOKEN = 12  # journal, details and CSV of a finished experiment, per generated token
