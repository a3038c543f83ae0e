"""Grade one experiment in a worker: run an ordinary lighteval pipeline over its journal, then write the manifest.

Importing this module imports lighteval, which takes 10 s; the forkserver does it once for all workers.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lighteval.pipeline
import pyarrow.parquet as pq
from lighteval.logging.evaluation_tracker import EvaluationTracker
from lighteval.pipeline import ParallelismManager, Pipeline, PipelineParameters
from lighteval.tasks.lighteval_task import LightevalTask

from evalsuite.bounded import Bounded, BoundedCrash, BoundedMemory, BoundedTimeout
from evalsuite.errors import RunError
from evalsuite.files import sync
from evalsuite.pipeline import push
from evalsuite.pipeline.jobs import Graded, GradeJob
from evalsuite.pipeline.journal_model import JournalModel, config_from, with_token_array
from evalsuite.pipeline.second_opinion import add_judge
from evalsuite.store import manifest, stale
from evalsuite.store.journal import Completion, Journal
from evalsuite.tasks import metrics, registry

# One child process for everything that this worker grades, because it caches the golds and answers that it has parsed.
BOUNDED = Bounded(lambda function, doc, response: function(doc, response), seconds=10.0, memory_bytes=1 << 30)
PARQUET_LEVEL = 9  # of zstd
ATTEMPTS = 3  # of a call whose process was killed or got too little CPU time
NICE = 5  # added to our niceness, so that generation goes first; with more, grading might run into its time limit
_OWN_NICENESS = os.nice(0)
lighteval.pipeline.logger.setLevel("WARNING")


def grade(job: GradeJob) -> Graded:
    """Grade one experiment. lighteval's tracker writes results/ and details/; then the journal is packed, and last the
    manifest is written.

    Raises RunError if there is nothing to grade, or if the disk is full.
    """
    os.setpriority(os.PRIO_PROCESS, 0, _OWN_NICENESS + NICE)  # the kernel limits it to 19
    journal = Journal(job.folder)
    completions = {one.problem: with_token_array(one) for one in journal.read() if one.sample == 0}
    before = manifest.read(job.folder)
    graded = _problems_to_grade(job, completions, before)
    if not graded:
        raise RunError("it has no completions")
    stale.remove(job.folder, before)
    pipeline, total = _evaluate(job, completions, set(graded))
    warnings = _judge(pipeline, job)
    results, details = _save(pipeline, job.folder)
    value = _manifest(job, pipeline, journal, [completions[key] for key in graded], results, details, before)
    value["problems_total"] = total
    journal.pack()
    manifest.write(job.folder, value)
    warnings += push.push(job, pipeline.evaluation_tracker, results, details)
    scores = {name: _score(pipeline, name) for name in value["metrics"]}
    return Graded(job.manifest["experiment"], scores, len(graded), warning="; ".join(warnings) or None)


def _problems_to_grade(job: GradeJob, completions: dict[str, Completion], before: dict[str, Any] | None) -> list[str]:
    """The answered problems that are asked now or were graded before.

    Other completions, left by a larger run that was interrupted, are not graded: short answers come first, so they are
    a biased sample.
    """
    problems = dict.fromkeys([] if job.regrade else [prompt.problem for prompt in job.prompts])
    problems |= dict.fromkeys(before.get("problems", []) if before else [])
    return [problem for problem in problems if problem in completions]


def _judge(pipeline: Pipeline, job: GradeJob) -> list[str]:
    """Ask the judge, if there is one; returns warnings. If the judge cannot be reached, the grading still counts."""
    if job.judge is None:
        return []
    try:
        add_judge(pipeline, job.spec, job.judge)
    except RunError as error:
        return [f"graded without the judge: {error}; run again with --regrade to ask it"]
    return []


def _evaluate(job: GradeJob, completions: dict[str, Completion], graded: set[str]) -> tuple[Pipeline, int]:
    """Run the pipeline over the problems `graded`; returns it, and the number of problems that the task has in all."""
    registry.install(job.table_path, job.data_dir)
    metrics.set_runner(with_retries(BOUNDED))
    model = JournalModel(config_from(job.manifest), completions, {prompt.problem: prompt for prompt in job.prompts})
    parameters = PipelineParameters(launcher_type=ParallelismManager.NONE, bootstrap_iters=1000)
    tracker = EvaluationTracker(output_dir=str(job.folder), save_details=True)
    with _restricted_to(graded) as counts:
        pipeline = Pipeline(tasks=job.spec, pipeline_parameters=parameters, evaluation_tracker=tracker, model=model)
        pipeline.evaluate()
    _drop_copies(pipeline, job.spec)
    return pipeline, counts[-1]


def _drop_copies(pipeline: Pipeline, spec: str) -> None:
    """Remove `text_post_processed` if lighteval found no thinking to strip: it repeats the whole text, and null means
    the same (ModelResponse.final_text)."""
    for entry in pipeline.evaluation_tracker.details_logger.details[spec]:
        response = entry.model_response
        if response.text_post_processed == response.text:
            response.text_post_processed = None


@contextlib.contextmanager
def _restricted_to(problems: set[str]) -> Iterator[list[int]]:
    """In the block, make tasks return only these problems. Yields a list to which the number of all problems is added
    when a task is read."""
    original = LightevalTask.get_docs
    counts: list[int] = []

    def get_docs(task: LightevalTask, max_samples: int | None = None) -> list[Any]:
        docs = original(task, max_samples)
        counts.append(len(docs))
        return [doc for doc in docs if doc.specific["problem"] in problems]

    LightevalTask.get_docs = get_docs
    try:
        yield counts
    finally:
        LightevalTask.get_docs = original


def _save(pipeline: Pipeline, folder: Path) -> tuple[Path, Path]:
    """Let lighteval's tracker save; returns the paths of its results and details, relative to the folder."""
    had = set(folder.glob("results/**/*.json")) | set(folder.glob("details/**/*.parquet"))
    try:
        pipeline.save_and_push_results()
        new = (set(folder.glob("results/**/*.json")) | set(folder.glob("details/**/*.parquet"))) - had
        results = next(path for path in new if path.suffix == ".json")
        details = next(path for path in new if path.suffix == ".parquet")
        _compress(details)
        for path in (results, details):  # they must be on disk before the manifest that lists them
            sync(path)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise RunError(f"cannot write into {folder}: {reason}; free some disk space, then run again") from error
    return results.relative_to(folder), details.relative_to(folder)


def _compress(details: Path) -> None:
    """Rewrite lighteval's Parquet file with zstd, which takes half the space of snappy. No value changes."""
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
    """The complete manifest, except for the number of problems that the task has in all."""
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
        "output_tokens": {one.problem: one.output_tokens for one in completions},  # for scheduling later runs
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
    """All selections of problems that are graded by now."""
    earlier = before.get("selections", []) if before else []
    return [*(one for one in earlier if one not in new), *new]


def _history(before: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The earlier gradings of this experiment, whose files are kept."""
    if before is None:
        return []
    kept = {key: before.get(key) for key in ("graded_at", "results_file", "details_file", "num_samples")}
    return [*before.get("history", []), kept]


def _span(completions: list[Completion]) -> float:
    """The seconds during which at least one answer was being generated. Answers overlap, and interrupted runs have
    gaps."""
    total, until = 0.0, 0.0
    for began, ended in sorted((one.finished_at - one.seconds, one.finished_at) for one in completions):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return round(total, 3)


def _score(pipeline: Pipeline, metric: str) -> float:
    aggregated = pipeline.evaluation_tracker.metrics_logger.metric_aggregated
    return float(next(iter(aggregated.values()))[metric])


def with_retries(bounded: Bounded) -> Callable[..., Any]:
    """The bounded call, made again if its process crashed, ran out of memory, or got too little CPU time.

    Other processes or earlier calls may have caused these. If the answer itself causes them, they happen every time,
    and the last error is raised.
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
