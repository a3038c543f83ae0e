"""main.py's flags. This module imports nothing heavy, so `--help` and a mistyped flag answer immediately."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from evalsuite.errors import EXIT_USAGE, UserError
from evalsuite.files import ROOT
from evalsuite.plan.argument_types import json_object, number, positive, seeds

USAGE = "main.py --model MODEL --task TASK [TASK ...] [options]"  # the generated one takes twenty lines


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse main.py's flags, and then whatever argparse cannot parse by itself.

    In the result, `seed` is one list of seeds, `task_seeds` a list of pairs (task, seeds), `name` the model's name, and
    `system_prompt` a text even if it was given as @file. Values given twice count once.
    Raises UserError or exits with code 2 for an invalid flag.
    """
    args = parser().parse_args(argv)
    args.seed = [seed for group in args.seed for seed in group]
    for name in ("seed", "temperature", "top_p", "max_new_tokens"):
        setattr(args, name, list(dict.fromkeys(getattr(args, name))))
    args.task_seeds = [_task_seeds(entry) for group in args.task_seeds for entry in group.split()]
    args.name, args.model = split_name(args.model)
    if args.system_prompt is not None and not args.use_chat_template:
        raise UserError("--system_prompt needs a chat template; add --use_chat_template, or leave it out")
    if args.system_prompt and args.system_prompt.startswith("@"):
        args.system_prompt = _read_system_prompt(args.system_prompt[1:])
    return args


def split_name(model: str) -> tuple[str, str]:
    """The name and the model in `NAME=MODEL`. Without a name, it is the hub id, or the last part of a folder's path.

    Raises UserError for an incomplete NAME=MODEL.

    >>> split_name("base=./ckpt/step-100"), split_name("./ckpt/step-100/"), split_name("Qwen/Qwen3-8B")
    (('base', './ckpt/step-100'), ('step-100', './ckpt/step-100/'), ('Qwen/Qwen3-8B', 'Qwen/Qwen3-8B'))
    """
    name, separator, path = model.partition("=")
    if separator and not Path(model).exists():
        if not name or not path:
            raise UserError(f"--model {model!r}: write NAME=PATH_OR_HUB_ID")
        if name.endswith("@"):
            raise UserError(
                f"--model {model!r}: give the step, {name}400=...; only run_interactive.sh takes it from the folder"
            )
        return name, path
    if model.startswith("~"):
        model = str(Path(model).expanduser())
    if Path(model).is_dir() or model.startswith((".", "/")):
        return Path(model).resolve().name, model
    return model, model


class _Formatter(argparse.HelpFormatter):
    """Shows a flag's default if it says something: not for switches, nor if the help text describes it."""

    def __init__(self, prog: str) -> None:
        columns = int(os.environ.get("COLUMNS", "100"))
        super().__init__(prog, max_help_position=28, width=min(100, columns))

    def _get_help_string(self, action: argparse.Action) -> str:
        text, default = action.help or "", action.default
        if default is None or default is False or default in ("", [], {}, argparse.SUPPRESS) or "default" in text:
            return text
        shown = " ".join(map(str, default)) if isinstance(default, list) else default
        return f"{text} (default: {shown})"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line instead of argparse's usage, which takes two screens."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; --help lists all flags\n")


def parser() -> argparse.ArgumentParser:
    """The parser of main.py."""
    top = _Parser(
        prog="main.py",
        usage=USAGE,
        description="Evaluate one model on tasks and seeds. All requests go to one engine in one queue.",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    _add_subject(top.add_argument_group("what to evaluate"))
    _add_prompts(top.add_argument_group("prompts"))
    _add_sampling(top.add_argument_group(
        "sampling", "Several values of the first three flags are evaluated in all combinations, like several seeds."
    ))  # fmt: skip
    _add_engine(top.add_argument_group("engine"))
    _add_server(top.add_argument_group("a server that is already running"))
    _add_run(top.add_argument_group("run"))
    _add_uploads(top.add_argument_group("uploads"))
    return top


def _add_subject(group: Any) -> None:
    add = group.add_argument
    add("--model", required=True, metavar="MODEL",
        help="hub id, or folder in Hugging Face format; NAME=MODEL gives it a name")  # fmt: skip
    add("--lora", nargs="+", default=[], metavar="[NAME=]FOLDER",
        help="LoRA adapters in PEFT format; each is evaluated in place of the model, all by one engine")  # fmt: skip
    add("--task", nargs="+", required=True, metavar="TASK",
        help="task names, such as aime24; gsm8k|5 adds five few-shot examples")  # fmt: skip
    add("--seed", nargs="+", type=seeds, default=[[0]], metavar="SEEDS",
        help="seeds, such as 7, 0-9 or 0,2,4-6 (default: 0)")  # fmt: skip
    add("--task_seeds", nargs="+", default=[], metavar="TASK=SEEDS",
        help="other seeds for one task, such as aime24=0-31")  # fmt: skip
    add("--output_dir", default="output", metavar="FOLDER", help="folder for all results")
    add("--custom_tasks_directory", default=str(ROOT / "lighteval_tasks.py"), metavar="FILE",
        help="Python file with the task table (default: the suite's lighteval_tasks.py)")  # fmt: skip
    add("--data_dir", metavar="FOLDER",
        help="folder with <task>.jsonl, <task>.parquet or <task>/test.jsonl, used instead of the hub")  # fmt: skip
    add("--max_samples", type=positive, metavar="N", help="ask only N problems of each task: a fixed random sample")
    add("--ids", nargs="+", metavar="ID", help="ask only the problems with these ids")
    add("--filter", metavar="TEXT", help="ask only problems whose fields satisfy a condition, such as 'level>=4'")


def _add_prompts(group: Any) -> None:
    add = group.add_argument
    add("--use_chat_template", action="store_true", help="format prompts with the model's chat template")
    add("--system_prompt", metavar="TEXT",
        help="system prompt, or @FILE; '' for none (default: SYSTEM_PROMPT in prompts.json)")  # fmt: skip
    add("--chat_template_kwargs", type=json_object, default={}, metavar="JSON",
        help="arguments of the chat template, such as '{\"enable_thinking\": true}'")  # fmt: skip


def _add_sampling(group: Any) -> None:
    add = group.add_argument
    add("--temperature", nargs="+", type=number(0, 100), default=[0.8], metavar="T",
        help="sampling temperature; 0 is greedy decoding")  # fmt: skip
    add("--top_p", nargs="+", type=number(0, 1, open_low=True), default=[0.9], metavar="P",
        help="nucleus sampling: keep the most likely tokens whose probabilities add up to P")  # fmt: skip
    add("--max_new_tokens", nargs="+", type=positive, default=[32768], metavar="N", help="maximum tokens of an answer")
    add("--top_k", type=int, default=-1, metavar="K", help="keep the K most likely tokens; -1 keeps all")
    add("--min_p", type=number(0, 1), default=0.0, metavar="P",
        help="drop tokens less likely than this fraction of the top token")  # fmt: skip
    add("--repetition_penalty", type=number(0, 10, open_low=True), default=1.0, metavar="X",
        help="penalty on repeated tokens; 1 is none")  # fmt: skip
    add("--presence_penalty", type=number(-2, 2), default=0.0, metavar="X",
        help="penalty on tokens already generated; 0 is none")  # fmt: skip
    add("--stop", nargs="+", metavar="TEXT",
        help="texts that end an answer; '' for none (default: none, but for a model without a chat template whatever "
        "would begin the next problem)")  # fmt: skip
    add("--sampling", choices=("given", "model"), default="given",
        help="model: use the sampling settings in the model's generation_config.json")  # fmt: skip


def _add_engine(group: Any) -> None:
    add = group.add_argument
    add("--dtype", default="auto", help="auto, bfloat16, float16 or float32")
    add("--max_model_length", type=positive, metavar="N",
        help="maximum tokens of prompt and answer together (default: the model's own)")  # fmt: skip
    add("--max_num_seqs", type=positive, default=256, metavar="N", help="requests that the engine runs in parallel")
    add("--max_num_batched_tokens", type=positive, metavar="N", help="maximum tokens in one engine step")
    add("--tensor_parallel_size", type=positive, default=1, metavar="N", help="GPUs that share every layer")
    add("--pipeline_parallel_size", type=positive, default=1, metavar="N",
        help="GPUs that each hold some of the layers")  # fmt: skip
    add("--data_parallel_size", type=positive, default=1, metavar="N", help="copies of the model")
    add("--nodes", type=positive, default=1, metavar="N", help="nodes of a Slurm job over which one model is spread")
    add("--gpu_memory_utilization", type=number(0, 1, open_low=True), metavar="X",
        help="fraction of a GPU's memory that the engine may use")  # fmt: skip
    add("--quantization", metavar="METHOD", help="vLLM's quantization method")
    add("--kv_cache_dtype", metavar="TYPE", help="data type of vLLM's KV cache")
    add("--revision", help="commit, branch or tag of a model on the hub")
    add("--trust_remote_code", action="store_true", help="run code that comes with the model")
    add("--batch_invariant", action="store_true",
        help="make answers independent of the batch that they are computed in (some GPUs only)")  # fmt: skip
    add("--engine_args", default="", metavar="ARGS", help="further arguments for vLLM, as on a command line or as JSON")
    add("--device", choices=("auto", "cuda", "cpu"), default="auto", help="device on which vLLM runs")
    add("--engine_python", default=os.environ.get("ENGINE_PYTHON") or sys.executable, metavar="PROGRAM",
        help="Python of the environment whose vLLM is used (default: ENGINE_PYTHON, else this Python)")  # fmt: skip
    add("--engine_restarts", type=int, default=5, metavar="N",
        help="give up after N restarts in a row without a finished answer")  # fmt: skip


def _add_server(group: Any) -> None:
    add = group.add_argument
    add("--base_url", metavar="URL",
        help="address of an OpenAI-compatible server, such as http://127.0.0.1:8000; no engine is started")  # fmt: skip
    add("--endpoint", choices=("auto", "completions", "chat"), default="auto",
        help="completions gets token ids, chat gets messages; auto: completions if there is a tokenizer")  # fmt: skip
    add("--served_model", metavar="NAME",
        help="name of the model on the server (default: the server is asked, else that of --model)")  # fmt: skip
    add("--api_key_env", default="OPENAI_API_KEY", metavar="NAME", help="environment variable with the server's key")
    add("--request_timeout", type=number(0, 1e9, open_low=True), metavar="SECONDS",
        help="longest time to wait for one answer (default: no limit)")  # fmt: skip
    add("--stall_seconds", type=number(0, 1e9, open_low=True), default=600.0, metavar="SECONDS",
        help="treat the server as hung if no request gets a token for this long")  # fmt: skip


def _add_run(group: Any) -> None:
    add = group.add_argument
    add("--overwrite", action="store_true", help="run everything again; the old folders are moved aside, not deleted")
    add("--regrade", action="store_true", help="grade finished experiments again, without an engine")
    add("--rescore_at", type=positive, metavar="N",
        help="score finished experiments as if generation had stopped at N tokens, without an engine")  # fmt: skip
    add("--wait", action="store_true", help="wait for experiments that another run is working on")
    add("--allow_broken", action="store_true", help="continue even if nearly all answers are empty or truncated")
    add("--judge_base_url", metavar="URL",
        help="server for a second opinion on rejected answers, which becomes the metric judge_match")  # fmt: skip
    add("--judge_model", metavar="NAME", help="name of the judge on its server (default: the server's first model)")
    add("--judge_api_key_env", default="JUDGE_API_KEY", metavar="NAME",
        help="environment variable with the key of the judge's server")  # fmt: skip
    add("--grade_jobs", type=positive, metavar="N",
        help="grading processes (default: one per core, less one if the engine runs on the CPU)")  # fmt: skip
    add("--log_dir", metavar="FOLDER", help="folder for logs (default: OUTPUT_DIR/logs)")
    add("--dry_run", action="store_true", help="show what would be done, and how much work that is")
    add("--elsewhere", action="store_true",
        help="with --dry_run: the run will be on another machine, so do not check this one's GPUs")  # fmt: skip


def _add_uploads(group: Any) -> None:
    add = group.add_argument
    add("--wandb", nargs="?", const=os.environ.get("WANDB_PROJECT", ""), metavar="PROJECT",
        help="log scores to Weights & Biases, or to trackio; without PROJECT, to that of WANDB_PROJECT")  # fmt: skip
    add("--tensorboard", action="store_true", help="write scores as TensorBoard events into each experiment's folder")
    add("--push_to_hub", metavar="ORG", help="push results and details to private data sets of ORG on the hub")


def _task_seeds(entry: str) -> tuple[str, list[int]]:
    """Task and seeds of `TASK=SEEDS`."""
    task, separator, text = entry.partition("=")
    if not separator:
        raise UserError(f"--task_seeds {entry!r}: write TASK=SEEDS, such as aime24=0-31")
    try:
        return task, seeds(text)
    except argparse.ArgumentTypeError as error:
        raise UserError(f"--task_seeds {entry!r}: {error}") from error


def _read_system_prompt(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"--system_prompt @{path}: {error}") from error
