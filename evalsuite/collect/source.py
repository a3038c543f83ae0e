"""One experiment as it lies on disk, and what reading it gives: a record, or the file that cannot be read."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evalsuite.collect.facts import Facts, doubts, order_metrics, problem_set, render, summary
from evalsuite.collect.samples import Samples
from evalsuite.collect.untrusted import Stamp, Unreadable, finite, reason, stamp
from evalsuite.store.journal import LIVE, PACKED

OWN, LIGHTEVAL = "evalsuite", "lighteval"
MANIFEST = "experiment.json"


@dataclass(frozen=True)
class Source:
    """Where one experiment lies. `hint` is its folder's path below the scanned one and that one's own name."""

    kind: str
    folder: str
    hint: str
    results: str | None = None  # lighteval's: the results file of the same date
    details: str | None = None
    provisional: bool = False

    @property
    def path(self) -> str:
        """The file that stands for it: the manifest, or the details, or a results file without details."""
        return os.path.join(self.folder, MANIFEST) if self.kind == OWN else self.details or self.results or self.folder


@dataclass(frozen=True)
class Bad:
    """A file or folder that is left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Record:
    """One experiment: its facts, its JSON text, the files it was read from with their stamps, and bad ones beside."""

    facts: Facts
    body: bytes
    files: dict[str, Stamp]
    bad: tuple[Bad, ...] = ()


class Stopped(Exception):
    """Reading an experiment ended at one file; carries the Bad."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.bad = Bad(path, reason)


def at(path: str, read: Callable, *args: Any) -> Any:
    """What `read(*args)` returns; where that is Unreadable, Stopped names `path` as the culprit."""
    try:
        return read(*args)
    except Unreadable as error:
        raise Stopped(path, str(error)) from error


@dataclass(frozen=True)
class Measured:
    """What a reader found beside the identity: samples, and what results file and manifest say of them."""

    samples: Samples
    metrics: list[str]
    reported: dict[str, float]
    seconds: float | None
    asked: int | None
    total: int | None = None  # problems that the task has


def record(identity: dict[str, Any], found: Measured, files: dict[str, Stamp], bad: tuple[Bad, ...] = ()) -> Record:
    """Put a record together; `identity` has the fields of Facts that do not follow from the samples."""
    samples = found.samples
    identity = finite(identity)
    warnings = [*identity.pop("warnings"), *doubts(samples, found.reported)]
    facts = Facts(
        rows=len(samples.id),
        problem_set=problem_set(samples.problem),
        textual=samples.textual,
        disagreements=len(samples.disagreements),
        warnings=warnings,
        **identity,
    )
    metrics = order_metrics(samples, found.metrics)
    results = summary(samples, metrics, found.reported, found.seconds)
    body = render(facts, results, samples, found.asked, found.total)
    return Record(facts, body.encode("utf-8", "backslashreplace"), files, bad)


BLOCK = 1 << 20


def whole_completions(folder: str) -> int:
    """The completions in a folder's journal, a torn last line not counted; raises Stopped for a bad journal."""
    return sum(_lines(path) for name in (PACKED, LIVE) if os.path.lexists(path := os.path.join(folder, name)))


def _lines(path: str) -> int:
    import pyarrow as pa

    from evalsuite.collect.columns import openable

    try:
        stamp(path)
        compression = "zstd" if path.endswith(".zst") else None
        with pa.input_stream(openable(path), compression=compression, buffer_size=BLOCK) as stream:
            return sum(block.count(b"\n") for block in iter(lambda: stream.read(BLOCK), b""))
    except (OSError, ValueError) as error:
        raise Stopped(path, reason(error)) from error
    except Unreadable as error:
        raise Stopped(path, str(error)) from error
