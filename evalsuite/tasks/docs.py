"""From a problem to lighteval's Doc: what is sent, and what the metrics need to know."""

import re
from collections.abc import Callable
from typing import Any

from lighteval.tasks.requests import Doc

from evalsuite.tasks.prompts import LETTERS, Prompts
from evalsuite.tasks.rows import canonical
from evalsuite.tasks.table import Task


def prompt_function(task: Task, prompts: Prompts) -> Callable[[dict[str, Any], str], Doc]:
    """What lighteval calls on every row, ours or as the hub has it, to make a Doc."""

    def prompt(line: dict[str, Any], task_name: str = "") -> Doc:
        index = line.get("__index", 0)
        row = line if "problem_hash" in line else canonical(task, line, f"{task.repo or task.file} row {index}", index)
        return make_doc(task, prompts, row, task_name, few_shot=bool(line.get("__few_shots")))

    prompt.__name__ = f"{task.template.lower()}_prompt"  # lighteval writes it into the results
    return prompt


def make_doc(task: Task, prompts: Prompts, row: dict[str, Any], task_name: str, few_shot: bool = False) -> Doc:
    """A problem as lighteval's Doc; as a worked example, its one choice is the solution with the boxed answer."""
    query = prompts.render(task.template, row["problem"], row["choices"])
    if few_shot:
        return Doc(task_name=task_name, query=query, choices=[_worked(row)], gold_index=0)
    golds = list(LETTERS[: len(row["choices"])]) if task.kind == "mcq" else [_extractable(row["gold"], task.kind)]
    specific = {key: row[key] for key in ("gold", "tolerance", "unit")}
    return Doc(
        task_name=task_name,
        query=query,
        choices=golds,
        gold_index=golds.index(row["gold"]) if task.kind == "mcq" else 0,
        original_query=row["problem"],
        specific={"problem": row["problem_hash"], "kind": task.kind, **specific},
    )


def _extractable(gold: str, kind: str) -> str:
    """The gold as lighteval can read it: LaTeX between two dollars, and no others (OlympiadBench has strays)."""
    return gold if kind == "expr" else f"${_undollared(gold)}$"


def _worked(row: dict[str, Any]) -> str:
    solution = re.sub(r"<<[^>]*>>", "", row["solution"]).partition("####")[0].strip()  # GSM8K's marks
    if "\\boxed" in solution:
        return solution
    return f"{solution}\nThe final answer is $\\boxed{{{_undollared(row['gold'])}}}$.".strip()


def _undollared(text: str) -> str:
    return re.sub(r"(?<!\\)\$", "", text)
