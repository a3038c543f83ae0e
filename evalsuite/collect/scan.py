"""Finding experiments below a folder, at any depth, looking at as little as possible.

A folder is one of our experiments if it holds experiment.json (nothing else in it is looked at) or, unfinished, a
journal; it is a lighteval output folder if it holds results/ or details/. Links are followed once, never in circles.
"""

import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from evalsuite.collect.naming import date_in
from evalsuite.collect.source import LIGHTEVAL, MANIFEST, OWN, Bad, Source
from evalsuite.collect.untrusted import Unreadable, reason
from evalsuite.store.journal import LIVE, PACKED

MAX_DEPTH = 12
OURS_BESIDE_MODELS = {"logs", "figures", "tables", "answers", "inspect_logs"}
OUTPUTS = {"all_experiments_results.json", "analysis_results.json", "comparison_results.json", "model.json"}
DATA = (".json", ".jsonl", ".parquet")
NO_EXPERIMENT = f"no experiment in it: no {MANIFEST}, journal, results or details"
_OURS = re.compile(r"_seed\d+$")
REPLACED = re.compile(r"\.replaced-\d{8}-\d{6}(-\d+)?$")  # what main.py --overwrite moved aside


@dataclass
class Scan:
    """What lies below a folder; every path begins with that folder's."""

    root: str
    pattern: str = "*"
    provisional: bool = False
    sources: list[Source] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)  # our experiments without a manifest
    bad: list[Bad] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)  # links to folders that are read under their own name
    replaced: list[str] = field(default_factory=list)  # experiments moved aside by --overwrite
    _linked: set[str] = field(default_factory=set)

    def run(self) -> "Scan":
        """Look through the folder; raises Unreadable if it cannot be listed."""
        listed = entries_of(self.root)
        if not self._own(self.root):
            self._visit(self.root, 0, listed)
        return self

    def _visit(self, folder: str, depth: int, entries: list[os.DirEntry]) -> bool:
        """Note what is in a folder that has no manifest; False if it holds nothing of interest."""
        before = len(self.sources) + len(self.unfinished) + len(self.bad)
        names = {entry.name for entry in entries if not entry.name.startswith(".")}  # a lock may lie there
        if names & {LIVE, PACKED} or (not names and _OURS.search(folder)):
            self.unfinished.append(folder)
            if not self.provisional:
                return True
        output = [entry for entry in entries if entry.name in ("results", "details")]
        if output:
            self._lighteval(folder, output)
        inner = [entry for entry in entries if entry not in output and self._wanted(entry, depth)]
        strays = [entry.path for entry in inner if not self._enter(entry, depth + 1)]
        found = len(self.sources) + len(self.unfinished) + len(self.bad) > before
        if found or depth == 0:
            self.bad += [Bad(path, NO_EXPERIMENT) for path in strays]
        return found or not names or bool(names & OUTPUTS)

    def _wanted(self, entry: os.DirEntry, depth: int) -> bool:
        if entry.name.startswith(".") or entry.name in OUTPUTS or (depth == 0 and entry.name in OURS_BESIDE_MODELS):
            return False
        return depth > 0 or entry.name == self.pattern or fnmatchcase(entry.name, self.pattern)

    def _enter(self, entry: os.DirEntry, depth: int) -> bool:
        """Visit an entry; False if it is a folder without experiments or a stray data file."""
        try:
            if not entry.is_dir():
                return self._file(entry)
            if entry.is_symlink() and not self._follow(entry.path):
                return True
            if depth > MAX_DEPTH:
                raise Unreadable(f"more than {MAX_DEPTH} folders deep")
            if REPLACED.search(entry.name):
                self.replaced.append(entry.path)
                return True
            return self._own(entry.path) or self._visit(entry.path, depth, entries_of(entry.path))
        except OSError as error:
            self.bad.append(Bad(entry.path, reason(error)))
        except Unreadable as error:
            self.bad.append(Bad(entry.path, str(error)))
        return True

    def _own(self, folder: str) -> bool:
        """Note the folder as an experiment of ours if it has a manifest, whatever that is."""
        try:
            os.stat(os.path.join(folder, MANIFEST))
        except FileNotFoundError:
            return False
        self.sources.append(Source(OWN, folder, self._hint(folder)))
        return True

    def _file(self, entry: os.DirEntry) -> bool:
        if entry.is_symlink() and not os.path.exists(entry.path):
            raise Unreadable("a link to nothing")
        return not entry.name.endswith(DATA)

    def _follow(self, path: str) -> bool:
        """Whether a link to a folder leads somewhere that is not read anyway."""
        real, here = os.path.realpath(path), os.path.realpath(os.path.dirname(path))
        if f"{here}/".startswith(f"{real.rstrip('/')}/"):
            raise Unreadable("a link to a folder above it: it goes in circles")
        if real in self._linked or f"{real}/".startswith(f"{os.path.realpath(self.root).rstrip('/')}/"):
            self.aliases.append(path)
            return False
        self._linked.add(real)
        return True

    def _lighteval(self, folder: str, output: list[os.DirEntry]) -> None:
        files: list[str] = []
        for entry in output:
            if not entry.is_dir():
                self.bad.append(Bad(entry.path, "a file where a folder is expected"))
                continue
            self._collect(entry.path, files, 0)
        pairs, strange = pair(files, folder)
        self.bad += [Bad(path, "not a file that lighteval writes") for path in strange]
        early = self.provisional and folder in self.unfinished
        self.sources += [Source(LIGHTEVAL, folder, self._hint(folder), *both, early) for both in pairs]
        if not files and folder not in (self.root, *self.unfinished):
            self.bad.append(Bad(folder, "unfinished or damaged: no results and no details in it"))

    def _collect(self, folder: str, files: list[str], depth: int) -> None:
        """All data files below results/ or details/, as far as folders can be listed."""
        try:
            if depth > MAX_DEPTH:
                raise Unreadable(f"more than {MAX_DEPTH} folders deep")
            for entry in entries_of(folder):
                data = entry.name.endswith((".json", ".parquet"))
                if not data and entry.is_dir() and (not entry.is_symlink() or self._follow(entry.path)):
                    self._collect(entry.path, files, depth + 1)
                elif data and not entry.name.startswith(".") and entry.name not in OUTPUTS:
                    files.append(entry.path)
        except (OSError, Unreadable) as error:
            self.bad.append(Bad(folder, reason(error)))

    def _hint(self, folder: str) -> str:
        return os.path.join(os.path.basename(os.path.abspath(self.root)), os.path.relpath(folder, self.root))


def entries_of(folder: str) -> list[os.DirEntry]:
    """A folder's entries by name, links last; raises Unreadable."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError as error:
        raise Unreadable(reason(error)) from error


Pair = tuple[str | None, str | None]  # results file, details file
Key = tuple[str, str]  # model's folders below results/ or details/, date


def pair(files: list[str], folder: str) -> tuple[list[Pair], list[str]]:
    """Pairs for all data files below results/ and details/; and the files that are neither.

    lighteval writes results/<model>/results_<date>.json and details/<model>/<date>/details_<task>_<date>.parquet. A
    results file without details stands alone, as do details without results.
    """
    results = {_key(path, folder): path for path in files if _is(path, "results", ".json")}
    details = [path for path in files if _is(path, "details_", ".parquet")]
    pairs: list[Pair] = [(results.get(_key(path, folder)), path) for path in details]
    used = {path for path, _ in pairs}
    pairs += [(path, None) for path in results.values() if path not in used]
    known = {*results.values(), *details}
    return pairs, [path for path in files if path not in known]


def _is(path: str, start: str, end: str) -> bool:
    name = os.path.basename(path)
    return name.startswith(start) and name.endswith(end)


def _key(path: str, folder: str) -> Key:
    parts = os.path.relpath(os.path.dirname(path), folder).split(os.sep)[1:]
    return "/".join(part for part in parts if not date_in(part)), date_in(os.path.basename(path))
