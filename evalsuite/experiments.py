"""The experiments that arguments stand for, each with its whole configuration."""

import argparse
import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from evalsuite.engine.command import EngineOptions, altering
from evalsuite.identity import Configuration, Experiment
from evalsuite.model import Model
from evalsuite.tasks import data
from evalsuite.tasks.prompts import Prompts

if TYPE_CHECKING:
    from evalsuite.plan import PlannedTask


def every_experiment(
    args: argparse.Namespace,
    model: Model,
    prompts: Prompts,
    tasks: tuple["PlannedTask", ...],
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


def _stop(given: list[str] | None, task: "PlannedTask", prompts: Prompts, base_run: bool) -> tuple[str, ...]:
    """What ends an answer: --stop; without it, for a base model, what would begin another problem of ours."""
    if given is not None:
        return tuple(text for text in given if text)
    return prompts.next_problem(task.row.template) if base_run and not task.row.source else ()


def _of_task(common: Configuration, task: "PlannedTask", prompts: Prompts, data_dir: str | None) -> Configuration:
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
