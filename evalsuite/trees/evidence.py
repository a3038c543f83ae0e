"""What a person needs to judge the completions that the two metrics judge differently."""

from typing import Any

from evalsuite.trees.columns import Batch, Details, strings
from evalsuite.trees.safe import text
from evalsuite.trees.samples import bounded

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
