"""The metrics of our tasks, and a way to run any of lighteval's bounded: `verified_match` and `extractive_match`.

Grading runs on what a model wrote, which can be hostile. So every metric call goes through one runner,
`run(function, doc, response) -> (value, additions)`, where `function` can be pickled and `additions` belong into
doc.specific. By default it is called here and now; a worker puts a bounded one in its place with `set_runner`.
Importing this module imports lighteval.
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
PARSES = 2000  # lighteval parses most of what it grades with a slow parser, and remembers the last 20
for parser in ("parse_latex_with_timeout", "parse_expr_with_timeout"):
    remembering = functools.lru_cache(PARSES)(getattr(extractive_match_utils, parser).__wrapped__)
    setattr(extractive_match_utils, parser, remembering)
Outcome = tuple[Any, dict[str, Any]]
Runner = Callable[[Callable[[Doc, ModelResponse], Outcome], Doc, ModelResponse], Outcome]


def call_here(function: Callable[[Doc, ModelResponse], Outcome], doc: Doc, response: ModelResponse) -> Outcome:
    """The runner that bounds nothing."""
    return function(doc, response)


_runner: Runner = call_here


def set_runner(run: Runner) -> None:
    """Have `run` make every metric call of this process from now on."""
    global _runner
    _runner = run


def metrics_for(kind: str) -> list[SampleLevelMetric]:
    """The metrics of a kind of task, the primary one first."""
    return [_metric("verified_match", VerifiedMatch()), _metric("extractive_match", Guarded(_lighteval_match(kind)))]


class VerifiedMatch(SampleLevelComputation):
    """Our own grader: 1.0 where the response gives the gold answer. Says in doc.specific what it saw and why."""

    def compute(self, doc: Doc, model_response: ModelResponse, **_: Any) -> float:
        """Grade one completion. Never raises for what the model wrote: grading_status tells."""
        return _run(verified, doc, model_response, _unverified)


class Guarded(SampleLevelComputation):
    """A metric of lighteval's, unchanged, run through the runner. Overtime is 0.0, and said in `extractive_status`."""

    def __init__(self, inner: SampleLevelComputation, failed: Any = 0.0):
        self.inner = inner
        self.failed = failed
        try:
            self.function = functools.partial(computed, pickle.loads(pickle.dumps(inner)))
        except Exception as error:  # pickle raises many types; such a metric is called here, as lighteval does
            logger.warning("%s cannot be pickled and runs unbounded: %s", type(inner).__name__, error)
            self.function = None

    def compute(self, doc: Doc, model_response: ModelResponse, **kwargs: Any) -> Any:
        """The inner metric's value for one completion."""
        if self.function is None:
            return self.inner.compute(doc=doc, model_response=model_response, **kwargs)
        return _run(self.function, doc, model_response, self._unfinished)

    def _unfinished(self, status: str, _reason: str) -> Outcome:
        return self.failed, {"extracted_predictions": [], "extracted_golds": [], "extractive_status": status}

    def __str__(self) -> str:
        return str(self.inner)


def guarded(metric: Metric) -> Metric:
    """A metric of one of lighteval's tasks, with its calls going through the runner where they can."""
    if metric.batched_compute or not isinstance(metric.sample_level_fn, SampleLevelComputation):
        return metric
    names = metric.metric_name
    failed = dict.fromkeys(names, 0.0) if isinstance(names, list) else 0.0
    return replace(metric, sample_level_fn=Guarded(metric.sample_level_fn, failed))


def verified(doc: Doc, response: ModelResponse) -> Outcome:
    """Grade a completion with evalsuite.grading; the raw text, since thinking is that grader's business.

    A thought that the prompt opened belongs to the response.
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
    return float(verdict.correct), _verdict(verdict.extracted, verdict.answer_class, verdict.reason, status)


def computed(metric: SampleLevelComputation, doc: Doc, response: ModelResponse) -> Outcome:
    """Run a metric of lighteval's; what it noted in doc.specific comes back with the value."""
    doc = replace(doc, specific=dict(doc.specific or {}))
    before = dict(doc.specific)
    value = metric.compute(doc=doc, model_response=response)
    additions = {key: note for key, note in doc.specific.items() if key not in before or before[key] is not note}
    return value, {"extracted_predictions": [], "extracted_golds": [], "extractive_status": "ok"} | additions


def _run(function: Callable, doc: Doc, response: ModelResponse, failed: Callable[[str, str], Outcome]) -> Any:
    """Call `function` through the runner with what it needs of `doc` and `response`; note its additions."""
    slim_doc = replace(doc, fewshot_samples=[])
    slim_response = replace(response, input=None, input_tokens=[], output_tokens=[], logits=None)
    try:
        value, additions = _runner(function, slim_doc, slim_response)
    except BoundedError as error:
        value, additions = failed("timeout", str(error))
    except Exception as error:  # one odd answer must not take the verdicts on all others with it
        logger.warning("grading raised %s: %s", type(error).__name__, error)
        value, additions = failed("error", f"grading raised {type(error).__name__}: {error}"[:200])
    doc.specific = {**(doc.specific or {}), **additions}
    return value


def _unverified(status: str, reason: str) -> Outcome:
    return 0.0, _verdict(None, None, reason, status)


def _verdict(extracted: str | None, answer_class: str | None, reason: str, status: str) -> dict[str, Any]:
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
    """lighteval's extraction with the targets the field uses for a kind: for numbers and letters lighteval's own."""
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
