"""What a caller of read_tree asks for and learns."""

import os
from dataclasses import dataclass, field

from evalsuite.trees.document import Document, Unfinished
from evalsuite.trees.source import Bad
from evalsuite.trees.store import RESULTS


@dataclass(frozen=True)
class Options:
    """How a tree is read; `analyze_results.py --help` says what each means."""

    pattern: str = "*"
    tokenizer: str | None = None
    jobs: int = 0
    results_dir: str | None = None
    provisional: bool = False
    fresh: bool = False


@dataclass(frozen=True)
class ModelReport:
    """What became of one model. `path` is its all_experiments_results.json; `error` says why that was not written."""

    model: str
    path: str
    experiments: int
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    skipped: tuple[Bad, ...]
    unfinished: tuple[Unfinished, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    disagreements: int  # completions that the two metrics judge differently
    written: bool
    error: str | None = None


@dataclass
class TreeReport:
    """What the first pass did: a report per model, all bad files, and how many experiments were read anew."""

    models: list[ModelReport] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: int = 0

    @property
    def failed(self) -> bool:
        return bool(self.bad) or any(model.error for model in self.models)


def report_on(document: Document, written: bool, error: str | None) -> ModelReport:
    """The report of a document that has been settled and, unless there is an error, stands on disk."""
    facts = [item.facts for _, _, item in document.kept]
    return ModelReport(
        model=document.model,
        path=os.path.join(document.folder, RESULTS),
        experiments=len(facts),
        tasks=tuple(sorted({one.task for one in facts})),
        seeds=tuple(sorted({one.seed for one in facts if one.seed is not None})),
        skipped=tuple(document.bad),
        unfinished=tuple(document.unfinished),
        warnings=tuple(document.tail["warnings"]),
        notes=tuple(document.tail["notes"]),
        disagreements=sum(one.disagreements for one in facts),
        written=written,
        error=error,
    )
