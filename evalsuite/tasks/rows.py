"""From a data set's row, whatever its columns are called, to the one form the suite works with."""

import hashlib
import re
import unicodedata
from typing import Any

from evalsuite.errors import UserError
from evalsuite.tasks.problems import problem_hash
from evalsuite.tasks.prompts import LETTERS
from evalsuite.tasks.table import Task

_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")


def canonical(task: Task, raw: dict[str, Any], where: str, index: int) -> dict[str, Any]:
    """One problem: `{id, problem, gold, choices, solution, tolerance, unit, problem_hash, fields}`.

    `where` names the row in errors. `tolerance` is relative to the gold, 0.0 where answers are exact; `choices` is
    empty but for multiple choice, whose gold is a letter; `fields` are the row's own columns, for filters.
    Raises UserError when a column is missing or holds no text.
    """
    problem = _text(task, raw, "problem", where)
    row = {"id": str(_value(task, raw, "id", index)), "problem": problem, "choices": []}
    if task.kind == "mcq":
        row["choices"], row["gold"] = _choices(task, raw, problem, where)
    else:
        row["gold"] = normalise_answer(_text(task, raw, "answer", where), task)
    solution = _value(task, raw, "solution", "")
    row["solution"] = str((solution[0] if solution else "") if isinstance(solution, list) else solution or "").strip()
    row["tolerance"] = _tolerance(task, raw, row["gold"])
    row["unit"] = str(raw.get(task.unit_column) or "").strip()
    row["problem_hash"] = problem_hash(problem, row["gold"])
    row["fields"] = {key: value for key, value in raw.items() if not key.startswith("__")}
    return row


def name_repeats(rows: list[dict[str, Any]]) -> None:
    """Give the second and later copies of a problem hashes of their own: every row of a task is matched by its hash."""
    seen: dict[str, int] = {}
    for row in rows:
        name = row["problem_hash"]
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            row["problem_hash"] = problem_hash(f"{row['problem']}\0{seen[name]}", row["gold"])


def normalise_answer(answer: str, task: Task) -> str:
    """The gold as every copy of a data set gives it: AIME's 025 and 25, AMC's 27.0 and 27, GSM8K's 1,200 and 1200.

    >>> from evalsuite.tasks.table import Task
    >>> normalise_answer("She buys 3. #### 1,200", Task("t", "expr", "T", answer_after="####"))
    '1200'
    """
    if task.answer_after:
        answer = answer.rpartition(task.answer_after)[2].strip()
    if task.kind != "expr":
        return answer
    if _THOUSANDS.fullmatch(answer):
        answer = answer.replace(",", "")
    if re.fullmatch(r"[-+]?\d+(\.0*)?", answer):
        return str(int(answer.partition(".")[0]))
    return answer


def shuffled(question: str, choices: list[str]) -> list[str]:
    """Choices in an order that only their texts and the question decide: the same on every machine, in every copy.

    >>> shuffled("Q", ["x", "y", "z"]) == shuffled("Q", ["z", "x", "y"])
    True
    """

    def key(choice: str) -> str:
        text = unicodedata.normalize("NFC", f"{question}\0{choice}")
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    return sorted(choices, key=key)


def _choices(task: Task, raw: dict[str, Any], question: str, where: str) -> tuple[list[str], str]:
    right = _text(task, raw, "answer", where)
    wrong = raw.get("incorrect")
    if not isinstance(wrong, list):
        names = task.columns.get("incorrect", ())
        _need(task, raw, names or ("incorrect",), where)
        wrong = [raw[name] for name in names]
    wrong = [str(choice).strip() for choice in wrong]
    if not 1 <= len(wrong) < len(LETTERS) or right in wrong or not all(wrong):
        raise UserError(f"{where}: a question needs 1 to {len(LETTERS) - 1} wrong choices, none empty or the right one")
    choices = shuffled(question, [right, *wrong])
    return choices, LETTERS[choices.index(right)]


def _tolerance(task: Task, raw: dict[str, Any], gold: str) -> float:
    """OlympiadBench gives an absolute tolerance; it becomes relative, which is what the grader takes."""
    try:
        return float(raw[task.tolerance_column]) / abs(float(gold.strip("$ ")))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):  # no such column, none for this row, no number
        return task.tolerance


def _value(task: Task, raw: dict[str, Any], column: str, default: Any) -> Any:
    for name in (column, *task.columns.get(column, ())):
        if raw.get(name) is not None:
            return raw[name]
    return default


def _text(task: Task, raw: dict[str, Any], column: str, where: str) -> str:
    value = _value(task, raw, column, None)
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value).strip():
        return str(value).strip()
    names = (column, *task.columns.get(column, ()))
    _need(task, raw, names, where, any)
    raise UserError(f"{where}: column {next(name for name in names if name in raw)} holds no text: {value!r}")


def _need(task: Task, raw: dict[str, Any], names: tuple[str, ...], where: str, enough=all) -> None:
    if not enough(name in raw for name in names):
        there = ", ".join(key for key in raw if not key.startswith("__")) or "none"
        raise UserError(f"{where}: task {task.name} needs the column {' or '.join(names)}; there are {there}")
