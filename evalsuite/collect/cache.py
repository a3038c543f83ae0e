"""Caches what has been read: an index file beside all_experiments_results.json, which holds the experiments' text.

The index stores each experiment's metadata, the stamps (size, mtime_ns) of the files it was read from, and where its
text is in the JSON file. An index or JSON file that is damaged, edited or of another version is ignored.
"""

import hashlib
import json
import os
import zlib
from dataclasses import dataclass, field
from typing import Any

from evalsuite import __version__
from evalsuite.collect.metadata import Metadata
from evalsuite.collect.validation import Stamp, Unreadable, stamp
from evalsuite.errors import RunError
from evalsuite.files import replacing

RESULTS = "all_experiments_results.json"
INDEX = ".all_experiments_results.index"
# Increase the number whenever what the index stores changes. 2: series and step; 3: problems_total; 4: renamed keys.
FORMAT = f"4 {__version__}"
TextRange = tuple[int, int, int]  # offset, length and crc32 of an experiment's text in the JSON file


@dataclass(frozen=True)
class Entry:
    """An experiment that has been read; `text_range` is None if it does not count, because of a duplicate."""

    metadata: Metadata
    files: dict[str, Stamp]
    text_range: TextRange | None
    tokenizer: str | None

    def is_fresh(self, tokenizer: str | None) -> bool:
        """Whether reading the experiment again, with this tokenizer, would give the same."""
        if self.metadata.text_only and tokenizer is not None and tokenizer != self.tokenizer:
            return False
        try:
            return all(stamp(path) == known for path, known in self.files.items())
        except Unreadable:
            return False


@dataclass
class Cache:
    """The cache in one folder.

    `entries` are found by the path of the experiment's manifest or details file; `content_hash` is that of the document
    written last.
    """

    folder: str
    entries: dict[str, Entry] = field(default_factory=dict)
    content_hash: str = ""

    @property
    def path(self) -> str:
        return os.path.join(self.folder, RESULTS)

    def text(self, entry: Entry) -> bytes | None:
        """The text of an entry; None if the JSON file does not have it any more."""
        if entry.text_range is None:
            return None
        offset, length, crc = entry.text_range
        try:
            with open(self.path, "rb") as stream:
                stream.seek(offset)
                text = stream.read(length)
        except OSError:
            return None
        return text if zlib.crc32(text) == crc and len(text) == length else None


def load_cache(folder: str) -> Cache:
    """Load the cache of a folder; it is empty if there is none that can be trusted."""
    cache = Cache(folder)
    index = os.path.join(folder, INDEX)
    try:
        stamp(index)
        with open(index, "rb") as stream:
            seal, _, text = stream.read().partition(b"\n")
        if seal.decode() != _seal(text):
            return cache
        stored = json.loads(text)
        if stamp(cache.path) != tuple(stored["written"]):
            return cache
    except (OSError, ValueError, Unreadable):
        return cache
    cache.content_hash = stored["content_hash"]
    cache.entries = {_join(folder, path): _from_json(folder, value) for path, value in stored["entries"].items()}
    return cache


def save_index(folder: str, content_hash: str, entries: dict[str, Entry]) -> None:
    """Write the index that belongs to the JSON file just written; raises RunError."""
    value = {
        "content_hash": content_hash,
        "written": stamp(os.path.join(folder, RESULTS)),
        "entries": {os.path.relpath(path, folder): _as_json(folder, entry) for path, entry in entries.items()},
    }
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    with replacing(os.path.join(folder, INDEX), "wb", sync=False) as stream:
        stream.write(_seal(text).encode() + b"\n" + text)


def check_writable(folder: str) -> None:
    """Raise RunError if a folder has no write permission; root, who could write anyway, must respect that too."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder) or "."
    if not os.stat(folder).st_mode & 0o222 or not os.access(folder, os.W_OK):
        raise RunError(f"cannot write to {folder}: the folder is read-only; choose another with --results_dir")


def _as_json(folder: str, entry: Entry) -> dict[str, Any]:
    files = {os.path.relpath(path, folder): known for path, known in entry.files.items()}
    metadata = entry.metadata.as_json()
    return {"metadata": metadata, "files": files, "text_range": entry.text_range, "tokenizer": entry.tokenizer}


def _from_json(folder: str, value: dict[str, Any]) -> Entry:
    files = {_join(folder, path): tuple(known) for path, known in value["files"].items()}
    text_range = value["text_range"] and tuple(value["text_range"])
    return Entry(Metadata(**value["metadata"]), files, text_range, value["tokenizer"])


def _join(folder: str, path: str) -> str:
    """Resolve a path of the index, which is relative to its folder; with --results_dir it leads out of the folder."""
    return os.path.normpath(os.path.join(folder, path))


def _seal(text: bytes) -> str:
    return f"{FORMAT} {hashlib.sha256(text).hexdigest()}"
