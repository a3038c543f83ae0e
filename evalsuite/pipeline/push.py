"""Upload an experiment's scores to the requested trackers. It is saved before that, so a failure is only reported."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import Dataset
from lighteval.logging.evaluation_tracker import EvaluationTracker

from evalsuite.bounded import deadline
from evalsuite.files import printable
from evalsuite.pipeline.jobs import GradeJob
from evalsuite.plan.uploads import leave_inherited_service

PUSH_SECONDS = 300.0  # after which a service counts as hanging, so that it does not block the worker


def push(job: GradeJob, tracker: EvaluationTracker, results: Path, details: Path) -> list[str]:
    """Upload to each tracker; returns a warning for each that failed. `results` and `details` are the saved files,
    relative to the job's folder."""
    asked: list[tuple[str, Callable[[], None]]] = []
    if job.uploads.wandb:
        asked.append(("Weights & Biases", lambda: _to_wandb(job, tracker.results)))
    if job.uploads.tensorboard:
        asked.append(("TensorBoard", lambda: _to_tensorboard(job, tracker.metrics_logger.metric_aggregated)))
    if job.uploads.hub:
        asked.append(("the hub", lambda: _to_hub(job, tracker, results, job.folder / details)))
    return [warning for name, action in asked if (warning := _try(name, action))]


def _try(name: str, action: Callable[[], None]) -> str | None:
    """Run one upload; returns a warning if it fails."""
    try:
        with deadline(PUSH_SECONDS):
            action()
    except Exception as error:  # clients raise all kinds of errors, and none of them may cost the finished experiment
        reason = str(error).strip().splitlines() or [""]
        shown = f"{type(error).__name__}: {printable(reason[0], 200)}"
        return f"not uploaded to {name}: {shown}; run again with --regrade to upload it"
    return None


def _to_wandb(job: GradeJob, results: dict[str, Any]) -> None:
    """Log one W&B run per experiment. lighteval's tracker takes the run's settings only from these variables."""
    leave_inherited_service()
    os.environ["WANDB_PROJECT"] = job.uploads.wandb
    os.environ.setdefault("WANDB_NAME", job.manifest["experiment"])
    os.environ.setdefault("WANDB_RUN_GROUP", job.manifest["model"])
    os.environ.setdefault("WANDB_DIR", str(job.log.parent))
    tracker = EvaluationTracker(str(job.folder), use_wandb=True)
    known = {name: job.manifest[name] for name in ("experiment", "model", "task", "seed", "config_id")}
    tracker.wandb_run.config.update(known | {"configuration": job.manifest["configuration"]})
    tracker.push_to_wandb(results, {})


def _to_tensorboard(job: GradeJob, metrics: dict[str, dict[str, float]]) -> None:
    """Write events with the tags of lighteval's push_to_tensorboard, which itself needs nanotron."""
    from tensorboardX import SummaryWriter

    with SummaryWriter(logdir=str(job.folder / "tb")) as writer:
        for task, values in metrics.items():
            for metric, value in values.items():
                kind = "stderr_eval" if "stderr" in metric else "eval"
                writer.add_scalar(f"{kind}/{task}/{metric}", value, global_step=job.manifest["seed"])
        writer.add_text("configuration", f"```json\n{json.dumps(job.manifest['configuration'], indent=1)}\n```")


def _to_hub(job: GradeJob, saved: EvaluationTracker, results: Path, details: Path) -> None:
    """Push results and details with lighteval's tracker, to one private data set per model."""
    tracker = EvaluationTracker(str(job.folder), push_to_hub=True, hub_results_org=job.uploads.hub)
    tracker.general_config_logger = saved.general_config_logger  # it has the model's name
    date = results.stem.removeprefix("results_")
    tracker.push_to_hub(date, {job.spec: Dataset(pq.read_table(details))}, saved.results)
