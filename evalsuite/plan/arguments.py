"""main.py's flags. Light to import: `--help` and a mistyped flag answer at once."""

import argparse
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from evalsuite.errors import EXIT_USAGE, UserError
from evalsuite.files import ROOT

MAX_SEED = 2**31 - 1


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=min(110, int(os.environ.get("COLUMNS", "110"))))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, not the two screens of argparse's usage."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; --help lists all flags\n")


def parser() -> argparse.ArgumentParser:
    """The parser of main.py. Several values after one flag are fused into one sweep."""
    top = _Parser(
        prog="main.py",
        description="Evaluate one model on tasks and seeds: one engine, one queue.",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    _what(top.add_argument_group("what is evaluated"))
    _prompting(top.add_argument_group("prompts"))
    _sampling(top.add_argument_group("sampling (several values of the first three are fused like seeds)"))
    _engine(top.add_argument_group("engine"))
    _server(top.add_argument_group("a server that is already running"))
    _run(top.add_argument_group("the run"))
    _uploads(top.add_argument_group("scores elsewhere"))
    return top


def _what(group: Any) -> None:
    group.add_argument("--model", required=True, help="hub id, folder in Hugging Face format, or NAME=either")
    group.add_argument("--lora", nargs="+", default=[], metavar="[NAME=]FOLDER", help="LoRA adapters (PEFT's format), "
                       "each evaluated in the model's place, all by one engine")  # fmt: skip
    group.add_argument("--task", nargs="+", required=True, help="task names; `aime24`, `aime24|4` (few-shot examples)")
    group.add_argument("--seed", nargs="+", type=seeds, default=[[0]], help="seeds; ranges too: 0-9")
    group.add_argument(
        "--task_seeds", nargs="+", default=[], metavar="TASK=SEEDS", help="a task's own seeds: aime24=0-31"
    )
    group.add_argument("--output_dir", default="output", help="where the output tree grows")
    group.add_argument(
        "--custom_tasks_directory", default=str(ROOT / "lighteval_tasks.py"), help="the task table's file"
    )
    group.add_argument(
        "--data_dir", help="folder with <task>.jsonl, <task>.parquet or <task>/test.jsonl, before the hub"
    )
    group.add_argument("--max_samples", type=positive, help="ask only the first N problems of a fixed shuffle")
    group.add_argument("--ids", nargs="+", help="ask only the problems with these ids")
    group.add_argument("--filter", help="ask only problems whose fields satisfy this, e.g. 'level>=4'")


def _prompting(group: Any) -> None:
    group.add_argument("--use_chat_template", action="store_true", help="render prompts with the model's chat template")
    group.add_argument("--system_prompt", help="text or @file; default: SYSTEM_PROMPT of prompts.json; '' for none")
    group.add_argument(
        "--chat_template_kwargs", type=json_object, default={}, help="JSON, e.g. '{\"enable_thinking\": true}'"
    )


def _sampling(group: Any) -> None:
    group.add_argument(
        "--temperature", nargs="+", type=number(0, 100), default=[0.8], help="sampling temperatures; 0 is greedy"
    )
    group.add_argument("--top_p", nargs="+", type=number(0, 1, open_low=True), default=[0.9], help="nucleus sampling")
    group.add_argument("--max_new_tokens", nargs="+", type=positive, default=[32768], help="longest answer in tokens")
    group.add_argument("--top_k", type=int, default=-1, help="keep the k likeliest tokens; -1: all")
    group.add_argument("--min_p", type=number(0, 1), default=0.0, help="drop tokens below this share of the likeliest")
    group.add_argument("--repetition_penalty", type=number(0, 10, open_low=True), default=1.0, help="1: none")
    group.add_argument("--presence_penalty", type=number(-2, 2), default=0.0, help="0: none")
    group.add_argument("--stop", nargs="+", help="strings that end an answer; '' for none. Default: none; for a model "
                       "without a chat template what would begin the next problem")  # fmt: skip
    group.add_argument("--sampling", choices=("given", "model"), default="given",
                       help="model: take what the model's generation_config.json recommends, on record")  # fmt: skip


def _engine(group: Any) -> None:
    group.add_argument("--dtype", default="auto", help="auto, bfloat16, float16 or float32")
    group.add_argument(
        "--max_model_length", type=positive, help="prompt and answer in tokens; default: the model's own"
    )
    group.add_argument("--max_num_seqs", type=positive, default=256, help="completions the engine runs at once")
    group.add_argument("--max_num_batched_tokens", type=positive, help="tokens in one engine step")
    group.add_argument("--tensor_parallel_size", type=positive, default=1, help="GPUs that share each layer")
    group.add_argument("--pipeline_parallel_size", type=positive, default=1, help="GPUs that share the layers in turn")
    group.add_argument("--data_parallel_size", type=positive, default=1, help="copies of the model")
    group.add_argument(
        "--nodes", type=positive, default=1, help="machines of a Slurm job that one model is spread over"
    )
    group.add_argument("--gpu_memory_utilization", type=number(0, 1, open_low=True), help="share of a GPU's memory")
    group.add_argument("--quantization", help="vLLM's quantization method")
    group.add_argument("--kv_cache_dtype", help="vLLM's KV cache type")
    group.add_argument("--revision", help="commit, branch or tag of a hub model")
    group.add_argument("--trust_remote_code", action="store_true", help="run the code that a model's repository brings")
    group.add_argument(
        "--batch_invariant", action="store_true", help="bits that do not depend on the batch (some GPUs)"
    )
    group.add_argument("--engine_args", default="", help="further vLLM arguments, as on a command line or as JSON")
    group.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto", help="where vLLM runs")
    group.add_argument("--engine_python", default=os.environ.get("ENGINE_PYTHON") or sys.executable,
                       help="the Python whose vLLM serves")  # fmt: skip
    group.add_argument(
        "--engine_restarts", type=int, default=5, help="restarts in a row without progress before giving up"
    )


def _server(group: Any) -> None:
    group.add_argument("--base_url", help="an OpenAI-compatible server, e.g. http://127.0.0.1:8000; starts no engine")
    group.add_argument("--endpoint", choices=("auto", "completions", "chat"), default="auto",
                       help="auto: completions with token ids where a tokenizer is at hand, else chat")  # fmt: skip
    group.add_argument("--served_model", help="the name the server knows; default: asked from the server, else --model")
    group.add_argument("--api_key_env", default="OPENAI_API_KEY", help="the variable that holds the key")
    group.add_argument("--request_timeout", type=number(0, 1e9, open_low=True), help="longest wait for one answer in s")
    group.add_argument("--stall_seconds", type=number(0, 1e9, open_low=True), default=600.0,
                       help="no token from any request for this long: the server hangs")  # fmt: skip


def _run(group: Any) -> None:
    group.add_argument("--overwrite", action="store_true", help="start afresh; the old folders are moved aside")
    group.add_argument("--regrade", action="store_true", help="grade finished experiments again; starts no engine")
    group.add_argument(
        "--rescore_at", type=positive, metavar="N", help="score finished experiments as if cut at N tokens; no engine"
    )
    group.add_argument("--wait", action="store_true", help="wait for experiments that another run holds")
    group.add_argument(
        "--allow_broken", action="store_true", help="go on with a model whose answers are empty or cut off"
    )
    group.add_argument("--judge_base_url", help="a server for second opinions on rejected answers: metric judge_match")
    group.add_argument("--judge_model", help="the judge's name on its server; default: its first")
    group.add_argument("--judge_api_key_env", default="JUDGE_API_KEY", help="the variable that holds the judge's key")
    group.add_argument(
        "--grade_jobs", type=positive, help="grading processes; default: one a core, one beside a CPU engine"
    )
    group.add_argument("--log_dir", help="folder of the engine's log; default: OUTPUT_DIR/logs")
    group.add_argument("--dry_run", action="store_true", help="say what would be done, and how much that is")
    group.add_argument("--elsewhere", action="store_true", help="with --dry_run: another machine's GPUs will do it")


def _uploads(group: Any) -> None:
    group.add_argument("--wandb", nargs="?", const=os.environ.get("WANDB_PROJECT", ""), metavar="PROJECT",
                       help="log scores to Weights & Biases, or trackio; without a name: to WANDB_PROJECT")  # fmt: skip
    group.add_argument("--tensorboard", action="store_true", help="write scores as TensorBoard events, beside results/")
    group.add_argument("--push_to_hub", metavar="ORG", help="push results and details to private data sets of ORG")


def positive(text: str) -> int:
    """A whole number from 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def number(low: float, high: float, open_low: bool = False) -> Any:
    """An argument type: a finite number in [low, high], or (low, high]."""

    def parse(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or not low <= value <= high or (open_low and value == low):
            raise argparse.ArgumentTypeError(f"{text} is not in {'(' if open_low else '['}{low:g}, {high:g}]")
        return value

    parse.__name__ = "number"
    return parse


def seeds(text: str) -> list[int]:
    """Seeds from `7`, `0-9` or `0,2,4-6`.

    >>> seeds("0,2,4-6")
    [0, 2, 4, 5, 6]
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if match is None:
            raise argparse.ArgumentTypeError(f"{text!r} is not a seed, a list or a range such as 0-9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last > MAX_SEED or last - first > 100_000:
            raise argparse.ArgumentTypeError(f"seeds {part} are out of order or above {MAX_SEED}")
        found += range(first, last + 1)
    return found


def json_object(text: str) -> dict[str, Any]:
    """A JSON object given as one argument."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("a JSON object is expected, in braces")
    return value


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse main.py's flags and settle what argparse cannot: seeds as one list, NAME=MODEL, text from files."""
    args = parser().parse_args(argv)
    args.seed = list(dict.fromkeys(seed for group in args.seed for seed in group))
    args.name, args.model = split_name(args.model)
    if args.system_prompt is not None and not args.use_chat_template:
        raise UserError("--system_prompt is used only with a chat template; add --use_chat_template, or leave it out")
    if args.system_prompt and args.system_prompt.startswith("@"):
        args.system_prompt = _text_of(args.system_prompt[1:])
    for name in ("temperature", "top_p", "max_new_tokens"):
        setattr(args, name, list(dict.fromkeys(getattr(args, name))))
    return args


def split_name(model: str) -> tuple[str, str]:
    """NAME and model of `NAME=MODEL`; without a name a hub id goes by itself and a folder by its last part.

    >>> split_name("base=./ckpt/step-100"), split_name("./ckpt/step-100/"), split_name("Qwen/Qwen3-8B")
    (('base', './ckpt/step-100'), ('step-100', './ckpt/step-100/'), ('Qwen/Qwen3-8B', 'Qwen/Qwen3-8B'))
    """
    name, separator, path = model.partition("=")
    if separator and not Path(model).exists():
        if not name or not path:
            raise UserError(f"--model {model!r}: give NAME=PATH_OR_HUB_ID, both sides filled")
        if name.endswith("@"):
            raise UserError(
                f"--model {model!r}: give the step, {name}400=; run_interactive.sh reads it from the folder"
            )
        return name, path
    if Path(model).is_dir() or model.startswith((".", "/", "~")):
        return Path(model).expanduser().resolve().name, str(Path(model).expanduser()) if model.startswith(
            "~"
        ) else model
    return model, model


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"--system_prompt @{path}: {error}") from error
