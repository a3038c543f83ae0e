"""One experiment as it is on disk (Source), and what reading it gives: a Record, or the file that prevents it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evalsuite.collect.metadata import Metadata, experiment_json, find_warnings, order_metrics, problem_set, summarise
from evalsuite.collect.samples import Samples
from evalsuite.collect.validation import Stamp, Unreadable, finite, reason, stamp
from evalsuite.store.journal import LIVE, PACKED

NATIVE, LIGHTEVAL = "evalsuite", "lighteval"  # kinds of sources: this suite's experiments, and any others
MANIFEST = "experiment.json"
BLOCK_BYTES = 1 << 20  # of a journal read at a time


@dataclass(frozen=True)
class Source:
    """The location of one experiment.

    `hint` is its folder's path from the searched folder on, whose own name comes first: names in it may say the seed.
    """

    kind: str
    folder: str
    hint: str
    results: str | None = None  # for LIGHTEVAL: the results file of the same date
    details: str | None = None
    provisional: bool = False

    @property
    def path(self) -> str:
        """The file that identifies it: the manifest, else the details, else a results file without details."""
        if self.kind == NATIVE:
            return os.path.join(self.folder, MANIFEST)
        return self.details or self.results or self.folder


@dataclass(frozen=True)
class BadPath:
    """A file or folder that is skipped, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Record:
    """One experiment that has been read.

    `body` is its JSON text, `files` the files it was read from with their stamps, and `bad` holds files of the
    experiment that could not be read but are not essential.
    """

    metadata: Metadata
    body: bytes
    files: dict[str, Stamp]
    bad: tuple[BadPath, ...] = ()


class ReadError(Exception):
    """An experiment cannot be read because of the file in `bad`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.bad = BadPath(path, reason)


def blaming(path: str, read: Callable, *args: Any) -> Any:
    """Return `read(*args)`; if that raises Unreadable, raise a ReadError that blames `path`."""
    try:
        return read(*args)
    except Unreadable as error:
        raise ReadError(path, str(error)) from error


@dataclass(frozen=True)
class Measurements:
    """An experiment's samples, and what its results file and manifest say about them.

    `metrics` lists the task's metrics, `reported` their values in the results file, `seconds` the generation time,
    `asked` the number of problems asked and `total` the number that the task has.
    """

    samples: Samples
    metrics: list[str]
    reported: dict[str, float]
    seconds: float | None
    asked: int | None
    total: int | None = None


def build_record(
    identity: dict[str, Any], found: Measurements, files: dict[str, Stamp], bad: tuple[BadPath, ...] = ()
) -> Record:
    """Build a Record; `identity` holds the fields of Metadata that do not follow from the samples."""
    samples = found.samples
    identity = finite(identity)
    warnings = [*identity.pop("warnings"), *find_warnings(samples, found.reported)]
    metadata = Metadata(
        rows=len(samples.id),
        problem_set=problem_set(samples.problem),
        text_only=samples.text_only,
        disagreements=len(samples.disagreements),
        warnings=warnings,
        **identity,
    )
    metrics = order_metrics(samples, found.metrics)
    results = summarise(samples, metrics, found.reported, found.seconds)
    body = experiment_json(metadata, results, samples, found.asked, found.total)
    return Record(metadata, body.encode("utf-8", "backslashreplace"), files, bad)


def count_completions(folder: str) -> int:
    """Count the completions in a folder's journal, without an incomplete last line; raises ReadError."""
    return sum(_count_lines(path) for name in (PACKED, LIVE) if os.path.lexists(path := os.path.join(folder, name)))


def _count_lines(path: str) -> int:
    import pyarrow as pa

    from evalsuite.collect.columns import openable

    try:
        stamp(path)
        compression = "zstd" if path.endswith(".zst") else None
        with pa.input_stream(openable(path), compression=compression, buffer_size=BLOCK_BYTES) as stream:
            return sum(block.count(b"\n") for block in iter(lambda: stream.read(BLOCK_BYTES), b""))
    except (OSError, ValueError) as error:
        raise ReadError(path, reason(error)) from error
    except Unreadable as error:
        raise ReadError(path, str(error)) from error
