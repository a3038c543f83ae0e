"""The hash that identifies a problem in every run, and the selection of some of a task's problems."""

import ast
import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from evalsuite.errors import UserError

_FILTER_NODES = (  # the syntax a filter may use: comparisons of fields and constants, but no calls or attributes
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.Name, ast.Load),
    *(ast.Constant, ast.List, ast.Tuple, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn),
)


class Selection(NamedTuple):
    """Which of a task's problems are asked; all by default. Not part of a configuration's identity."""

    max_samples: int | None = None
    ids: tuple[str, ...] = ()
    filter: str = ""

    def as_json(self) -> list[Any]:
        """The selection in the form that a manifest stores: [max_samples, ids, filter]."""
        return [self.max_samples, list(self.ids), self.filter]


ALL = Selection()


def problem_hash(problem: str, gold: str) -> str:
    """Identify a problem by its text and reference answer, wherever it was loaded from: 16 hex digits.

    Differences in whitespace and in Unicode normalisation are ignored.

    >>> problem_hash("What is  1+1?", "2") == problem_hash("What is 1+1?\\n", "2")
    True
    """
    text = "\0".join(" ".join(unicodedata.normalize("NFC", part).split()) for part in (problem, gold))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def select(
    rows: list[dict[str, Any]], max_samples: int | None = None, ids: Iterable[str] = (), filter: str = ""
) -> list[dict[str, Any]]:
    """Select rows (in the form of data.load_rows) by id, by a filter on their fields, and as a random sample.

    The sample is the `max_samples` rows with the smallest problem hashes. So it does not depend on the file's order,
    and a sample of 50 is always part of a sample of 500. The rows keep their order.
    Raises UserError for an unknown id, for a filter that cannot be used, and if no row is left.
    """
    ids = [str(wanted) for wanted in ids or ()]
    if ids:
        names = {name for row in rows for name in (row["id"], row["problem_hash"])}
        if unknown := [wanted for wanted in ids if wanted not in names]:
            raise UserError(f"no problem has the id {unknown[0]!r}; ids look like {rows[0]['id']!r}")
        rows = [row for row in rows if row["id"] in ids or row["problem_hash"] in ids]
    if filter:
        rows = [row for row in rows if _passes(filter, row["fields"])]
    if max_samples is not None:
        chosen = sorted(row["problem_hash"] for row in rows)[:max_samples]
        rows = [row for row in rows if row["problem_hash"] in set(chosen)]
    if not rows:
        raise UserError(f"no problem is selected (filter {filter!r}, max_samples {max_samples}); select more")
    return rows


def _passes(text: str, fields: dict[str, Any]) -> bool:
    """Evaluate a filter such as `level>=4 and subject in ["Algebra"]` on one row. It cannot call anything."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise UserError(f"invalid filter {text!r}; write comparisons such as 'level>=4'") from error
    for node in ast.walk(tree):
        if not isinstance(node, _FILTER_NODES):
            raise UserError(f"the filter {text!r} may only compare fields, as in 'level>=4'")
        if isinstance(node, ast.Name) and node.id not in fields:
            raise UserError(f"the filter {text!r} uses {node.id!r}; the fields are {', '.join(map(str, fields))}")
    values = {name: _number(value) for name, value in fields.items()}
    try:
        return bool(eval(compile(tree, "<filter>", "eval"), {"__builtins__": {}}, values))
    except TypeError as error:
        raise UserError(f"the filter {text!r} does not fit the data: {error}; compare values of one type") from error


def _number(value: Any) -> Any:
    """Convert integers in text. MATH has the level as 'Level 5' in some copies and as 5 in others; filters use 5."""
    match = re.fullmatch(r"(?:Level )?(-?\d+)", value) if isinstance(value, str) else None
    return int(match.group(1)) if match else value
