"""The columns of one experiment's samples, derived from what its details hold; unknown stays None, never 0."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from evalsuite.collect.columns import score, strings
from evalsuite.collect.untrusted import Unreadable, integer, text
from evalsuite.tasks.problems import problem_hash

PRIMARY = "verified_match"
LIGHTEVALS = "extractive_match"
MAX_TEXT = 500  # characters of an answer or gold that are kept; longer ones are told apart by a hash
Count = tuple[int, int, int]  # tokens, completions, tokens of the longest completion


@dataclass(frozen=True)
class Allowed:
    """How many tokens a completion could have: at most `new`, and no more than a model of `model` tokens leaves."""

    new: int | None = None
    model: int | None = None

    def tokens(self, prompt: int | None) -> int | None:
        """The bound for one prompt; None where nothing is known."""
        left = self.model - prompt if self.model is not None and prompt is not None else None
        return min((bound for bound in (self.new, left) if bound is not None), default=None)


@dataclass
class Samples:
    """One experiment's rows in the file's order; every list has one entry a row, None where unknown. (problems,)"""

    id: list[str]
    problem: list[str | None]
    scores: dict[str, list[float | None]]
    output_tokens: list[float | None]  # the mean where a row holds several completions
    completions: list[int]
    finish_reason: list[str | None]
    truncated: list[bool | None]
    gold: list[str | None]
    grading_status: list[str | None]
    extracted: dict[str, list[str | None]] = field(default_factory=dict)
    answer_class: dict[str, list[str | None]] = field(default_factory=dict)
    textual: bool = False  # neither counts nor token ids in the file
    disagreements: list[dict[str, Any]] = field(default_factory=list)  # rows that the two metrics judge differently

    def differing(self) -> list[int]:
        """The rows where verified_match and lighteval's metric are both known and differ."""
        pairs = zip(self.scores.get(PRIMARY, []), self.scores.get(LIGHTEVALS, []), strict=False)
        return [at for at, (ours, theirs) in enumerate(pairs) if None not in (ours, theirs) and ours != theirs]


def derive(rows: dict[str, list], count: int, allowed: Allowed) -> Samples:
    """Samples from raw columns (field: list of `count` values); raises Unreadable without rows or scores."""
    if not count:
        raise Unreadable("no rows")
    none = [None] * count
    scores = _scores(rows["metric"])
    golds = _golds(rows, none)
    lengths = _either([_one(value) for value in rows.get("output_token_count", none)], rows.get("tokens", none))
    finish = [text(value) for value in rows.get("finish_reason", none)]
    samples = Samples(
        id=[str(at) if value is None else bounded(str(value)) for at, value in enumerate(rows.get("id", none))],
        problem=_problems(rows, golds, none),
        scores=scores,
        output_tokens=[None if n is None else n[0] if n[1] == 1 else n[0] / n[1] for n in lengths],
        completions=[n[1] if n else 1 for n in lengths],
        finish_reason=[bounded(value) for value in finish],
        truncated=_truncated(rows, finish, lengths, allowed),
        gold=[bounded(gold) for gold in golds],
        grading_status=_status(rows, none),
    )
    _add_answers(samples, rows, none)
    return samples


def bounded(value: str | None) -> str | None:
    """Text cut to a length that tables can hold; equal results only for equal texts.

    >>> len(bounded("x" * 10**6)), bounded("x" * 10**6) == bounded("x" * 10**6 + "y")
    (500, False)
    """
    if value is None or len(value) <= MAX_TEXT:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{value[: MAX_TEXT - 17]}…{digest}"


def _scores(metrics: list) -> dict[str, list[float | None]]:
    columns: dict[str, list[float | None]] = {}
    for at, row in enumerate(metrics):
        for name, value in row.items() if isinstance(row, dict) else ():
            if (found := score(value)) is not None:
                columns.setdefault(str(name), [None] * len(metrics))[at] = found
    if not columns:
        raise Unreadable("no score in it")
    return columns


def _golds(rows: dict[str, list], none: list) -> list[str | None]:
    """Our own `gold`; else the gold choices, joined by line breaks."""
    columns = (rows.get(name, none) for name in ("gold", "golds", "choices", "gold_index"))
    return [text(own) or _gold(golds, choices, at) for own, golds, choices, at in zip(*columns, strict=True)]


def _gold(golds: object, choices: object, index: object) -> str | None:
    found = strings(golds)
    if not found and isinstance(choices, list):
        places = [at for at in (index if isinstance(index, list) else [index]) if isinstance(at, int)]
        found = [gold for at in places if 0 <= at < len(choices) for gold in strings(choices[at])]
    return "\n".join(found) if found else None


def _problems(rows: dict[str, list], golds: list[str | None], none: list) -> list[str | None]:
    """Our own hash of the problem; else one of lighteval's query and the gold."""
    known = rows.get("problem", none)
    queries = _either(rows.get("query", none), rows.get("rendered", none))
    return [
        own if isinstance(own, str) else problem_hash(query, gold or "") if isinstance(query, str) else None
        for own, query, gold in zip(known, queries, golds, strict=True)
    ]


def _either(first: list, second: list) -> list:
    """Row by row the first value that is known."""
    return [one if one is not None else other for one, other in zip(first, second, strict=True)]


def _one(value: object) -> Count | None:
    tokens = integer(value)
    return None if tokens is None else (tokens, 1, tokens)


def _truncated(rows: dict[str, list], finish: list, lengths: list[Count | None], allowed: Allowed) -> list[bool | None]:
    """The finish reason says it; without one, a completion that has as many tokens as it was allowed."""
    none = [None] * len(lengths)
    counted = [prompt and prompt[0] for prompt in rows.get("prompt", none)]
    prompts = _either([integer(value) for value in rows.get("prompt_token_count", none)], counted)
    found: list[bool | None] = []
    for why, length, prompt in zip(finish, lengths, prompts, strict=True):
        bound = allowed.tokens(prompt)
        guess = None if length is None or bound is None else length[2] >= bound
        found.append(guess if why is None else why == "length")
    return found


def _status(rows: dict[str, list], none: list) -> list[str | None]:
    predictions = rows.get("extracted_predictions", none)
    derived = [None if value is None else "ok" if strings(value) else "no_answer" for value in predictions]
    return _either([bounded(text(value)) for value in rows.get("grading_status", none)], derived)


def _add_answers(samples: Samples, rows: dict[str, list], none: list) -> None:
    """What each metric extracted, and the answer's class: equal strings for equal answers."""
    if PRIMARY in samples.scores:
        for name, target in (("extracted_answer", samples.extracted), ("answer_class", samples.answer_class)):
            if name in rows:
                target[PRIMARY] = [bounded(text(value)) for value in rows[name]]
    metric = LIGHTEVALS if LIGHTEVALS in samples.scores else next((m for m in samples.scores if m != PRIMARY), None)
    if metric is not None and "extracted_predictions" in rows:
        answers = [next(iter(strings(value)), None) for value in rows["extracted_predictions"]]
        golds = [next(iter(strings(value)), None) for value in rows.get("extracted_golds", none)]
        samples.extracted[metric] = [bounded(answer) for answer in answers]
        samples.answer_class[metric] = [
            bounded(gold if answer is not None and right == 1.0 and gold is not None else answer)  # right: the gold's
            for answer, gold, right in zip(answers, golds, samples.scores[metric], strict=True)
        ]
