"""`judge_match`: a model's second opinion on what the rules rejected, added to a graded pipeline before it is saved."""

import os
from typing import Any

import numpy as np
from lighteval.pipeline import Pipeline

from evalsuite.grade.jobs import JudgeOptions
from evalsuite.grading.judge import METRIC, Judge, Question, ask, judge_match


def add_judge(pipeline: Pipeline, spec: str, options: JudgeOptions) -> None:
    """Ask about completions with an answer that `verified_match` rejects; the other metrics stay as they are.

    Raises RunError when the judge cannot be reached; nothing is added then.
    """
    entries = pipeline.evaluation_tracker.details_logger.details[spec]
    asked = [entry for entry in entries if _is_open(entry)]
    judge = Judge(options.base_url, options.model, os.environ.get(options.api_key_env) or None)
    decided = dict(zip(map(id, asked), ask(judge, map(_question, asked)), strict=True))
    for entry in entries:
        entry.metric[METRIC] = judge_match(entry.metric["verified_match"] == 1, decided.get(id(entry)))
        decision = decided.get(id(entry))
        said = (
            "" if id(entry) not in decided else "undecided" if decision is None else "same" if decision else "different"
        )
        entry.doc.specific["judge_decision"] = said
    values = [entry.metric[METRIC] for entry in entries]
    aggregated = pipeline.evaluation_tracker.metrics_logger.metric_aggregated[spec]
    aggregated[METRIC] = float(np.mean(values))
    if len(values) > 1:
        aggregated[f"{METRIC}_stderr"] = float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _is_open(entry: Any) -> bool:
    return entry.metric.get("verified_match") == 0 and entry.doc.specific.get("extracted_answer") is not None


def _question(entry: Any) -> Question:
    facts = entry.doc.specific
    return Question(entry.doc.original_query or entry.doc.query, facts["gold"], facts["extracted_answer"])
