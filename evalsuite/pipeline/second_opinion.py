"""Second opinions on rejected answers: the metric judge_match, added to a pipeline that has graded an experiment."""

import os
from typing import Any

import numpy as np
from lighteval.pipeline import Pipeline

from evalsuite.grading.judge import METRIC, Judge, Question, ask, judge_match
from evalsuite.pipeline.jobs import JudgeOptions


def add_judge(pipeline: Pipeline, spec: str, options: JudgeOptions) -> None:
    """Add the metric judge_match, for which the judge is asked about answers that `verified_match` rejects.

    Raises RunError, and adds nothing, if the judge cannot be reached.
    """
    entries = pipeline.evaluation_tracker.details_logger.details[spec]
    asked = [entry for entry in entries if _is_rejected_answer(entry)]
    judge = Judge(options.base_url, options.model, os.environ.get(options.api_key_env) or None)
    decided = dict(zip(map(id, asked), ask(judge, map(_question, asked)), strict=True))
    words = {True: "same", False: "different", None: "undecided"}
    for entry in entries:
        decision = decided.get(id(entry))
        entry.metric[METRIC] = judge_match(entry.metric["verified_match"] == 1, decision)
        entry.doc.specific["judge_decision"] = words[decision] if id(entry) in decided else ""
    values = [entry.metric[METRIC] for entry in entries]
    aggregated = pipeline.evaluation_tracker.metrics_logger.metric_aggregated[spec]
    aggregated[METRIC] = float(np.mean(values))
    if len(values) > 1:
        aggregated[f"{METRIC}_stderr"] = float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _is_rejected_answer(entry: Any) -> bool:
    return entry.metric.get("verified_match") == 0 and entry.doc.specific.get("extracted_answer") is not None


def _question(entry: Any) -> Question:
    facts = entry.doc.specific
    return Question(entry.doc.original_query or entry.doc.query, facts["gold"], facts["extracted_answer"])
