"""Describes one experiment: its metadata, the summary of its results, warnings, and its text in the JSON file."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from evalsuite.collect.samples import VERIFIED, Samples
from evalsuite.collect.validation import finite, number
from evalsuite.experiment import digest

# Keys that every configuration has in the JSON file, null where they are unknown.
ALWAYS = ("temperature", "top_p", "top_k", "min_p", "dtype", "max_new_tokens", "max_model_length", "max_num_seqs",
          "max_num_batched_tokens", "use_chat_template")  # fmt: skip
BATCHING = ("max_num_seqs", "max_num_batched_tokens")  # listed with the configuration, but not part of its identity
TOLERANCE = 1e-6  # between a metric in the results file and the mean over the details


@dataclass(frozen=True)
class Metadata:
    """One experiment without its samples, small enough to keep for thousands of experiments. Unknown values are None.

    `status` is finished, incomplete or unfinished; `source` is evalsuite or lighteval.
    """

    model: str
    task: str
    seed: int | None
    config_id: str
    configuration: dict[str, Any]
    circumstances: dict[str, Any]
    status: str
    source: str
    date: str
    series: str | None = None  # name and step of a checkpoint of a training run
    step: int | None = None
    manifest_name: str | None = None  # the name of the experiment's folder according to its manifest
    rows: int = 0
    problem_set: str = ""
    text_only: bool = False  # the details file holds neither token counts nor token ids
    disagreements: int = 0  # completions on which the two graders disagree
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def config_id(configuration: dict[str, Any]) -> str:
    """Make a config_id for a configuration that another program wrote, in the form of this suite's own."""
    shown = [f"{name}{configuration[key]:g}" for name, key in
             (("temp", "temperature"), ("topp", "top_p"), ("max", "max_new_tokens"))
             if number(configuration.get(key)) is not None]  # fmt: skip
    known = {key: value for key, value in configuration.items() if value is not None and key not in BATCHING}
    return "-".join([*shown, digest(finite(known))[:8]])


def problem_set(problems: list[str | None]) -> str:
    """Return a short hash of a set of problem hashes, whatever their order."""
    lines = "\n".join(sorted({problem or "" for problem in problems}))
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def mean(values: list) -> float | None:
    """The mean of the values that are not None; None if there are none.

    >>> mean([1.0, None, 0.0]), mean([None])
    (0.5, None)
    """
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def counted(number: float, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number:g} {noun}{'' if number == 1 else 's'}"


def summarise(
    samples: Samples, metrics: list[str], reported: dict[str, float], seconds: float | None
) -> dict[str, Any]:
    """Return the `results` of an experiment: means over its samples.

    A metric that the samples do not have is taken from the results file (`reported`).
    """
    values = {name: mean(samples.scores[name]) if name in samples.scores else reported.get(name) for name in metrics}
    lengths = list(zip(samples.output_tokens, samples.completions, strict=True))
    known = [(tokens, n) for tokens, n in lengths if tokens is not None]
    total = round(sum(tokens * n for tokens, n in known)) if len(known) == len(lengths) else None
    no_answer = [None if status is None else status == "no_answer" for status in samples.grading_status]
    return {
        "accuracy": values[metrics[0]],
        "primary_metric": metrics[0],
        "metrics": values,
        "num_samples": len(samples.id),
        "total_token_length": total,
        "mean_output_tokens": mean(samples.output_tokens),
        "truncated_rate": mean(samples.truncated),
        "no_answer_rate": mean(no_answer),
        "generation_seconds": seconds,
    }


def order_metrics(samples: Samples, listed: list[str]) -> list[str]:
    """Order the metrics with the primary one first: verified_match, else the first that the task lists."""
    found = list(dict.fromkeys([*listed, *samples.scores]))
    return sorted(found, key=lambda name: (name not in samples.scores, name != VERIFIED))


def find_warnings(samples: Samples, reported: dict[str, float]) -> list[str]:
    """Return what may mislead a reader of these samples, one line for each."""
    lines = []
    for name, value in reported.items():
        found = mean(samples.scores.get(name, []))
        if found is not None and abs(found - value) > TOLERANCE:
            lines.append(
                f"{name} is {value:.4f} in the results file but {found:.4f} in the details; the details are used"
            )
    if repeated := len(samples.problem) - len(set(samples.problem)):
        lines.append(f"{repeated} of {len(samples.problem)} rows repeat the problem of another row")
    if uncounted := samples.output_tokens.count(None):
        advice = "; use --tokenizer_name to count them" if samples.text_only else ""
        lines.append(f"{uncounted} of {len(samples.id)} rows have no token count{advice}")
    if (most := max(samples.completions)) > 1:
        lines.append(f"rows hold up to {most} completions: their score is lighteval's aggregate, their length the mean")
    unscored = sum(all(column[at] is None for column in samples.scores.values()) for at in range(len(samples.id)))
    if unscored:
        lines.append(f"{unscored} of {len(samples.id)} rows have no score")
    return lines


def experiment_json(
    metadata: Metadata, results: dict[str, Any], samples: Samples, asked: int | None, total: int | None
) -> str:
    """Return an experiment as JSON on one line, without the opening brace.

    The document puts the first keys before it, because they depend on the model's other experiments.
    """
    columns = {
        "id": samples.id, "problem": samples.problem, "scores": samples.scores, "output_tokens": samples.output_tokens,
        "finish_reason": samples.finish_reason, "truncated": samples.truncated, "extracted": samples.extracted,
        "answer_class": samples.answer_class, "gold": samples.gold, "grading_status": samples.grading_status,
    }  # fmt: skip
    value = {
        "series": metadata.series, "step": metadata.step, "task": metadata.task, "seed": metadata.seed,
        "config_id": metadata.config_id, "status": metadata.status, "source": metadata.source, "date": metadata.date,
        "configuration": metadata.configuration, "circumstances": metadata.circumstances, "problems_asked": asked,
        "problems_total": total,
        "results": results, "samples": columns, "disagreements": samples.disagreements,
    }  # fmt: skip
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))[1:]
