"""One model's all_experiments_results.json: which experiments count, what is to be said of them, and its text."""

import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from evalsuite.collect import checks
from evalsuite.collect.cache import RESULTS, Entry, Store, check_writable, save_index
from evalsuite.collect.facts import Facts
from evalsuite.collect.pool import read_source
from evalsuite.collect.source import Bad, Source
from evalsuite.collect.untrusted import finite
from evalsuite.files import replacing

SCHEMA_VERSION = 1


@dataclass
class Item:
    """One experiment of a model. `body` is its text where it has just been read, else it lies in the store."""

    source: Source
    facts: Facts
    body: bytes | None = None
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    known: Entry | None = None
    store: Store | None = None
    bad: tuple[Bad, ...] = ()  # files beside it that could not be read; it is read again the next time


@dataclass(frozen=True)
class Unfinished:
    """A folder of ours without a manifest; `completions` are the whole ones in its journal."""

    folder: str
    completions: int


@dataclass
class Document:
    """What will be written for one model into one folder."""

    model: str
    folder: str
    items: list[Item]
    bad: list[Bad]
    unfinished: list[Unfinished]
    kept: list[tuple[str, bool, Item]] = field(default_factory=list)  # name, provisional
    tail: dict[str, Any] = field(default_factory=dict)

    def settle(self) -> "Document":
        """Choose among duplicates, name the experiments and gather what is to be said."""
        places = [os.path.relpath(item.source.folder, self.folder) for item in self.items]
        used, duplicates = checks.duplicates(
            [(place, item.facts) for place, item in zip(places, self.items, strict=True)]
        )
        kept = sorted((self.items[at] for at in used), key=_order)
        prefixes = {checks.unfinished_prefix(one.folder) for one in self.unfinished}
        names = _names(kept, self.folder)
        self.kept = [
            (name, checks.is_provisional(item.facts, prefixes), item) for name, item in zip(names, kept, strict=True)
        ]
        self.tail = self._findings(names, [item.facts for item in kept], duplicates)
        return self

    def _findings(self, names: list[str], facts: list[Facts], duplicates: list[dict]) -> dict[str, Any]:
        """What stands in the file behind the experiments."""
        report = {
            "duplicates": duplicates,
            "missing_seeds": checks.missing_seeds(facts),
            "problem_sets": checks.problem_sets(list(zip(names, facts, strict=True))),
            "mixed_configurations": checks.mixed_configurations(facts),
            "mixed_circumstances": checks.mixed_circumstances(facts),
        }
        own = [f"{name}: {line}" for name, one in zip(names, facts, strict=True) for line in one.warnings]
        unfinished = [
            (os.path.basename(one.folder), self._path(one.folder), one.completions) for one in self.unfinished
        ]
        return {
            "skipped": [{"path": self._path(bad.path), "reason": bad.reason} for bad in self.bad],
            "unfinished": [dict(zip(("experiment", "path", "completions"), one, strict=True)) for one in unfinished],
            **report,
            "warnings": [*checks.sentences(report), *own],
            "notes": checks.notes(report),
        }

    def _path(self, path: str) -> str:
        return os.path.relpath(path, self.folder)

    def plan(self) -> str:
        """A hash of all but the experiments' own text: with that unchanged too, there is nothing to write."""
        kept = [(name, provisional, self._path(item.source.path)) for name, provisional, item in self.kept]
        parts = [self.model, kept, sorted(self._path(item.source.path) for item in self.items), self.tail]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()

    def chunks(self) -> Iterator[tuple[Item | None, bytes]]:
        """The file's text in pieces; an item beside a piece that is its body."""
        yield None, _text(f'{{"schema_version": {SCHEMA_VERSION},\n"model": {_json(self.model)},\n"experiments": {{')
        for at, (name, provisional, item) in enumerate(self.kept):
            path = self._path(item.source.folder)
            keys = f'"experiment": {_json(name)}, "path": {_json(path)}, "provisional": {_json(provisional)}'
            yield None, _text(f"{',' if at else ''}\n{_json(name)}: {{{keys}, ")
            yield item, item.body or b""
        yield None, b"\n}"
        for key, value in self.tail.items():
            yield None, _text(f",\n{_json(key)}: {_json(finite(value))}")
        yield None, b"}\n"


def _order(item: Item) -> tuple:
    facts = item.facts
    return facts.task, facts.config_id, facts.seed is None, facts.seed or 0, item.source.path


def _names(items: list[Item], folder: str) -> list[str]:
    """A name for each: its folder's, where that is its alone, else its path, else task, configuration and seed."""
    facts = [item.facts for item in items]
    full = [f"{one.task}_{one.config_id}_seed{one.seed}" for one in facts]
    paths = [os.path.relpath(item.source.folder, folder) for item in items]
    choices = [(column, Counter(column)) for column in ([os.path.basename(path) for path in paths], paths, full)]
    names = []
    for at in range(len(items)):
        alone = (column[at] for column, counts in choices if counts[column[at]] == 1 and column[at] not in (".", ".."))
        names.append(next(alone, f"{full[at]} ({at})"))
    return names


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


Place = tuple[int, int, int]  # offset, length and crc32 of an experiment's text


def write(document: Document, store: Store, tokenizer: str | None) -> bool:
    """Write the model's file and index; False if both stand there unchanged. Raises RunError where the disk refuses."""
    document.settle()
    if document.plan() == store.plan and not any(item.body for item in document.items):
        return False
    check_writable(document.folder)
    _complete(document, tokenizer)
    places: dict[int, Place] = {}
    offset = 0
    with replacing(os.path.join(document.folder, RESULTS), "wb", sync=False) as stream:
        for item, text in document.chunks():
            stream.write(text)
            if item is not None:
                places[id(item)] = (offset, len(text), zlib.crc32(text))
            offset += len(text)
    entries = {
        item.source.path: _entry(item, places.get(id(item)), tokenizer) for item in document.items if not item.bad
    }
    save_index(document.folder, document.plan(), entries)
    return True


def _entry(item: Item, place: Place | None, tokenizer: str | None) -> Entry:
    if item.known is not None:
        tokenizer = item.known.tokenizer
    return Entry(item.facts, item.files, place, tokenizer)


def _complete(document: Document, tokenizer: str | None) -> None:
    """Give every experiment that counts its text: from where it was written before, else by reading it again."""
    missing = [item for _, _, item in document.kept if item.body is None]
    for item in missing:
        item.body = item.store.body(item.known) if item.store is not None else None
    lost = [item for item in missing if item.body is None]
    for item in lost:
        found = read_source(item.source, tokenizer)
        if isinstance(found, Bad):
            document.items.remove(item)
            document.bad.append(found)
        else:
            item.facts, item.body, item.files, item.known = found.facts, found.body, found.files, None
    if lost:
        document.settle()
        _complete(document, tokenizer)
