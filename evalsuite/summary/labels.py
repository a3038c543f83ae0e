"""Describes in words what distinguishes configurations, under which conditions a number was measured, and coverage."""

import json
import re
from collections.abc import Iterable
from typing import Any

BATCHING = ("max_num_seqs", "max_num_batched_tokens")  # circumstances, though the file lists them as configuration
TASK_SETTINGS = ("prompt_template", "prompts_hash", "task_version", "data_hash", "num_fewshot")  # follow from the task
CONDITIONS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "max_new_tokens",
              "max_model_length", "use_chat_template", "chat_template_kwargs", "system_prompt", "stop",
              *TASK_SETTINGS)  # fmt: skip
_MAX_VALUE = 40  # characters of a value


def flatten(configuration: dict[str, Any], ignore: Iterable[str] = ()) -> dict[str, Any]:
    """Flatten a nested configuration into {dotted path: value}.

    >>> flatten({"top_p": 1, "chat_template_kwargs": {"enable_thinking": True}})
    {'top_p': 1, 'chat_template_kwargs.enable_thinking': True}
    >>> flatten({"engine_args": ["--hf-overrides", '{"rope_theta": 5}', "--calculate-kv-scales"]})
    {'engine_args.hf_overrides.rope_theta': 5, 'engine_args.calculate_kv_scales': True}
    """
    leaves: dict[str, Any] = {}
    for key, value in configuration.items():
        if key in ignore:
            continue
        value = _flags(value) if key == "engine_args" and isinstance(value, list) else value
        inner = flatten(value) if isinstance(value, dict) else None
        leaves.update({f"{key}.{name}": leaf for name, leaf in inner.items()} if inner else {key: value})
    return leaves


def _flags(arguments: list[Any]) -> dict[str, Any]:
    """Parse command-line flags into {flag: value}; JSON values are parsed too, so that their parts can be compared."""
    found: dict[str, Any] = {}
    for flag, joined, values in _grouped(map(str, arguments)):
        values = [joined, *values] if joined is not None else values
        text = " ".join(values)
        try:
            read = json.loads(text) if text.startswith("{") else text
        except ValueError:
            read = text
        found[flag.lstrip("-").replace("-", "_")] = read if values else True
    return found


def _grouped(arguments: Iterable[str]) -> list[tuple[str, str | None, list[str]]]:
    """Split arguments into (flag, value after `=`, further values)."""
    groups: list[tuple[str, str | None, list[str]]] = []
    for part in arguments:
        if part.startswith("--") or not groups:
            flag, separator, value = part.partition("=")
            groups.append((flag, value if separator else None, []))
        else:
            groups[-1][2].append(part)
    return groups


def differing(configurations: list[dict[str, Any]], ignore: Iterable[str] = BATCHING) -> list[dict[str, Any]]:
    """For each configuration, the flattened settings that are not the same in all of them; unset ones are None."""
    leaves = [{key: value for key, value in flatten(one, ignore).items() if value != {}} for one in configurations]
    keys = dict.fromkeys(key for one in leaves for key in one)
    varied = [key for key in keys if len({_canonical(one.get(key)) for one in leaves}) > 1]
    return [{key: one.get(key) for key in varied} for one in leaves]


def differs_in(configurations: list[dict[str, Any]]) -> list[str]:
    """Describe for each configuration what distinguishes it from the others; empty for a single one.

    >>> differs_in([{"chat_template_kwargs": {"enable_thinking": True}}, {"chat_template_kwargs": {}}])
    ['enable_thinking=true', 'enable_thinking=unset']
    """
    varied = differing(configurations)
    return [", ".join(f"{_leaf(key)}={short_value(value)}" for key, value in one.items()) for one in varied]


def short_value(value: Any) -> str:
    """Shorten a value for display: `unset` for None, eight digits of a hash, text with spaces in quotes.

    >>> short_value(True), short_value(None), short_value(0.6), short_value("a1b2" * 16), short_value("Think first.")
    ('true', 'unset', '0.6', 'a1b2a1b2', '"Think first."')
    """
    if value is None:
        return "unset"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{16,64}", value):
        return value[:8]
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and re.fullmatch(r"[\w.+:/-]+", value):
        text = value
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"


def conditions(configuration: dict[str, Any], circumstances: dict[str, Any]) -> str:
    """Describe the conditions under which a number was measured, for a footnote.

    >>> conditions({"temperature": 0.6, "top_p": 0.95, "max_new_tokens": 32768}, {"vllm_version": "0.32"})
    'temperature 0.6, top-p 0.95, at most 32768 new tokens, vLLM 0.32'
    """
    has = {**circumstances, **configuration}.get
    parts = [f"temperature {has('temperature'):g}"] if _number(has("temperature")) else []
    parts += [f"top-p {has('top_p'):g}"] if _number(has("top_p")) else []
    parts += [f"top-k {has('top_k')}"] if _number(has("top_k")) and has("top_k") > 0 else []
    parts += [f"at most {has('max_new_tokens')} new tokens"] if _number(has("max_new_tokens")) else []
    parts += ["chat template"] if has("use_chat_template") is True else []
    parts += [f"{_leaf(key)}={short_value(value)}" for key, value in flatten(has("chat_template_kwargs") or {}).items()]
    parts += [f"{has('num_fewshot')} examples in the prompt"] if has("num_fewshot") else []
    parts += [str(has(key)) for key in ("dtype", "quantization") if has(key) not in (None, "auto")]
    parts += [f"vLLM {has('vllm_version')}"] if has("vllm_version") else []
    return ", ".join(parts)


def condition_differences(a: dict[str, Any], b: dict[str, Any]) -> str:
    """Describe the conditions in which two compared configurations differ, a's value first; empty if none does.

    >>> condition_differences({"temperature": 0.6, "dtype": "bfloat16"}, {"temperature": 1.0, "dtype": "float16"})
    'temperature 0.6 vs 1'
    """
    first, second = differing([{key: one.get(key) for key in CONDITIONS} for one in (a, b)])
    return ", ".join(f"{_leaf(key)} {short_value(value)} vs {short_value(second[key])}" for key, value in first.items())


def varying(configurations: list[dict[str, Any]], keys: Iterable[str] | None = None) -> list[str]:
    """Describe the settings that are not the same in all configurations, with their values; only `keys` if given.

    >>> varying([{"top_p": 0.9}, {"top_p": 0.95}, {"top_p": 0.9}])
    ['top_p is 0.9, 0.95']
    """
    chosen = configurations if keys is None else [{key: one.get(key) for key in keys} for one in configurations]
    found = differing(chosen, ignore=())
    return [
        f"{_leaf(key)} is {abbreviated(dict.fromkeys(short_value(one[key]) for one in found), 3)}"
        for key in (found[0] if found else ())
    ]


def coverage(rows: Iterable[dict[str, Any]]) -> str:
    """The number of problems that the rows of one task cover, and the total if the task has more.

    >>> coverage([{"n_problems": 50, "problems_total": 500}, {"n_problems": 500, "problems_total": 500}])
    '50 to 500'
    >>> coverage([{"n_problems": 50, "problems_total": 500}])
    '50 of 500'
    """
    rows = list(rows)
    sizes = sorted({row["n_problems"] for row in rows})
    total = max((row.get("problems_total") or 0 for row in rows), default=0)
    counted = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"{counted} of {total}" if total > sizes[-1] else counted


def abbreviated(values: Iterable[Any], most: int = 4) -> str:
    """The first few values, and the number of the others.

    >>> abbreviated([1, 2, 3, 4, 5, 6])
    '1, 2, 3, 4 and 2 more'
    """
    listed = [str(value) for value in values]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def natural_order(name: str) -> list:
    """A sort key that compares numbers in names as numbers: checkpoint-400 before checkpoint-1000.

    >>> sorted(["run@1000", "run@400"], key=natural_order)
    ['run@400', 'run@1000']
    """
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in re.split(r"(\d{1,18})", name)]


def _leaf(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _canonical(value: Any) -> str:
    return json.dumps(float(value) if _number(value) else value, sort_keys=True)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
