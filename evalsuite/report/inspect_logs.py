"""Writes inspect_logs/: each configuration on each task as a log of the package inspect_ai, with seeds as epochs.

`inspect view --log-dir OUTPUT_DIR/inspect_logs` opens them. They contain everything in the details, including GPQA's
texts, so they are for local use and not part of report.zip.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalLog,
    EvalMetric,
    EvalResults,
    EvalSample,
    EvalScore,
    EvalSpec,
    EvalStats,
    write_eval_log,
)
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, GenerateConfig, ModelOutput, ModelUsage
from inspect_ai.scorer import CORRECT, INCORRECT, Score

from evalsuite.errors import RunError
from evalsuite.report.answers import packed
from evalsuite.report.answers.groups import Answer, Group, Problem, read
from evalsuite.report.answers.write import groups
from evalsuite.report.load import Entry, Study
from evalsuite.store.manifest import read as read_manifest

FOLDER = "inspect_logs"
STOP = {"stop": "stop", "length": "max_tokens", "content_filter": "content_filter"}


def write_logs(study: Study) -> tuple[int, list[str]]:
    """Write a log for every configuration on every task; returns their number, and errors of files not read."""
    entries = {(entry.folder, entry.task, entry.config_id): entry for entry in study.entries}
    written, wrong = 0, []
    for group in groups(study):
        found, missing = group.files()
        answers, problems, unread = read(group, found)
        wrong += missing + unread
        if answers:
            entry = entries.get((group.experiments[0]["place"], group.task, group.config_id))
            _save(log(group, answers, problems, entry), study.folder / FOLDER)
            written += 1
    return written, wrong


def log(group: Group, answers: list[Answer], problems: dict[str, Problem], entry: Entry | None) -> EvalLog:
    """The log of one configuration on one task, with the scores and standard errors of the summary."""
    epochs = {seed: at + 1 for at, seed in enumerate(dict.fromkeys(run.seed for run, _ in group.runs))}
    manifests = [read_manifest(Path(one["path"])) or {} for one in group.experiments]
    samples = [_sample(group, answer, problems[answer.problem], epochs[answer.seed]) for answer in answers]
    usage = ModelUsage(output_tokens=sum(answer.tokens or 0 for answer in answers))
    return EvalLog(
        status="success",
        eval=_spec(group, manifests, len(problems), len(epochs)),
        results=_results(group, entry, len(answers)),
        stats=EvalStats(model_usage={group.label: usage}),
        samples=samples,
    )


def _spec(group: Group, manifests: list[dict[str, Any]], problems: int, epochs: int) -> EvalSpec:
    run, _ = group.runs[0]
    has = run.configuration.get
    provenance = next((one["provenance"] for one in manifests if isinstance(one.get("provenance"), dict)), {})
    config = GenerateConfig(
        temperature=has("temperature"), top_p=has("top_p"), max_tokens=has("max_new_tokens"),
        top_k=has("top_k") if (has("top_k") or 0) > 0 else None, system_message=has("system_prompt"),
    )  # fmt: skip
    return EvalSpec(
        created=_created(group),
        task=group.task,
        task_id=_digest(group.task),
        eval_id=_digest(f"{group.label}/{group.config_id}/{group.task}"),
        run_id=_digest(group.label),
        task_version=str(has("task_version") or 0),
        model=group.label,
        model_generate_config=config,
        dataset=EvalDataset(name=group.task, samples=problems),
        config=EvalConfig(epochs=epochs),
        packages={name: str(version) for name, version in (provenance.get("versions") or {}).items()},
        metadata={"config_id": group.config_id, "seeds": [run.seed for run, _ in group.runs],
                  "configuration": run.configuration,
                  "circumstances": run.circumstances, "provenance": provenance},
    )  # fmt: skip


def _results(group: Group, entry: Entry | None, count: int) -> EvalResults:
    scores = []
    for metric in group.metrics:
        metrics = {}
        if entry is not None and entry.row["metric"] == metric:
            named = {"accuracy": "mean_accuracy", "stderr": "clustered_stderr"}
            values = {name: entry.row[key] for name, key in named.items() if entry.row[key] == entry.row[key]}
            metrics = {name: EvalMetric(name=name, value=value) for name, value in values.items()}
        scores.append(EvalScore(name=metric, scorer=metric, metrics=metrics))
    return EvalResults(total_samples=count, completed_samples=count, scores=scores)


def _sample(group: Group, answer: Answer, problem: Problem, epoch: int) -> EvalSample:
    message = ChatMessageAssistant(content=answer.text, model=group.label)
    choice = ChatCompletionChoice(message=message, stop_reason=STOP.get(answer.finish or "", "unknown"))
    usage = ModelUsage(output_tokens=answer.tokens) if answer.tokens is not None else None
    return EvalSample(
        id=answer.problem,
        epoch=epoch,
        input=problem.prompt,
        target=problem.gold,
        output=ModelOutput(model=group.label, choices=[choice], usage=usage),
        scores={metric: _score(answer, at) for at, metric in enumerate(group.metrics) if answer.scores[at] is not None},
        metadata={"seed": answer.seed, "number": problem.number, "finish_reason": answer.finish,
                  "truncated": answer.truncated, "grading_status": answer.status},
    )  # fmt: skip


def _score(answer: Answer, at: int) -> Score:
    """Right and wrong in the notation of inspect_ai, other scores as numbers."""
    value = {1.0: CORRECT, 0.0: INCORRECT}.get(answer.scores[at], answer.scores[at])
    return Score(value=value, answer=answer.extracted[at], explanation=answer.reason or None if at == 0 else None)


def _created(group: Group) -> str:
    dates = [str(one["date"]) for one in group.experiments if one["date"]]
    try:
        made = datetime.fromisoformat(max(dates))
    except ValueError:  # no date, or lighteval's, which has dashes in the time
        made = datetime.now(UTC)
    return (made if made.tzinfo else made.replace(tzinfo=UTC)).isoformat(timespec="seconds")


def _save(value: EvalLog, folder: Path) -> None:
    """Write one log; its name is the same every time."""
    try:
        folder.mkdir(exist_ok=True)
        name = f"{packed.name(value.eval.task)}_{packed.name(value.eval.model + value.eval.eval_id)}.eval"
        write_eval_log(value, str(folder / name), format="eval")
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"cannot write {folder}: {reason}; free disk space or make it writable") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:22]
