"""What a grading worker is told, and what it answers."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.pipeline.render import Prompt
from evalsuite.plan.uploads import Uploads


@dataclass(frozen=True)
class JudgeOptions:
    """The server that gives second opinions. The key stays in the environment, under `api_key_env`."""

    base_url: str
    model: str | None
    api_key_env: str

    @classmethod
    def of(cls, args: argparse.Namespace) -> "JudgeOptions | None":
        """The judge that was asked for."""
        return cls(args.judge_base_url, args.judge_model, args.judge_api_key_env) if args.judge_base_url else None


@dataclass(frozen=True)
class GradeJob:
    """One experiment to grade. `manifest` is manifest.base's; the worker adds results and writes it last."""

    folder: Path
    spec: str
    table_path: str
    data_dir: str | None
    manifest: dict[str, Any] = field(repr=False)
    prompts: tuple[Prompt, ...] = field(repr=False)
    selection: list[Any]
    log: Path
    torn: int = 0  # torn lines that were dropped from its journal
    judge: JudgeOptions | None = None
    regrade: bool = False  # what was asked before is graded again: nothing else counts as missing
    uploads: Uploads = field(default_factory=Uploads)


@dataclass(frozen=True)
class Graded:
    """What came out: `scores` by metric (mean over the completions), counts, or why grading failed."""

    name: str
    scores: dict[str, float] = field(default_factory=dict)
    num_samples: int = 0
    error: str | None = None
    warning: str | None = None  # graded, but not all that was asked for was done
