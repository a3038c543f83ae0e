"""One model's all_experiments_results.json: which experiments count, the findings on them, and the text of the file."""

import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from evalsuite.collect import checks
from evalsuite.collect.cache import RESULTS, Cache, Entry, TextRange, check_writable, save_index
from evalsuite.collect.metadata import Metadata
from evalsuite.collect.pool import read_source
from evalsuite.collect.source import BadPath, Source
from evalsuite.collect.validation import finite
from evalsuite.files import replacing

SCHEMA_VERSION = 1


@dataclass
class Item:
    """One experiment of a model. `body` is its JSON text if it has just been read; otherwise the text is in `cache`."""

    source: Source
    metadata: Metadata
    body: bytes | None = None
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    cached: Entry | None = None
    cache: Cache | None = None
    bad: tuple[BadPath, ...] = ()  # files of it that could not be read; with any, it is not cached


@dataclass(frozen=True)
class Unfinished:
    """A folder of this suite without a manifest; `completions` is the number of complete entries in its journal."""

    folder: str
    completions: int


@dataclass
class Document:
    """What is written for one model into one folder.

    `prepare` fills in `kept`, the experiments that count as (name, provisional, item), and `findings`, the keys of the
    file that follow the experiments.
    """

    model: str
    folder: str
    items: list[Item]
    bad: list[BadPath]
    unfinished: list[Unfinished]
    kept: list[tuple[str, bool, Item]] = field(default_factory=list)
    findings: dict[str, Any] = field(default_factory=dict)

    def prepare(self) -> "Document":
        """Choose among duplicates, name the experiments and collect the findings."""
        folders = [os.path.relpath(item.source.folder, self.folder) for item in self.items]
        used, duplicates = checks.duplicates(
            [(folder, item.metadata) for folder, item in zip(folders, self.items, strict=True)]
        )
        kept = sorted((self.items[at] for at in used), key=_order)
        unfinished = {checks.without_seed(one.folder) for one in self.unfinished}
        names = _names(kept, self.folder)
        self.kept = [
            (name, checks.is_provisional(item.metadata, unfinished), item)
            for name, item in zip(names, kept, strict=True)
        ]
        self.findings = self._find(names, [item.metadata for item in kept], duplicates)
        return self

    def _find(self, names: list[str], metadata: list[Metadata], duplicates: list[dict]) -> dict[str, Any]:
        report = {
            "duplicates": duplicates,
            "missing_seeds": checks.missing_seeds(metadata),
            "problem_sets": checks.problem_sets(list(zip(names, metadata, strict=True))),
            "mixed_configurations": checks.mixed_configurations(metadata),
            "mixed_circumstances": checks.mixed_circumstances(metadata),
        }
        of_experiments = [f"{name}: {line}" for name, one in zip(names, metadata, strict=True) for line in one.warnings]
        unfinished = [
            (os.path.basename(one.folder), self._relative(one.folder), one.completions) for one in self.unfinished
        ]
        return {
            "skipped": [{"path": self._relative(bad.path), "reason": bad.reason} for bad in self.bad],
            "unfinished": [dict(zip(("experiment", "path", "completions"), one, strict=True)) for one in unfinished],
            **report,
            "warnings": [*checks.warnings(report), *of_experiments],
            "notes": checks.notes(report),
        }

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self.folder)

    def content_hash(self) -> str:
        """A hash of all but the experiments' own text; if that has not changed either, nothing needs to be written."""
        kept = [(name, provisional, self._relative(item.source.path)) for name, provisional, item in self.kept]
        parts = [self.model, kept, sorted(self._relative(item.source.path) for item in self.items), self.findings]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()

    def chunks(self) -> Iterator[tuple[Item | None, bytes]]:
        """Yield the file's text in pieces; a piece that is an experiment's body comes with its item."""
        yield None, _encode(f'{{"schema_version": {SCHEMA_VERSION},\n"model": {_json(self.model)},\n"experiments": {{')
        for at, (name, provisional, item) in enumerate(self.kept):
            path = self._relative(item.source.folder)
            keys = f'"experiment": {_json(name)}, "path": {_json(path)}, "provisional": {_json(provisional)}'
            yield None, _encode(f"{',' if at else ''}\n{_json(name)}: {{{keys}, ")
            yield item, item.body or b""
        yield None, b"\n}"
        for key, value in self.findings.items():
            yield None, _encode(f",\n{_json(key)}: {_json(finite(value))}")
        yield None, b"}\n"


def write(document: Document, cache: Cache, tokenizer: str | None) -> bool:
    """Write the model's file and its index; returns False if both are up to date. Raises RunError."""
    document.prepare()
    if document.content_hash() == cache.content_hash and not any(item.body for item in document.items):
        return False
    check_writable(document.folder)
    _load_bodies(document, tokenizer)
    ranges: dict[int, TextRange] = {}
    offset = 0
    with replacing(os.path.join(document.folder, RESULTS), "wb", sync=False) as stream:
        for item, text in document.chunks():
            stream.write(text)
            if item is not None:
                ranges[id(item)] = (offset, len(text), zlib.crc32(text))
            offset += len(text)
    entries = {
        item.source.path: _entry(item, ranges.get(id(item)), tokenizer) for item in document.items if not item.bad
    }
    save_index(document.folder, document.content_hash(), entries)
    return True


def _entry(item: Item, text_range: TextRange | None, tokenizer: str | None) -> Entry:
    if item.cached is not None:
        tokenizer = item.cached.tokenizer
    return Entry(item.metadata, item.files, text_range, tokenizer)


def _load_bodies(document: Document, tokenizer: str | None) -> None:
    """Load the text of every experiment that counts, from the cache if possible, else by reading it again."""
    without = [item for _, _, item in document.kept if item.body is None]
    for item in without:
        item.body = item.cache.text(item.cached) if item.cache is not None else None
    lost = [item for item in without if item.body is None]
    for item in lost:
        found = read_source(item.source, tokenizer)
        if isinstance(found, BadPath):
            document.items.remove(item)
            document.bad.append(found)
        else:
            item.metadata, item.body, item.files, item.cached = found.metadata, found.body, found.files, None
    if lost:  # the choice among duplicates may have changed
        document.prepare()
        _load_bodies(document, tokenizer)


def _order(item: Item) -> tuple:
    one = item.metadata
    return one.task, one.config_id, one.seed is None, one.seed or 0, item.source.path


def _names(items: list[Item], folder: str) -> list[str]:
    """A unique name for each: its folder's name, else its path, else its task, configuration and seed."""
    full = [f"{item.metadata.task}_{item.metadata.config_id}_seed{item.metadata.seed}" for item in items]
    paths = [os.path.relpath(item.source.folder, folder) for item in items]
    choices = [(column, Counter(column)) for column in ([os.path.basename(path) for path in paths], paths, full)]
    names = []
    for at in range(len(items)):
        unique = (column[at] for column, counts in choices if counts[column[at]] == 1 and column[at] not in (".", ".."))
        names.append(next(unique, f"{full[at]} ({at})"))
    return names


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
