"""Reads lighteval's details files, nested (since 0.10) or flat (before), and only the columns that are needed.

Nested files hold the structs doc, metric and model_response (in some releases __doc__, ...); this suite adds fields in
doc.specific. Flat files hold example, full_prompt, gold, metrics, predictions, cont_tokens, ...
"""

import functools
import os
from collections.abc import Callable
from typing import Any

from evalsuite.collect.columns import Batch, DetailsFile, parse_literal, strings
from evalsuite.collect.samples import Samples, TokenCount, TokenLimits, build_samples, shortened
from evalsuite.collect.validation import Unreadable, text
from evalsuite.errors import UserError

CountTokens = Callable[[str], int]
NESTED = {
    "query": "doc.query", "choices": "doc.choices", "gold_index": "doc.gold_index", "id": "doc.id",
    "metric": "metric", "specific": "doc.specific", "text": "model_response.text",
    "tokens": "model_response.output_tokens", "prompt": "model_response.input_tokens",
}  # fmt: skip
FLAT = {
    "query": "example", "rendered": "full_prompt", "choices": "choices", "gold_index": "gold_index", "golds": "gold",
    "metric": "metrics", "specific": "specifics", "text": "predictions", "tokens": "cont_tokens",
    "prompt": "input_tokens",
}  # fmt: skip
IN_SPECIFIC = ("problem", "finish_reason", "output_token_count", "prompt_token_count", "gold",
               "extracted_answer", "answer_class", "grading_status", "extracted_predictions",
               "extracted_golds", "verdict_reason")  # fmt: skip
COUNTED = ("tokens", "prompt")  # fields of token ids, of which only the number is read
PARSED = ("choices", "golds", "gold_index", "metric", "extracted_predictions", "extracted_golds")
REPLACES = {  # where a field on the left is present, those on the right are not read: token ids are most of a file
    "output_token_count": {"tokens"},
    "prompt_token_count": {"prompt"},
    "problem": {"query", "rendered"},
    "query": {"rendered"},
    "gold": {"choices", "gold_index", "golds"},
}
EVIDENCE = ("text", "verdict_reason", "extracted_predictions")  # read only for rows on which the graders disagree
END_CHARACTERS = 400  # of a response; the answer is usually there


def read_details(path: str, limits: TokenLimits, count_tokens: CountTokens | None = None) -> Samples:
    """Read the samples of a details file. Raises Unreadable.

    If no row has a token count or token ids, `count_tokens` counts the tokens of the texts.
    """
    details = DetailsFile(path)
    try:
        paths = _paths_to_read(details)
        rows = _read_rows(details, paths)
        samples = build_samples(rows, details.rows, limits)
        if text_only := not any(count is not None for count in samples.output_tokens):
            counts = _count_texts(details, count_tokens) if count_tokens is not None else []
            samples = build_samples(rows | {"tokens": counts}, details.rows, limits) if counts else samples
        samples.text_only = text_only
        samples.disagreements = read_evidence(details, field_paths(details), samples.disagreeing_rows())
        return samples
    finally:
        details.close()


def field_paths(details: DetailsFile) -> dict[str, str]:
    """The dotted path that each field has in this kind of file, whether or not the file has the field."""
    names = {name.strip("_"): name for name in details.schema.names}
    table = NESTED if {"doc", "metric"} <= names.keys() else FLAT if "metrics" in names else None
    if table is None:
        raise Unreadable(f"not a details file of lighteval: its columns are {', '.join(details.schema.names)}"[:200])
    paths = table | {name: f"{table['specific']}.{name}" for name in IN_SPECIFIC}
    return {name: _with_stored_name(path, names) for name, path in paths.items()}


def _with_stored_name(path: str, names: dict[str, str]) -> str:
    """Replace the first part of a path by the column's name in the file, which may have underscores around it."""
    top, dot, rest = path.partition(".")
    return names.get(top, top) + dot + rest


def _paths_to_read(details: DetailsFile) -> dict[str, str]:
    """The fields to read: those in the file, except where another field makes them unnecessary."""
    found = {name: path for name, path in field_paths(details).items() if details.has(path)}
    if "metric" not in found:
        raise Unreadable("no column of scores")
    better = [name for name in REPLACES if name in found and details.has_typed(found[name])]
    unneeded = {"specific", "text", "verdict_reason"}.union(*(REPLACES[name] for name in better))
    return {name: path for name, path in found.items() if name not in unneeded}


def _read_rows(details: DetailsFile, paths: dict[str, str]) -> dict[str, list]:
    rows: dict[str, list] = {name: [] for name in paths}
    for batch in details.batches(sorted(set(paths.values()))):
        for name, path in paths.items():
            read = batch.token_counts if name in COUNTED else batch.nested if name in PARSED else batch.values
            rows[name] += read(path)
    return rows


def _count_texts(details: DetailsFile, count_tokens: CountTokens) -> list[TokenCount | None]:
    """Count the tokens of each row's completions with the tokenizer. (rows,)"""
    path = field_paths(details)["text"]
    if not details.has(path):
        return [None] * details.rows
    counts: list[TokenCount | None] = []
    for batch in details.batches([path]):
        for value in batch.values(path):
            parsed = parse_literal(value)
            lengths = [count_tokens(one) for one in strings(parsed if isinstance(parsed, list) else value)]
            counts.append((sum(lengths), len(lengths), max(lengths)) if lengths else None)
    return counts


def read_evidence(details: DetailsFile, paths: dict[str, str], rows: list[int]) -> list[dict[str, Any]]:
    """Read, for each of `rows`, the reason of our verdict, what lighteval extracted, and the end of the response."""
    present = {name: paths[name] for name in EVIDENCE if details.has(paths[name])}
    found, start = [], 0
    for batch in details.batches(list(present.values())) if rows and present else ():
        inside = [at for at in rows if start <= at < start + batch.rows]
        if inside:
            found += _evidence_of_batch(batch.only([at - start for at in inside]), present, inside)
        start += batch.rows
    return found


def _evidence_of_batch(batch: Batch, present: dict[str, str], rows: list[int]) -> list[dict[str, Any]]:
    columns: dict[str, list] = {}
    for name in EVIDENCE:
        read = batch.nested if name in PARSED else batch.values
        columns[name] = read(present[name]) if name in present else [None] * len(rows)
    return [
        {
            "row": row,
            "verdict_reason": shortened(text(columns["verdict_reason"][at])),
            "lighteval_extracted": shortened(" | ".join(strings(columns["extracted_predictions"][at]))),
            "response_end": "\n".join(strings(columns["text"][at]))[-END_CHARACTERS:],
        }
        for at, row in enumerate(rows)
    ]


def check_tokenizer(name: str) -> None:
    """Raise UserError for a local path that does not exist; a hub id is looked up only when it is needed."""
    looks_local = name.startswith((".", "/", "~")) or name.count("/") > 1
    if looks_local and not os.path.isdir(os.path.expanduser(name)):
        raise UserError(f"--tokenizer_name: no folder {name}; give a model folder or a hub id")


@functools.lru_cache(maxsize=2)
def token_counter(name: str) -> CountTokens:
    """Return a function that counts the tokens of a text, without special tokens.

    Raises UserError if the tokenizer cannot be loaded.
    """
    path = os.path.join(os.path.expanduser(name), "tokenizer.json")
    try:
        if os.path.isfile(path):
            from tokenizers import Tokenizer

            fast = Tokenizer.from_file(path)
            return lambda text: len(fast.encode(text, add_special_tokens=False))
        from transformers import AutoTokenizer

        slow = AutoTokenizer.from_pretrained(os.path.expanduser(name))
    except Exception as error:  # the two libraries raise bare Exception, OSError, ValueError, ImportError, ...
        raise UserError(f"--tokenizer_name: cannot load a tokenizer from {name}: {str(error)[:200]!r}") from error
    return lambda text: len(slow.encode(text, add_special_tokens=False))
