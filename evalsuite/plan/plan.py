"""From arguments to a sweep: which experiments, with which identity, and every mistake found before a model loads."""

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace

from evalsuite.engine import endpoint, nodes
from evalsuite.engine.command import (
    EngineOptions,
    altering,
    check_python,
    cpu_binding,
    detect_device,
    gpu_names,
    is_multi_node,
    split_engine_args,
)
from evalsuite.errors import UserError
from evalsuite.experiment import Configuration, Experiment
from evalsuite.plan import uploads
from evalsuite.plan.adapters import Adapter, other_base, read_adapters
from evalsuite.plan.arguments import seeds as parse_seeds
from evalsuite.plan.model import Model, check_parallel, inspect
from evalsuite.plan.sweep import PlannedTask, Sweep, owners
from evalsuite.store import manifest
from evalsuite.tasks import data
from evalsuite.tasks.names import parse_task, resolve
from evalsuite.tasks.problems import Selection, select
from evalsuite.tasks.prompts import Prompts, load_prompts


def plan(args: argparse.Namespace) -> Sweep:
    """Make the sweep. Raises UserError for every mistake that can be seen without loading a model."""
    if args.base_url:
        endpoint.check_address(args.base_url)
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
        manifest.check_owner(folder, owner.source, owner.weights)
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


def every_experiment(
    args: argparse.Namespace,
    model: Model,
    prompts: Prompts,
    tasks: tuple[PlannedTask, ...],
    chat: bool,
    engine: EngineOptions,
) -> list[Experiment]:
    """All experiments in queue order: seed by seed, all tasks, adapters and settings of the first, then the next."""
    settings = [(t, p, n) for t in args.temperature for p in args.top_p for n in args.max_new_tokens]
    common = _common(args, model, prompts, chat, engine)
    base_run = not args.use_chat_template and not chat and model.chat_template is None
    variants = [(one.model, one.content) for one in engine.adapters] or [(model.name, None)]
    found: dict[str, Experiment] = {}
    for position in range(max(len(task.seeds) for task in tasks)):
        for task in (task for task in tasks if position < len(task.seeds)):
            stop = _stop(args.stop, task, prompts, base_run)
            configuration = replace(_of_task(common, task, prompts, args.data_dir), stop=stop)
            for (name, lora), (temperature, top_p, tokens) in itertools.product(variants, settings):
                this = replace(configuration, lora=lora, temperature=temperature, top_p=top_p, max_new_tokens=tokens)
                experiment = Experiment(name, task.name, task.seeds[position], this)
                found.setdefault(experiment.name, experiment)
    return list(found.values())


def _common(
    args: argparse.Namespace, model: Model, prompts: Prompts, chat: bool, engine: EngineOptions
) -> Configuration:
    """What all experiments of a call share; task, adapter, stop and the first three of sampling are filled in later."""
    system = args.system_prompt if args.system_prompt is not None else prompts.system
    same = "top_k min_p repetition_penalty presence_penalty dtype quantization kv_cache_dtype use_chat_template"
    return Configuration(
        weights=model.weights, task_version="", data_hash="", temperature=0, top_p=1, max_new_tokens=1,
        max_model_length=engine.max_model_length,
        engine_args=altering(engine.engine_args), endpoint="chat" if chat else "completions",
        system_prompt=(system or None) if args.use_chat_template else None,
        chat_template_hash=model.chat_template_hash if args.use_chat_template and not chat else None,
        chat_template_kwargs=json.dumps(args.chat_template_kwargs, sort_keys=True),
        **{name: getattr(args, name) for name in same.split()},
    )  # fmt: skip


def _stop(given: list[str] | None, task: PlannedTask, prompts: Prompts, base_run: bool) -> tuple[str, ...]:
    """What ends an answer: --stop; without it, for a base model, what would begin another problem of ours."""
    if given is not None:
        return tuple(text for text in given if text)
    return prompts.next_problem(task.row.template) if base_run and not task.row.source else ()


def _of_task(common: Configuration, task: PlannedTask, prompts: Prompts, data_dir: str | None) -> Configuration:
    row = task.row
    content = data.data_hash(row, data_dir)
    if task.num_fewshot and row.fewshot_split and (examples := data.find_file(row, data_dir, row.fewshot_split)):
        content += f" few-shot {data.data_hash(replace(row, file=str(examples)), None)}"
    return replace(
        common,
        task_version=f"{row.repo} {row.version}" if row.source else str(row.version),
        data_hash=content,
        prompt_template=prompts.texts.get(row.template),
        num_fewshot=task.num_fewshot,
    )
