"""The metrics of our tasks, `verified_match` and `extractive_match`, and limits on the time any metric may take.

Metrics read what a model wrote, which can be hostile. So every metric call goes through one runner,
`run(function, doc, response) -> (value, additions)`, where `function` can be pickled and `additions` are to be added
to doc.specific. The default runner calls the function directly; a worker replaces it, with `set_runner`, by one that
limits time and memory. Importing this module imports lighteval.
"""

import functools
import logging
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from lighteval.metrics.dynamic_metrics import (
    ExprExtractionConfig,
    LatexExtractionConfig,
    MultilingualExtractiveMatchMetric,
)
from lighteval.metrics.metrics import Metrics
from lighteval.metrics.metrics_sample import SampleLevelComputation
from lighteval.metrics.utils import extractive_match_utils
from lighteval.metrics.utils.metric_utils import Metric, SampleLevelMetric
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc, SamplingMethod
from lighteval.utils.language import Language

from evalsuite.bounded import BoundedError
from evalsuite.grading import verify

logger = logging.getLogger(__name__)
# lighteval's parser is slow and caches only 20 results. A larger cache helps, since answers to a problem often repeat.
PARSE_CACHE_SIZE = 2000
for parser in ("parse_latex_with_timeout", "parse_expr_with_timeout"):
    cached = functools.lru_cache(PARSE_CACHE_SIZE)(getattr(extractive_match_utils, parser).__wrapped__)
    setattr(extractive_match_utils, parser, cached)

Outcome = tuple[Any, dict[str, Any]]  # a metric's value, and what to add to doc.specific
Runner = Callable[[Callable[[Doc, ModelResponse], Outcome], Doc, ModelResponse], Outcome]


def call_directly(function: Callable[[Doc, ModelResponse], Outcome], doc: Doc, response: ModelResponse) -> Outcome:
    """The default runner, without limits."""
    return function(doc, response)


_runner: Runner = call_directly


def set_runner(run: Runner) -> None:
    """Let `run` make every metric call of this process from now on."""
    global _runner
    _runner = run


def metrics_for(kind: str) -> list[SampleLevelMetric]:
    """The metrics of our tasks of one kind, with the primary metric first."""
    return [_metric("verified_match", VerifiedMatch()), _metric("extractive_match", Guarded(_lighteval_match(kind)))]


class VerifiedMatch(SampleLevelComputation):
    """Our own grader: 1.0 if the response gives the gold answer, else 0.0. Explains its verdict in doc.specific."""

    def compute(self, doc: Doc, model_response: ModelResponse, **_: Any) -> float:
        """Grade one completion. Never raises because of what the model wrote; `grading_status` tells what happened."""
        return _run(verify_response, doc, model_response, _failed_verdict)


class Guarded(SampleLevelComputation):
    """One of lighteval's metrics, unchanged, but called through the runner. If a call fails or takes too long, the
    value is `failed` and `extractive_status` says why."""

    def __init__(self, inner: SampleLevelComputation, failed: Any = 0.0):
        self.inner = inner
        self.failed = failed
        try:
            self.function = functools.partial(compute_metric, pickle.loads(pickle.dumps(inner)))
        except Exception as error:  # pickle raises many types; such a metric is called directly, as lighteval does
            logger.warning("%s cannot be pickled, so it runs without limits: %s", type(inner).__name__, error)
            self.function = None

    def compute(self, doc: Doc, model_response: ModelResponse, **kwargs: Any) -> Any:
        """The inner metric's value for one completion."""
        if self.function is None:
            return self.inner.compute(doc=doc, model_response=model_response, **kwargs)
        return _run(self.function, doc, model_response, self._failed_outcome)

    def _failed_outcome(self, status: str, _reason: str) -> Outcome:
        return self.failed, {"extracted_predictions": [], "extracted_golds": [], "extractive_status": status}

    def __str__(self) -> str:
        return str(self.inner)


def guarded(metric: Metric) -> Metric:
    """A metric of one of lighteval's tasks, called through the runner if it is computed sample by sample."""
    if metric.batched_compute or not isinstance(metric.sample_level_fn, SampleLevelComputation):
        return metric
    names = metric.metric_name
    failed = dict.fromkeys(names, 0.0) if isinstance(names, list) else 0.0
    return replace(metric, sample_level_fn=Guarded(metric.sample_level_fn, failed))


def verify_response(doc: Doc, response: ModelResponse) -> Outcome:
    """Grade a completion with evalsuite.grading, which gets the raw text since it removes the thinking itself.

    If the prompt opened the thinking, the opening tag is put back in front of the response.
    """
    facts = doc.specific
    verdict = verify(
        facts["gold"],
        facts.get("thinking_opened", "") + response.text[0],
        facts["kind"],
        finish_reason=facts.get("finish_reason"),
        tolerance=facts.get("tolerance") or None,
        unit=facts.get("unit") or None,
    )
    status = "no_answer" if verdict.extracted is None else "ok"
    return float(verdict.correct), _verdict_fields(verdict.extracted, verdict.answer_class, verdict.reason, status)


def compute_metric(metric: SampleLevelComputation, doc: Doc, response: ModelResponse) -> Outcome:
    """Compute one of lighteval's metrics; returns its value and what it added to doc.specific."""
    doc = replace(doc, specific=dict(doc.specific or {}))
    before = dict(doc.specific)
    value = metric.compute(doc=doc, model_response=response)
    additions = {key: new for key, new in doc.specific.items() if key not in before or before[key] is not new}
    return value, {"extracted_predictions": [], "extracted_golds": [], "extractive_status": "ok"} | additions


def _run(function: Callable, doc: Doc, response: ModelResponse, failed: Callable[[str, str], Outcome]) -> Any:
    """Call `function` through the runner with the parts of `doc` and `response` that metrics need. Returns the value,
    and adds the additions to doc.specific. `failed(status, reason)` is the outcome of a call that gave none."""
    slim_doc = replace(doc, fewshot_samples=[])
    slim_response = replace(response, input=None, input_tokens=[], output_tokens=[], logits=None)
    try:
        value, additions = _runner(function, slim_doc, slim_response)
    except BoundedError as error:
        value, additions = failed("timeout", str(error))
    except Exception as error:  # one odd answer must not cost the verdicts on all others
        logger.warning("grading raised %s: %s", type(error).__name__, error)
        value, additions = failed("error", f"grading raised {type(error).__name__}: {error}"[:200])
    doc.specific = {**(doc.specific or {}), **additions}
    return value


def _failed_verdict(status: str, reason: str) -> Outcome:
    return 0.0, _verdict_fields(None, None, reason, status)


def _verdict_fields(extracted: str | None, answer_class: str | None, reason: str, status: str) -> dict[str, Any]:
    return {
        "extracted_answer": extracted,
        "answer_class": answer_class,
        "verdict_reason": reason,
        "grading_status": status,
    }


def _metric(name: str, computation: SampleLevelComputation) -> SampleLevelMetric:
    return SampleLevelMetric(
        metric_name=name,
        sample_level_fn=computation,
        category=SamplingMethod.GENERATIVE,
        corpus_level_fn=np.mean,
        higher_is_better=True,
    )


def _lighteval_match(kind: str) -> SampleLevelComputation:
    """lighteval's extractive match for a kind of task: its own metrics for numbers and letters, and for LaTeX the
    extraction targets that lighteval's own mathematics tasks use."""
    if kind == "expr":
        return Metrics.expr_gold_metric.value.sample_level_fn
    if kind == "mcq":
        return Metrics.gpqa_instruct_metric.value.sample_level_fn
    return MultilingualExtractiveMatchMetric(
        language=Language.ENGLISH,
        fallback_mode="first_match",
        precision=5,
        gold_extraction_target=(LatexExtractionConfig(),),
        pred_extraction_target=(ExprExtractionConfig(), LatexExtractionConfig(boxed_match_priority=0)),
        aggregation_function=max,
    )
