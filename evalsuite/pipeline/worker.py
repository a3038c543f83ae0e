"""The worker: an ordinary lighteval pipeline over one experiment's journal, then the manifest.

The forkserver imports this module, and with it lighteval, once; importing it takes 10 s.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lighteval.pipeline
import numpy as np
import pyarrow.parquet as pq
from lighteval.logging.evaluation_tracker import EvaluationTracker
from lighteval.pipeline import ParallelismManager, Pipeline, PipelineParameters
from lighteval.tasks.lighteval_task import LightevalTask

from evalsuite.bounded import Bounded, BoundedCrash, BoundedMemory, BoundedTimeout
from evalsuite.errors import RunError
from evalsuite.files import sync
from evalsuite.grading.judge import METRIC, Judge, Question, ask, judge_match
from evalsuite.pipeline import push
from evalsuite.pipeline.jobs import Graded, GradeJob, JudgeOptions
from evalsuite.pipeline.journal_model import JournalModel, compact, config_of
from evalsuite.store import manifest, stale
from evalsuite.store.journal import Completion, Journal
from evalsuite.tasks import metrics, registry

# One for all that this process grades: it has parsed the golds, and much of what is answered, for the seeds before.
BOUNDED = Bounded(lambda function, doc, response: function(doc, response), seconds=10.0, memory_bytes=1 << 30)
PARQUET_LEVEL = 9
ATTEMPTS = 3  # of a call whose process was killed or starved
NICE = 5  # grading takes what generation leaves; more might starve an answer of the seconds that it may take
_OWN_NICENESS = os.nice(0)
lighteval.pipeline.logger.setLevel("WARNING")


def grade(job: GradeJob) -> Graded:
    """Grade one experiment: results/ and details/ by lighteval's tracker, the manifest last, the journal packed."""
    os.setpriority(os.PRIO_PROCESS, 0, _OWN_NICENESS + NICE)  # the kernel makes 19 of more
    journal = Journal(job.folder)
    completions = {one.problem: compact(one) for one in journal.read() if one.sample == 0}
    before = manifest.read(job.folder)
    asked = _asked(job, completions, before)
    if not asked:
        raise RunError("there is no completion to grade")
    stale.remove(job.folder, before)
    pipeline, total = _evaluate(job, completions, set(asked))
    warnings = _judge(pipeline, job)
    results, details = _save(pipeline, job.folder)
    value = _manifest(job, pipeline, journal, [completions[key] for key in asked], results, details, before)
    value["problems_total"] = total
    journal.pack()
    manifest.write(job.folder, value)
    warnings += push.push(job, pipeline.evaluation_tracker, results, details)
    scores = {name: _score(pipeline, name) for name in value["metrics"]}
    return Graded(job.manifest["experiment"], scores, len(asked), warning="; ".join(warnings) or None)


def _asked(job: GradeJob, completions: dict[str, Completion], before: dict[str, Any] | None) -> list[str]:
    """The problems to grade: those asked now and those graded before. What an interrupted larger run left is neither:
    short answers come first, so it would be a biased choice."""
    problems = dict.fromkeys([] if job.regrade else [prompt.problem for prompt in job.prompts])
    problems |= dict.fromkeys(before.get("problems", []) if before else [])
    return [problem for problem in problems if problem in completions]


def _judge(pipeline: Pipeline, job: GradeJob) -> list[str]:
    """Ask the judge, if there is one; a judge that is out of reach does not undo the grading."""
    if job.judge is None:
        return []
    try:
        add_judge(pipeline, job.spec, job.judge)
    except RunError as error:
        return [f"graded without the judge: {error}; --regrade asks it again"]
    return []


def _evaluate(job: GradeJob, completions: dict[str, Completion], asked: set[str]) -> tuple[Pipeline, int]:
    """The pipeline after its run, and how many problems the task has in all."""
    registry.install(job.table_path, job.data_dir)
    metrics.set_runner(with_retries(BOUNDED))
    model = JournalModel(config_of(job.manifest), completions, {prompt.problem: prompt for prompt in job.prompts})
    parameters = PipelineParameters(launcher_type=ParallelismManager.NONE, bootstrap_iters=1000)
    tracker = EvaluationTracker(output_dir=str(job.folder), save_details=True)
    with _only(asked) as counted:
        pipeline = Pipeline(tasks=job.spec, pipeline_parameters=parameters, evaluation_tracker=tracker, model=model)
        pipeline.evaluate()
    _drop_copies(pipeline, job.spec)
    return pipeline, counted[-1]


def _drop_copies(pipeline: Pipeline, spec: str) -> None:
    """Leave `text_post_processed` out where lighteval found no thinking to strip: it is the whole text once more, and
    null means the same (ModelResponse.final_text)."""
    for entry in pipeline.evaluation_tracker.details_logger.details[spec]:
        response = entry.model_response
        if response.text_post_processed == response.text:
            response.text_post_processed = None


@contextlib.contextmanager
def _only(asked: set[str]) -> Iterator[list[int]]:
    """Have tasks give the problems that were asked and answered, and no others; counts them all, once they are read."""
    original = LightevalTask.get_docs
    counted: list[int] = []

    def get_docs(task: LightevalTask, max_samples: int | None = None) -> list[Any]:
        docs = original(task, max_samples)
        counted.append(len(docs))
        return [doc for doc in docs if doc.specific["problem"] in asked]

    LightevalTask.get_docs = get_docs
    try:
        yield counted
    finally:
        LightevalTask.get_docs = original


def _save(pipeline: Pipeline, folder: Path) -> tuple[Path, Path]:
    """Let lighteval's tracker save; returns the two files it wrote, below the folder."""
    had = set(folder.glob("results/**/*.json")) | set(folder.glob("details/**/*.parquet"))
    try:
        pipeline.save_and_push_results()
        new = (set(folder.glob("results/**/*.json")) | set(folder.glob("details/**/*.parquet"))) - had
        results = next(path for path in new if path.suffix == ".json")
        details = next(path for path in new if path.suffix == ".parquet")
        _compress(details)
        for path in (results, details):  # before the manifest names them
            sync(path)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise RunError(f"cannot save into {folder}: {reason}; make room for it, then run again") from error
    return results.relative_to(folder), details.relative_to(folder)


def _compress(details: Path) -> None:
    """Write lighteval's parquet anew with zstd, half the size of its snappy; not a value changes."""
    temporary = details.with_name(f".{details.name}.new")
    with pq.ParquetFile(details) as file:
        options = {"compression": "zstd", "compression_level": PARQUET_LEVEL}
        with pq.ParquetWriter(temporary, file.schema_arrow, **options) as writer:
            for group in range(file.num_row_groups):
                writer.write_table(file.read_row_group(group))
    temporary.replace(details)


def _manifest(
    job: GradeJob, pipeline: Pipeline, journal: Journal, completions: list[Completion], results: Path, details: Path,
    before: dict[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    entries = pipeline.get_details()[job.spec]
    by_problem = {entry.doc.specific["problem"]: entry for entry in entries}
    statuses = [entry.doc.specific.get("grading_status") for entry in entries]
    wanted = [prompt.problem for prompt in job.prompts]
    if job.regrade and before is not None:
        wanted = before.get("failed_problems", [])
    failed = [problem for problem in wanted if problem not in by_problem]
    value = job.manifest | {
        "status": "incomplete" if failed else "finished",
        "results_file": str(results),
        "details_file": str(details),
        "journal_file": journal.packed.name,
        "metrics": list(entries[0].metric),
        "problems": list(by_problem),
        "num_samples": len(entries),
        "output_tokens": {one.problem: one.output_tokens for one in completions},  # they order later runs' requests
        "failed_problems": failed,
        "selections": _selections(before, [] if failed or job.regrade else [job.selection]),
        "totals": {
            "prompt_tokens": sum(one.prompt_tokens for one in completions),
            "output_tokens": sum(one.output_tokens for one in completions),
            "generation_seconds": _span(completions),
            "truncated": sum(one.finish_reason == "length" for one in completions),
            "no_answer": statuses.count("no_answer"),
            "grading_timeouts": statuses.count("timeout"),
            "failed": len(failed),
            "torn_journal_lines": max(job.torn, journal.torn),
        },
        "history": _history(before),
    }
    value["provenance"] = value["provenance"] | {"ended": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    return value


def _selections(before: dict[str, Any] | None, new: list[Any]) -> list[Any]:
    had = before.get("selections", []) if before else []
    return [*(one for one in had if one not in new), *new]


def _history(before: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Former gradings of the same folder: they stay beside, with their date."""
    if before is None:
        return []
    kept = {key: before.get(key) for key in ("graded_at", "results_file", "details_file", "num_samples")}
    return [*before.get("history", []), kept]


def _span(completions: list[Completion]) -> float:
    """Seconds in which at least one answer was being generated: answers overlap, and an interrupted run has gaps."""
    total, until = 0.0, 0.0
    for began, ended in sorted((one.finished_at - one.seconds, one.finished_at) for one in completions):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return round(total, 3)


def _score(pipeline: Pipeline, metric: str) -> float:
    aggregated = pipeline.evaluation_tracker.metrics_logger.metric_aggregated
    return float(next(iter(aggregated.values()))[metric])


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


def with_retries(bounded: Bounded) -> Callable[..., Any]:
    """The bounded call, made again when its process was killed, had kept too much of former calls, or was given too
    little of the processor to be judged.

    What an answer itself does, it does every time: then the last error is raised.
    """

    def call(*arguments: Any) -> Any:
        for _ in range(ATTEMPTS - 1):
            try:
                return bounded(*arguments)
            except (BoundedCrash, BoundedMemory):  # the next call has a fresh process
                continue
            except BoundedTimeout as error:
                if not error.starved:
                    raise
        return bounded(*arguments)

    return call
