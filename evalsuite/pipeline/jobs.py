"""What a grading worker gets, and what it returns."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.experiment import Experiment
from evalsuite.pipeline.render import Prompt
from evalsuite.plan.sweep import Sweep
from evalsuite.plan.uploads import Uploads


@dataclass(frozen=True)
class JudgeOptions:
    """The server that gives second opinions. Its key stays in the environment variable `api_key_env`."""

    base_url: str
    model: str | None
    api_key_env: str

    @classmethod
    def of(cls, args: argparse.Namespace) -> "JudgeOptions | None":
        """The judge that the flags request; None without one."""
        return cls(args.judge_base_url, args.judge_model, args.judge_api_key_env) if args.judge_base_url else None


@dataclass(frozen=True)
class GradeJob:
    """One experiment to grade. `manifest` is the result of manifest.base, which the worker completes and writes."""

    folder: Path
    spec: str
    table_path: str
    data_dir: str | None
    manifest: dict[str, Any] = field(repr=False)
    prompts: tuple[Prompt, ...] = field(repr=False)
    selection: list[Any]
    log: Path
    torn: int = 0  # torn lines that were dropped from the journal
    judge: JudgeOptions | None = None
    regrade: bool = False  # grade the same problems as before; problems of `prompts` beyond these are not missing
    uploads: Uploads = field(default_factory=Uploads)

    @classmethod
    def of(
        cls,
        sweep: Sweep,
        experiment: Experiment,
        prompts: list[Prompt],
        manifest: dict[str, Any],
        log: Path,
        torn: int,
    ) -> "GradeJob":
        """The job for one experiment of a sweep, whose task has these prompts."""
        return cls(
            folder=sweep.folder_of(experiment),
            spec=sweep.task_of(experiment).spec,
            table_path=sweep.args.custom_tasks_directory,
            data_dir=sweep.args.data_dir,
            manifest=manifest,
            prompts=tuple(prompts),
            selection=sweep.selection.as_json(),
            log=log,
            torn=torn,
            judge=JudgeOptions.of(sweep.args),
            regrade=bool(sweep.args.regrade),
            uploads=Uploads.of(sweep.args),
        )


@dataclass(frozen=True)
class Graded:
    """The result of a job: the mean of each metric over the completions, or the reason why grading failed."""

    name: str
    scores: dict[str, float] = field(default_factory=dict)
    num_samples: int = 0
    error: str | None = None
    warning: str | None = None  # what failed although the experiment was graded
