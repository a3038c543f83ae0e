"""Extracts from folder and file names what they say: seeds, dates, tasks, and the parameters of earlier suites.

Earlier suites kept some parameters only in their folders' names:

<seed>-<temperature>-<top_p>-<dtype>-<max_num_seqs>-<max_num_batched_tokens>-<task>-<max_model_length>
<seed>-<temperature>-<top_p>-<task>-<max_new_tokens>                    (sober-reasoning)
"""

import re
from typing import Any

DTYPES = "bfloat16|float16|float32|half|bf16|fp16|fp32|auto"
_NUMBER = r"\d+(?:\.\d+)?(?:e-?\d+)?"
_SUITE = re.compile(
    rf"(?P<seed>\d{{1,18}})-(?P<temperature>{_NUMBER})-(?P<top_p>{_NUMBER})-(?:(?P<dtype>{DTYPES})-)?"
    r"(?P<before>(?:\d{1,18}-)*)(?P<task>[^\d/-][^/]*?)(?P<after>(?:-\d{1,18})+)(?P<nochat>-nochat)?"
)
_SEED = re.compile(r"seed[-_=: ]?(\d{1,18})(?!\d)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d[-:]\d\d[-:]\d\d(?:\.\d+)?")


def date_in(name: str) -> str:
    """The time stamp that lighteval puts in file and folder names, else an empty string.

    >>> date_in("results_2026-11-23T17-19-27.630043.json")
    '2026-11-23T17-19-27.630043'
    """
    found = _DATE.search(name)
    return found.group() if found else ""


def seed_in(path: str) -> int | None:
    """The seed in the name of the deepest folder that has one, else None.

    >>> seed_in("model/aime24-seed3"), seed_in("seed_1/aime24"), seed_in("model/aime24")
    (3, 1, None)
    """
    suite = parameters_in(path)
    if "seed" in suite:
        return suite["seed"]
    for part in reversed(path.split("/")):
        if found := _SEED.search(part):
            return int(found.group(1))
    return None


def parameters_in(path: str) -> dict[str, Any]:
    """The parameters in an earlier suite's folder name; empty for any other name.

    Numbers whose meaning is not clear from their position are left out.

    >>> parameters_in("m/3-0.8-0.9-bfloat16-128-32768-aime24-32768")["max_model_length"]
    32768
    >>> parameters_in("3-0.8-0.9-gpqa:diamond-16384")
    {'seed': 3, 'temperature': 0.8, 'top_p': 0.9, 'task': 'gpqa:diamond', 'max_new_tokens': 16384}
    """
    for part in reversed(path.split("/")):
        if found := _SUITE.fullmatch(part):
            return _parameters(found)
    return {}


def _parameters(found: re.Match) -> dict[str, Any]:
    values: dict[str, Any] = {name: float(found[name]) for name in ("temperature", "top_p")}
    values = {"seed": int(found["seed"]), **values, "task": found["task"]}
    before = [int(number) for number in found["before"].split("-") if number]
    after = [int(number) for number in found["after"].split("-") if number]
    if found["dtype"]:
        values["dtype"] = found["dtype"]
        if len(before) == 2:
            values["max_num_seqs"], values["max_num_batched_tokens"] = before
        if len(after) == 1:
            values["max_model_length"] = after[0]
    elif not before and len(after) == 1:
        values["max_new_tokens"] = after[0]
    if found["nochat"]:
        values["use_chat_template"] = False
    return values


def split_key(key: str) -> tuple[str, int]:
    """Split a task key of lighteval into the task's name and its number of few-shot examples.

    >>> split_key("custom|aime24|0"), split_key("lighteval|gpqa:diamond|4|0"), split_key("aime24")
    (('aime24', 0), ('gpqa:diamond', 4), ('aime24', 0))
    """
    words = key.split("|")
    numbers = []
    while len(words) > 1 and len(words[-1]) < 5 and words[-1].isdecimal():
        numbers.append(int(words.pop()))
    return words[-1] or key, numbers[-1] if numbers else 0


def task_of(key: str) -> str:
    """The task as users write it, with the number of few-shot examples only if there are any.

    >>> task_of("custom|aime24|0"), task_of("gsm8k|4")
    ('aime24', 'gsm8k|4')
    """
    name, shots = split_key(key)
    return f"{name}|{shots}" if shots else name


def task_key_in(details_name: str) -> str:
    """The task key of lighteval in the name of a details file.

    >>> task_key_in("details_custom|aime24|0_2025-08-22T08-19-11.101997.parquet")
    'custom|aime24|0'
    """
    stem = details_name.removeprefix("details_").removesuffix(".parquet")
    date = date_in(stem)
    return stem.removesuffix(date).rstrip("_") if date else stem
