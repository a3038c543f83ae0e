"""What is known of one experiment: the facts that name and compare it, and the JSON text of its samples."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from evalsuite.collect.samples import PRIMARY, Samples
from evalsuite.collect.untrusted import finite, number
from evalsuite.experiment import digest

ALWAYS = ("temperature", "top_p", "top_k", "min_p", "dtype", "max_new_tokens", "max_model_length", "max_num_seqs",
          "max_num_batched_tokens", "use_chat_template")  # fmt: skip
BATCHING = ("max_num_seqs", "max_num_batched_tokens")  # listed in the configuration, no part of its identity
TOLERANCE = 1e-6  # between the results file's metric and the mean of the details


@dataclass(frozen=True)
class Facts:
    """One experiment without its samples; small enough to keep for thousands. Unknown is None."""

    model: str
    task: str
    seed: int | None
    config_id: str
    configuration: dict[str, Any]
    circumstances: dict[str, Any]
    status: str  # finished, incomplete, unfinished
    source: str  # evalsuite, lighteval
    date: str
    series: str | None = None  # of checkpoints, and this one's step
    step: int | None = None
    named: str | None = None  # the folder's name, by its manifest
    rows: int = 0
    problem_set: str = ""
    textual: bool = False  # its details hold neither counts nor ids, only text
    disagreements: int = 0  # completions that the two metrics judge differently
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def config_id(configuration: dict[str, Any]) -> str:
    """A readable name of a configuration read from elsewhere, in the form that our own experiments have."""
    shown = [f"{name}{configuration[key]:g}" for name, key in
             (("temp", "temperature"), ("topp", "top_p"), ("max", "max_new_tokens"))
             if number(configuration.get(key)) is not None]  # fmt: skip
    known = {key: value for key, value in configuration.items() if value is not None and key not in BATCHING}
    return "-".join([*shown, digest(finite(known))[:8]])


def problem_set(problems: list[str | None]) -> str:
    """A short name of a set of problems, whatever their order."""
    words = "\n".join(sorted({problem or "" for problem in problems}))
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def mean(values: list) -> float | None:
    """The mean of what is known, None where nothing is.

    >>> mean([1.0, None, 0.0]), mean([None])
    (0.5, None)
    """
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def summary(samples: Samples, metrics: list[str], reported: dict[str, float], seconds: float | None) -> dict[str, Any]:
    """The `results` of an experiment: means over its samples; a metric without samples as the results file has it."""
    values = {name: mean(samples.scores[name]) if name in samples.scores else reported.get(name) for name in metrics}
    lengths = list(zip(samples.output_tokens, samples.completions, strict=True))
    known = [(tokens, n) for tokens, n in lengths if tokens is not None]
    total = round(sum(tokens * n for tokens, n in known)) if len(known) == len(lengths) else None
    asked = [None if status is None else status == "no_answer" for status in samples.grading_status]
    return {
        "accuracy": values[metrics[0]],
        "primary_metric": metrics[0],
        "metrics": values,
        "num_samples": len(samples.id),
        "total_token_length": total,
        "mean_output_tokens": mean(samples.output_tokens),
        "truncated_rate": mean(samples.truncated),
        "no_answer_rate": mean(asked),
        "generation_seconds": seconds,
    }


def order_metrics(samples: Samples, named: list[str]) -> list[str]:
    """The metrics, the primary one first: verified_match, else the first that the task names."""
    found = [name for name in dict.fromkeys([*named, *samples.scores])]
    return sorted(found, key=lambda name: (name not in samples.scores, name != PRIMARY))


def doubts(samples: Samples, reported: dict[str, float]) -> list[str]:
    """What a reader of these samples should know, one line each."""
    lines = []
    for name, value in reported.items():
        found = mean(samples.scores.get(name, []))
        if found is not None and abs(found - value) > TOLERANCE:
            lines.append(f"{name} is {value:.4f} in the results file and {found:.4f} in the details; the details count")
    if repeated := len(samples.problem) - len(set(samples.problem)):
        lines.append(f"{repeated} of its {len(samples.problem)} rows repeat another row's problem")
    if uncounted := samples.output_tokens.count(None):
        cure = "; --tokenizer_name counts them" if samples.textual else ""
        lines.append(f"{uncounted} of its {len(samples.id)} rows have no token count{cure}")
    if (most := max(samples.completions)) > 1:
        lines.append(
            f"a row holds up to {most} completions: its score is lighteval's own aggregate, its length the mean"
        )
    lost = sum(all(column[at] is None for column in samples.scores.values()) for at in range(len(samples.id)))
    if lost:
        lines.append(f"{lost} of its {len(samples.id)} rows have no score")
    return lines


def render(facts: Facts, results: dict[str, Any], samples: Samples, asked: int | None, total: int | None) -> str:
    """An experiment as JSON on one line, without the brace and the first keys, which depend on its neighbours."""
    columns = {
        "id": samples.id, "problem": samples.problem, "scores": samples.scores, "output_tokens": samples.output_tokens,
        "finish_reason": samples.finish_reason, "truncated": samples.truncated, "extracted": samples.extracted,
        "answer_class": samples.answer_class, "gold": samples.gold, "grading_status": samples.grading_status,
    }  # fmt: skip
    value = {
        "series": facts.series, "step": facts.step, "task": facts.task, "seed": facts.seed,
        "config_id": facts.config_id, "status": facts.status, "source": facts.source, "date": facts.date,
        "configuration": facts.configuration, "circumstances": facts.circumstances, "problems_asked": asked,
        "problems_total": total,
        "results": results, "samples": columns, "disagreements": samples.disagreements,
    }  # fmt: skip
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))[1:]
