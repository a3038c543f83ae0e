"""Convert a row of a data set, whatever its columns are called, to the one form that the suite works with."""

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

    `gold` is the reference answer; for multiple choice, the letter of the right choice. `choices` is empty for other
    kinds. `tolerance` is relative to the gold; 0.0 means exact. `fields` are the row's own columns, for filters.
    `where` describes the row's place in error messages.
    Raises UserError if a required column is missing or empty.
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


def distinguish_repeats(rows: list[dict[str, Any]]) -> None:
    """Give repeated problems different hashes, in place, because every row of a task is looked up by its hash."""
    seen: dict[str, int] = {}
    for row in rows:
        key = row["problem_hash"]
        seen[key] = seen.get(key, 0) + 1
        if seen[key] > 1:
            row["problem_hash"] = problem_hash(f"{row['problem']}\0{seen[key]}", row["gold"])


def normalise_answer(answer: str, task: Task) -> str:
    """The gold in the same form for every copy of a data set: 25 for AIME's 025, 27 for AMC's 27.0, 1200 for 1,200.

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
    """The choices in an order that depends only on their texts and the question, so it is the same on every machine.

    >>> shuffled("Q", ["x", "y", "z"]) == shuffled("Q", ["z", "x", "y"])
    True
    """

    def key(choice: str) -> str:
        text = unicodedata.normalize("NFC", f"{question}\0{choice}")
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    return sorted(choices, key=key)


def _choices(task: Task, raw: dict[str, Any], question: str, where: str) -> tuple[list[str], str]:
    """The shuffled choices and the letter of the right one."""
    right = _text(task, raw, "answer", where)
    wrong = raw.get("incorrect")
    if not isinstance(wrong, list):
        names = task.columns.get("incorrect", ())
        needed = names or ("incorrect",)
        if any(name not in raw for name in needed):
            raise _missing_column(task, raw, needed, where)
        wrong = [raw[name] for name in names]
    wrong = [str(choice).strip() for choice in wrong]
    if not 1 <= len(wrong) < len(LETTERS) or right in wrong or not all(wrong):
        raise UserError(
            f"{where}: a question needs 1 to {len(LETTERS) - 1} wrong choices, none of them empty or the right answer"
        )
    choices = shuffled(question, [right, *wrong])
    return choices, LETTERS[choices.index(right)]


def _tolerance(task: Task, raw: dict[str, Any], gold: str) -> float:
    """The tolerance relative to the gold, which is what the grader takes; OlympiadBench's column has absolute ones."""
    try:
        return float(raw[task.tolerance_column]) / abs(float(gold.strip("$ ")))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):  # no such column, no value in this row, not a number
        return task.tolerance


def _value(task: Task, raw: dict[str, Any], column: str, default: Any) -> Any:
    """The row's value for one of our columns, under our name or any other accepted one."""
    for name in (column, *task.columns.get(column, ())):
        if raw.get(name) is not None:
            return raw[name]
    return default


def _text(task: Task, raw: dict[str, Any], column: str, where: str) -> str:
    """The value as non-empty text; several answers in a list are joined by commas."""
    value = _value(task, raw, column, None)
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value).strip():
        return str(value).strip()
    names = (column, *task.columns.get(column, ()))
    found = next((name for name in names if name in raw), None)
    if found is None:
        raise _missing_column(task, raw, names, where)
    raise UserError(f"{where}: column {found} must hold text or a number, not {value!r}")


def _missing_column(task: Task, raw: dict[str, Any], names: tuple[str, ...], where: str) -> UserError:
    columns = ", ".join(key for key in raw if not key.startswith("__")) or "none"
    return UserError(f"{where}: task {task.name} needs the column {' or '.join(names)}; the columns are {columns}")
