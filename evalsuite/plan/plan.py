"""Turn main.py's arguments into a sweep, and find every mistake that can be found before a model is loaded."""

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace

from evalsuite.engine import endpoint, nodes
from evalsuite.engine.command import (
    Adapter,
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
from evalsuite.plan.adapters import other_base, read_adapters
from evalsuite.plan.model import Model, inspect
from evalsuite.plan.parallel import check_parallel
from evalsuite.plan.sweep import PlannedTask, Sweep, model_folders
from evalsuite.store import manifest
from evalsuite.tasks import data
from evalsuite.tasks.names import parse_task, resolve
from evalsuite.tasks.problems import Selection, select
from evalsuite.tasks.prompts import Prompts, load_prompts

# Flags that go unchanged into a configuration, and those that go unchanged into the engine's options.
CONFIGURATION_FLAGS = (
    "top_k min_p repetition_penalty presence_penalty dtype quantization kv_cache_dtype use_chat_template"
).split()
ENGINE_FLAGS = (
    "revision dtype max_num_seqs max_num_batched_tokens tensor_parallel_size pipeline_parallel_size data_parallel_size "
    "nodes gpu_memory_utilization quantization kv_cache_dtype trust_remote_code batch_invariant"
).split()


def plan(args: argparse.Namespace) -> Sweep:
    """The sweep that the arguments describe, which are those of `arguments.parse`.

    Raises UserError for every mistake that can be found without loading the model; RunError if data cannot be read.
    """
    if args.base_url:
        endpoint.check_address(args.base_url)
    uploads.check(args)
    selection = Selection(args.max_samples, tuple(args.ids or ()), args.filter or "")
    prompts = load_prompts(table_path=args.custom_tasks_directory)
    tasks = tuple(_with_problem_count(task, prompts, args.data_dir, selection) for task in _tasks(args))
    model = inspect(args.name, args.model, args.revision, served_elsewhere=bool(args.base_url))
    if args.sampling == "model":
        _use_recommended_sampling(args, model)
    chat = _uses_chat_endpoint(args, model)
    engine = _engine_options(args, model)
    for folder, owner in model_folders(args.output_dir, model, engine.adapters).items():
        manifest.check_owner(folder, owner.source, owner.weights)
    experiments = _experiments(args, model, prompts, tasks, chat, engine)
    warnings = tuple(_warnings(engine.adapters, model, plain=not args.use_chat_template and not chat))
    return Sweep(args, model, prompts, tasks, experiments, engine, chat, selection, warnings)


def _tasks(args: argparse.Namespace) -> list[PlannedTask]:
    """The tasks of --task, each once and with its seeds; their problems are not counted yet."""
    table = args.custom_tasks_directory
    own_seeds = {parse_task(spec, table): seeds for spec, seeds in args.task_seeds}
    planned: dict[tuple[str, int], PlannedTask] = {}
    for spec in args.task:
        key = name, shots = parse_task(spec, table)
        seeds = tuple(own_seeds.get(key, args.seed))
        planned.setdefault(key, PlannedTask(resolve(name, table), shots, seeds))
    if unknown := [key for key in own_seeds if key not in planned]:
        name, shots = unknown[0]
        shown = f"{name}|{shots}" if shots else name
        raise UserError(f"--task_seeds mentions {shown}, which is not in --task; add it there")
    return list(planned.values())


def _with_problem_count(task: PlannedTask, prompts: Prompts, data_dir: str | None, selection: Selection) -> PlannedTask:
    """The task with the number of selected problems. Checks its prompts and, if they are local, its data."""
    prompts.check(task.row)
    if data.find_file(task.row, data_dir) is not None and not task.row.source:
        return replace(task, problems=len(select(data.load_rows(task.row, data_dir), *selection)))
    chosen = selection.ids or selection.filter  # how many pass the filter cannot be known without the data
    count = len(selection.ids) if chosen else data.count(task.row, data_dir)
    return replace(task, problems=min(count, selection.max_samples or count))


def _use_recommended_sampling(args: argparse.Namespace, model: Model) -> None:
    """--sampling model: put the model's own values into the arguments, from where they reach the configuration."""
    for name, value in model.recommended_sampling().items():
        setattr(args, name, [value] if isinstance(getattr(args, name), list) else value)


def _uses_chat_endpoint(args: argparse.Namespace, model: Model) -> bool:
    """Whether requests go to /v1/chat/completions. Checks that there are the tokenizer and the template they need."""
    if args.endpoint == "chat" and not args.base_url:
        raise UserError("--endpoint chat needs --base_url; an engine started here always gets token ids")
    if args.endpoint == "completions" and model.folder is None:
        raise UserError(
            f"--endpoint completions sends token ids, but there is no tokenizer of {model.source} here; give a --model "
            "that has one, or use --endpoint chat"
        )
    chat = args.endpoint == "chat" or (args.endpoint == "auto" and model.folder is None)
    if args.use_chat_template and not chat and model.chat_template is None:
        raise UserError(
            f"--use_chat_template, but {model.source} has no chat template; leave it out for a base model "
            "(in run_interactive.sh: MODEL_ARGS with --no-use_chat_template)"
        )
    return chat


def _engine_options(args: argparse.Namespace, model: Model) -> EngineOptions:
    if not args.base_url and args.max_model_length and model.length and args.max_model_length > model.length:
        raise UserError(
            f"--max_model_length {args.max_model_length} exceeds the {model.length} tokens that {model.source} "
            "supports; lower it"
        )
    extra = split_engine_args(args.engine_args)
    device = "cuda"
    if not args.base_url:
        device = _checked_device(args, model, is_multi_node(extra))
    return EngineOptions(
        model=model.source,
        served_name=model.source,
        max_model_length=args.max_model_length or model.length,
        device=device,
        engine_args=extra,
        python=args.engine_python,
        adapters=_adapters(args, model),
        **{name: getattr(args, name) for name in ENGINE_FLAGS},
    )


def _checked_device(args: argparse.Namespace, model: Model, spans_machines: bool) -> str:
    """The device of our own engine: `cuda` or `cpu`. Checks its Python, and that the parallel sizes fit the machine."""
    check_python(args.engine_python)
    is_here = not (args.elsewhere and args.dry_run)
    device = detect_device(args.device) if is_here else "cuda"
    sizes = args.tensor_parallel_size, args.pipeline_parallel_size, args.data_parallel_size
    nodes.check(args.nodes, *sizes, planned=args.dry_run)
    gpus = len(gpu_names()) * args.nodes if device == "cuda" and is_here and not spans_machines else None
    check_parallel(model, *sizes, gpus)
    if device == "cpu":
        cpu_binding(sizes[0] * sizes[1] * sizes[2] // args.nodes)
    return device


def _adapters(args: argparse.Namespace, model: Model) -> tuple[Adapter, ...]:
    if args.lora and args.base_url and (len(args.lora) > 1 or not args.served_model):
        raise UserError("--lora with --base_url: give one adapter, and its name on that server as --served_model")
    return read_adapters(args.lora, args.name, model)


def _experiments(
    args: argparse.Namespace,
    model: Model,
    prompts: Prompts,
    tasks: tuple[PlannedTask, ...],
    chat: bool,
    engine: EngineOptions,
) -> tuple[Experiment, ...]:
    """All experiments in queue order: for the first seed all tasks, adapters and sampling settings, then the next."""
    configurations = {task: _configuration(args, model, prompts, task, chat, engine) for task in tasks}
    variants = [(adapter.model, adapter.content) for adapter in engine.adapters] or [(model.name, None)]
    settings = list(itertools.product(args.temperature, args.top_p, args.max_new_tokens))
    found: dict[str, Experiment] = {}
    for position in range(max(len(task.seeds) for task in tasks)):
        for task in (task for task in tasks if position < len(task.seeds)):
            for (name, lora), (temperature, top_p, tokens) in itertools.product(variants, settings):
                configuration = replace(
                    configurations[task], lora=lora, temperature=temperature, top_p=top_p, max_new_tokens=tokens
                )
                experiment = Experiment(name, task.name, task.seeds[position], configuration)
                found.setdefault(experiment.name, experiment)
    return tuple(found.values())


def _configuration(
    args: argparse.Namespace, model: Model, prompts: Prompts, task: PlannedTask, chat: bool, engine: EngineOptions
) -> Configuration:
    """The configuration of a task, without an adapter and with the first of several sampling settings."""
    row = task.row
    templated = args.use_chat_template
    system = args.system_prompt if args.system_prompt is not None else prompts.system
    is_base_run = not templated and not chat and model.chat_template is None
    return Configuration(
        weights=model.weights,
        task_version=f"{row.repo} {row.version}" if row.source else str(row.version),
        data_hash=_data_hash(task, args.data_dir),
        temperature=args.temperature[0],
        top_p=args.top_p[0],
        max_new_tokens=args.max_new_tokens[0],
        max_model_length=engine.max_model_length,
        stop=_stop_sequences(args.stop, task, prompts, is_base_run),
        engine_args=altering(engine.engine_args),
        endpoint="chat" if chat else "completions",
        system_prompt=(system or None) if templated else None,
        chat_template_hash=model.chat_template_hash if templated and not chat else None,
        chat_template_kwargs=json.dumps(args.chat_template_kwargs, sort_keys=True),
        prompt_template=prompts.texts.get(row.template),
        num_fewshot=task.num_fewshot,
        **{name: getattr(args, name) for name in CONFIGURATION_FLAGS},
    )


def _data_hash(task: PlannedTask, data_dir: str | None) -> str:
    """What identifies the task's problems and, if they come from another local file, its few-shot examples."""
    row, content = task.row, data.data_hash(task.row, data_dir)
    if task.num_fewshot and row.fewshot_split and (examples := data.find_file(row, data_dir, row.fewshot_split)):
        content += f" few-shot {data.data_hash(replace(row, file=str(examples)), None)}"
    return content


def _stop_sequences(given: list[str] | None, task: PlannedTask, prompts: Prompts, is_base_run: bool) -> tuple[str, ...]:
    """The texts that end an answer: those of --stop; without it, for a base model, what would begin another problem."""
    if given is not None:
        return tuple(text for text in given if text)
    return prompts.next_problem(task.row.template) if is_base_run and not task.row.source else ()


def _warnings(adapters: tuple[Adapter, ...], model: Model, plain: bool) -> Iterator[str]:
    if plain and model.chat_template is not None:
        yield (
            f"{model.source} has a chat template, but prompts are sent without it, as to a base model; "
            "add --use_chat_template unless this is intended"
        )
    for adapter in adapters:
        if (base := other_base(adapter, model)) is not None:
            yield f"--lora {adapter.folder} names {base} as its base model, but --model is {model.source}"
