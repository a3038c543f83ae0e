"""lighteval's details files, nested (since 0.10) or flat (before), read as columns: only what is needed of them.

Nested files hold the structs doc, metric and model_response (some releases: __doc__, ...), and in our own trees
more fields in doc.specific. Flat files hold example, full_prompt, gold, metrics, predictions, cont_tokens, ...
"""

import functools
import os
from collections.abc import Callable
from typing import Any

from evalsuite.collect.columns import Batch, Details, literal, strings
from evalsuite.collect.samples import Allowed, Count, Samples, bounded, derive
from evalsuite.collect.untrusted import Unreadable, text
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
COUNTED = ("tokens", "prompt")
PARSED = ("choices", "golds", "gold_index", "metric", "extracted_predictions", "extracted_golds")
NEEDLESS = {  # what is not read where a better field is there; the token ids are most of a file
    "output_token_count": {"tokens"},
    "prompt_token_count": {"prompt"},
    "problem": {"query", "rendered"},
    "query": {"rendered"},
    "gold": {"choices", "gold_index", "golds"},
}


def read_details(path: str, allowed: Allowed, count_tokens: CountTokens | None = None) -> Samples:
    """The samples of a details file; `count_tokens` serves rows without counts and ids. Raises Unreadable."""
    details = Details(path)
    try:
        paths = _paths(details)
        rows = _rows(details, paths)
        samples = derive(rows, details.rows, allowed)
        if textual := not any(count is not None for count in samples.output_tokens):
            counts = _counted(details, count_tokens) if count_tokens is not None else []
            samples = derive(rows | {"tokens": counts}, details.rows, allowed) if counts else samples
        samples.textual = textual
        samples.disagreements = evidence(details, layout(details), samples.differing())
        return samples
    finally:
        details.close()


def layout(details: Details) -> dict[str, str]:
    """Each field's dotted path in this file, whether it is there or not."""
    names = {name.strip("_"): name for name in details.schema.names}
    table = NESTED if {"doc", "metric"} <= names.keys() else FLAT if "metrics" in names else None
    if table is None:
        raise Unreadable(f"not lighteval's details: its columns are {', '.join(details.schema.names)}"[:200])
    paths = table | {name: f"{table['specific']}.{name}" for name in IN_SPECIFIC}
    return {name: _renamed(path, names) for name, path in paths.items()}


def _renamed(path: str, names: dict[str, str]) -> str:
    top, dot, rest = path.partition(".")
    return names.get(top, top) + dot + rest


def _paths(details: Details) -> dict[str, str]:
    """The fields to read: those that are there, less those that a better one makes needless."""
    found = {name: path for name, path in layout(details).items() if details.has(path)}
    if "metric" not in found:
        raise Unreadable("no column of scores")
    better = [name for name in NEEDLESS if name in found and details.surely_has(found[name])]
    needless = {"specific", "text", "verdict_reason"}.union(*(NEEDLESS[name] for name in better))
    return {name: path for name, path in found.items() if name not in needless}


def _rows(details: Details, paths: dict[str, str]) -> dict[str, list]:
    rows: dict[str, list] = {name: [] for name in paths}
    for batch in details.batches(sorted(set(paths.values()))):
        for name, path in paths.items():
            read = batch.token_counts if name in COUNTED else batch.nested if name in PARSED else batch.values
            rows[name] += read(path)
    return rows


def _counted(details: Details, count_tokens: CountTokens) -> list[Count | None]:
    """Tokens of each row's completions, by the tokenizer: for files that hold text alone."""
    path = layout(details)["text"]
    if not details.has(path):
        return [None] * details.rows
    counts: list[Count | None] = []
    for batch in details.batches([path]):
        for value in batch.values(path):
            parsed = literal(value)
            lengths = [count_tokens(one) for one in strings(parsed if isinstance(parsed, list) else value)]
            counts.append((sum(lengths), len(lengths), max(lengths)) if lengths else None)
    return counts


END_CHARACTERS = 400  # of a response; the answer stands there
FIELDS = ("text", "verdict_reason", "extracted_predictions")


def evidence(details: Details, paths: dict[str, str], rows: list[int]) -> list[dict[str, Any]]:
    """For each of `rows`: our verdict's reason, all that lighteval extracted, and the end of the response."""
    present = {name: paths[name] for name in FIELDS if details.has(paths[name])}
    found, start = [], 0
    for batch in details.batches(list(present.values())) if rows and present else ():
        inside = [at for at in rows if start <= at < start + batch.rows]
        if inside:
            found += _judged(batch.only([at - start for at in inside]), present, inside)
        start += batch.rows
    return found


def _judged(batch: Batch, present: dict[str, str], rows: list[int]) -> list[dict[str, Any]]:
    none = [None] * len(rows)
    columns = {name: batch.nested(present[name]) if name in present else none for name in FIELDS[2:]}
    columns |= {name: batch.values(present[name]) if name in present else none for name in FIELDS[:2]}
    return [
        {
            "row": row,
            "verdict_reason": bounded(text(columns["verdict_reason"][at])),
            "lighteval_extracted": bounded(" | ".join(strings(columns["extracted_predictions"][at]))),
            "response_end": "\n".join(strings(columns["text"][at]))[-END_CHARACTERS:],
        }
        for at, row in enumerate(rows)
    ]


def check_tokenizer(name: str) -> None:
    """Raise UserError for a path that does not exist; a hub name is looked up only when it is needed."""
    looks_local = name.startswith((".", "/", "~")) or name.count("/") > 1
    if looks_local and not os.path.isdir(os.path.expanduser(name)):
        raise UserError(f"--tokenizer_name: no folder {name}; give a model folder or a hub id")


@functools.lru_cache(maxsize=2)
def token_counter(name: str) -> CountTokens:
    """A function from text to its number of tokens, without special ones. Raises UserError if none can be loaded."""
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
