"""Builds the columns of one experiment's samples from the rows of its details file.

What the file does not say is None, never 0.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from evalsuite.collect.columns import as_score, strings
from evalsuite.collect.validation import Unreadable, integer, text
from evalsuite.tasks.problems import problem_hash

VERIFIED = "verified_match"  # this suite's metric
EXTRACTIVE = "extractive_match"  # lighteval's metric
MAX_TEXT = 500  # characters of an answer or gold that are kept; a hash distinguishes longer ones
TokenCount = tuple[int, int, int]  # of one row: tokens, completions, tokens of the longest completion


@dataclass(frozen=True)
class TokenLimits:
    """The limits on a completion's tokens: max_new_tokens, and max_model_length, which includes the prompt."""

    new_tokens: int | None = None
    model_length: int | None = None

    def for_prompt(self, prompt_tokens: int | None) -> int | None:
        """The limit that applies after a prompt of this length; None if it is not known."""
        known = self.model_length is not None and prompt_tokens is not None
        left = self.model_length - prompt_tokens if known else None
        return min((limit for limit in (self.new_tokens, left) if limit is not None), default=None)


@dataclass
class Samples:
    """One experiment's rows in the order of the file; every list has one entry per row, None if unknown. (rows,)"""

    id: list[str]
    problem: list[str | None]
    scores: dict[str, list[float | None]]
    output_tokens: list[float | None]  # the mean if a row holds several completions
    completions: list[int]
    finish_reason: list[str | None]
    truncated: list[bool | None]
    gold: list[str | None]
    grading_status: list[str | None]
    extracted: dict[str, list[str | None]] = field(default_factory=dict)
    answer_class: dict[str, list[str | None]] = field(default_factory=dict)
    text_only: bool = False  # the file holds neither token counts nor token ids
    disagreements: list[dict[str, Any]] = field(default_factory=list)  # rows on which the two graders disagree

    def disagreeing_rows(self) -> list[int]:
        """The rows where verified_match and lighteval's extractive_match are both known and differ."""
        pairs = zip(self.scores.get(VERIFIED, []), self.scores.get(EXTRACTIVE, []), strict=False)
        return [at for at, (ours, theirs) in enumerate(pairs) if None not in (ours, theirs) and ours != theirs]


def build_samples(rows: dict[str, list], count: int, limits: TokenLimits) -> Samples:
    """Build Samples from raw columns ({field: list of `count` values}); raises Unreadable without rows or scores."""
    if not count:
        raise Unreadable("no rows")
    none = [None] * count
    scores = _scores(rows["metric"])
    golds = _golds(rows, none)
    lengths = _first_known([_single(v) for v in rows.get("output_token_count", none)], rows.get("tokens", none))
    finish = [text(value) for value in rows.get("finish_reason", none)]
    samples = Samples(
        id=[str(at) if value is None else shortened(str(value)) for at, value in enumerate(rows.get("id", none))],
        problem=_problems(rows, golds, none),
        scores=scores,
        output_tokens=[None if n is None else n[0] if n[1] == 1 else n[0] / n[1] for n in lengths],
        completions=[n[1] if n else 1 for n in lengths],
        finish_reason=[shortened(value) for value in finish],
        truncated=_truncated(rows, finish, lengths, limits),
        gold=[shortened(gold) for gold in golds],
        grading_status=_status(rows, none),
    )
    _add_answers(samples, rows, none)
    return samples


def shortened(value: str | None) -> str | None:
    """Shorten a text to MAX_TEXT characters; different texts stay different.

    >>> len(shortened("x" * 10**6)), shortened("x" * 10**6) == shortened("x" * 10**6 + "y")
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
            if (found := as_score(value)) is not None:
                columns.setdefault(str(name), [None] * len(metrics))[at] = found
    if not columns:
        raise Unreadable("no score in any row")
    return columns


def _golds(rows: dict[str, list], none: list) -> list[str | None]:
    """This suite's own `gold`, else the gold choices, joined by line breaks."""
    columns = (rows.get(name, none) for name in ("gold", "golds", "choices", "gold_index"))
    return [text(own) or _gold(golds, choices, index) for own, golds, choices, index in zip(*columns, strict=True)]


def _gold(golds: object, choices: object, index: object) -> str | None:
    found = strings(golds)
    if not found and isinstance(choices, list):
        indices = [at for at in (index if isinstance(index, list) else [index]) if isinstance(at, int)]
        found = [gold for at in indices if 0 <= at < len(choices) for gold in strings(choices[at])]
    return "\n".join(found) if found else None


def _problems(rows: dict[str, list], golds: list[str | None], none: list) -> list[str | None]:
    """This suite's own hash of the problem, else a hash of lighteval's query and the gold."""
    known = rows.get("problem", none)
    queries = _first_known(rows.get("query", none), rows.get("rendered", none))
    return [
        own if isinstance(own, str) else problem_hash(query, gold or "") if isinstance(query, str) else None
        for own, query, gold in zip(known, queries, golds, strict=True)
    ]


def _first_known(first: list, second: list) -> list:
    """Row by row the first value, or the second where the first is None."""
    return [one if one is not None else other for one, other in zip(first, second, strict=True)]


def _single(value: object) -> TokenCount | None:
    tokens = integer(value)
    return None if tokens is None else (tokens, 1, tokens)


def _truncated(
    rows: dict[str, list], finish: list, lengths: list[TokenCount | None], limits: TokenLimits
) -> list[bool | None]:
    """Whether each completion was truncated, by its finish reason.

    Without a finish reason, a completion that has as many tokens as it was allowed counts as truncated.
    """
    none = [None] * len(lengths)
    counted = [prompt and prompt[0] for prompt in rows.get("prompt", none)]
    prompts = _first_known([integer(value) for value in rows.get("prompt_token_count", none)], counted)
    found: list[bool | None] = []
    for reason, length, prompt in zip(finish, lengths, prompts, strict=True):
        limit = limits.for_prompt(prompt)
        guess = None if length is None or limit is None else length[2] >= limit
        found.append(guess if reason is None else reason == "length")
    return found


def _status(rows: dict[str, list], none: list) -> list[str | None]:
    predictions = rows.get("extracted_predictions", none)
    derived = [None if value is None else "ok" if strings(value) else "no_answer" for value in predictions]
    return _first_known([shortened(text(value)) for value in rows.get("grading_status", none)], derived)


def _add_answers(samples: Samples, rows: dict[str, list], none: list) -> None:
    """Add the answer that each metric extracted, and its answer class: equal strings for equal answers.

    lighteval keeps no class, so an answer that it scored 1 gets the class of the gold, and any other its own text.
    """
    if VERIFIED in samples.scores:
        for name, target in (("extracted_answer", samples.extracted), ("answer_class", samples.answer_class)):
            if name in rows:
                target[VERIFIED] = [shortened(text(value)) for value in rows[name]]
    metric = EXTRACTIVE if EXTRACTIVE in samples.scores else next((m for m in samples.scores if m != VERIFIED), None)
    if metric is not None and "extracted_predictions" in rows:
        answers = [next(iter(strings(value)), None) for value in rows["extracted_predictions"]]
        golds = [next(iter(strings(value)), None) for value in rows.get("extracted_golds", none)]
        samples.extracted[metric] = [shortened(answer) for answer in answers]
        samples.answer_class[metric] = [
            shortened(gold if answer is not None and score == 1.0 and gold is not None else answer)
            for answer, gold, score in zip(answers, golds, samples.scores[metric], strict=True)
        ]
