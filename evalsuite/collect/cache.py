"""What has been read before: an index beside all_experiments_results.json, which itself holds the experiments' text.

The index keeps each experiment's facts, the stamps (size, mtime_ns) of the files it came from, and where its text
lies in the JSON file. An index or JSON file that is damaged, edited or of another version is as good as none.
"""

import hashlib
import json
import os
import zlib
from dataclasses import dataclass, field
from typing import Any

from evalsuite import __version__
from evalsuite.collect.facts import Facts
from evalsuite.collect.untrusted import Stamp, Unreadable, stamp
from evalsuite.errors import RunError
from evalsuite.files import replacing

RESULTS = "all_experiments_results.json"
INDEX = ".all_experiments_results.index"
FORMAT = f"3 {__version__}"  # 2: with series and step; 3: with problems_total


@dataclass(frozen=True)
class Entry:
    """One experiment read before. `place` is (offset, length, crc32) of its text, None if it did not count."""

    facts: Facts
    files: dict[str, Stamp]
    place: tuple[int, int, int] | None
    tokenizer: str | None

    def is_fresh(self, tokenizer: str | None) -> bool:
        """Whether the files are as they were, and so would be the counts."""
        if self.facts.textual and tokenizer is not None and tokenizer != self.tokenizer:
            return False
        try:
            return all(stamp(path) == known for path, known in self.files.items())
        except Unreadable:
            return False


@dataclass
class Store:
    """The index of one folder: entries by the path of the manifest or details file, and what was written then."""

    folder: str
    entries: dict[str, Entry] = field(default_factory=dict)
    plan: str = ""

    @property
    def path(self) -> str:
        return os.path.join(self.folder, RESULTS)

    def body(self, entry: Entry) -> bytes | None:
        """The text of an entry, None if it is not there any more."""
        if entry.place is None:
            return None
        offset, length, crc = entry.place
        try:
            with open(self.path, "rb") as stream:
                stream.seek(offset)
                text = stream.read(length)
        except OSError:
            return None
        return text if zlib.crc32(text) == crc and len(text) == length else None


def load(folder: str) -> Store:
    """The store of a folder, empty where there is none that can be trusted."""
    store = Store(folder)
    index = os.path.join(folder, INDEX)
    try:
        stamp(index)
        with open(index, "rb") as stream:
            seal, _, text = stream.read().partition(b"\n")
        if seal.decode() != _seal(text):
            return store
        known = json.loads(text)
        if stamp(store.path) != tuple(known["written"]):
            return store
    except (OSError, ValueError, Unreadable):
        return store
    store.plan = known["plan"]
    store.entries = {_below(folder, path): _entry(folder, value) for path, value in known["entries"].items()}
    return store


def _entry(folder: str, value: dict[str, Any]) -> Entry:
    files = {_below(folder, path): tuple(known) for path, known in value["files"].items()}
    return Entry(Facts(**value["facts"]), files, value["place"] and tuple(value["place"]), value["tokenizer"])


def _below(folder: str, path: str) -> str:
    """A path that the index keeps relative to its folder; with --results_dir it leads out of it."""
    return os.path.normpath(os.path.join(folder, path))


def save_index(folder: str, plan: str, entries: dict[str, Entry]) -> None:
    """Write the index for the JSON file that has just been written; raises RunError."""
    value = {
        "plan": plan,
        "written": stamp(os.path.join(folder, RESULTS)),
        "entries": {os.path.relpath(path, folder): _as_json(folder, entry) for path, entry in entries.items()},
    }
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    with replacing(os.path.join(folder, INDEX), "wb", sync=False) as stream:
        stream.write(_seal(text).encode() + b"\n" + text)


def _as_json(folder: str, entry: Entry) -> dict[str, Any]:
    files = {os.path.relpath(path, folder): known for path, known in entry.files.items()}
    return {"facts": entry.facts.as_json(), "files": files, "place": entry.place, "tokenizer": entry.tokenizer}


def _seal(text: bytes) -> str:
    return f"{FORMAT} {hashlib.sha256(text).hexdigest()}"


def check_writable(folder: str) -> None:
    """Raise RunError where nothing may be written: also for root a folder without write permission is left alone."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder) or "."
    if not os.stat(folder).st_mode & 0o222 or not os.access(folder, os.W_OK):
        raise RunError(f"cannot write into {folder}: the folder is read-only; give another with --results_dir")
