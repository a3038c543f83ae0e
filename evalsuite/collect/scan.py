"""Finds the experiments below a folder, at any depth, listing as few folders as possible.

A folder is an experiment of this suite if it holds experiment.json (then nothing else in it is examined) or, while it
is unfinished, a journal. It is a lighteval output folder if it holds results/ or details/. Each link to a folder is
followed at most once, and never into a cycle.
"""

import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from evalsuite.collect.path_parsing import date_in
from evalsuite.collect.source import LIGHTEVAL, MANIFEST, NATIVE, BadPath, Source
from evalsuite.collect.validation import Unreadable, reason
from evalsuite.store.journal import LIVE, PACKED

MAX_DEPTH = 12
OTHER_FOLDERS = {"logs", "figures", "tables", "answers", "inspect_logs"}  # of this suite, beside the models' folders
OUTPUTS = {"all_experiments_results.json", "analysis_results.json", "comparison_results.json", "model.json"}
DATA = (".json", ".jsonl", ".parquet")
NO_EXPERIMENT = f"no experiment in it: no {MANIFEST}, journal, results or details"
REPLACED = re.compile(r"\.replaced-\d{8}-\d{6}(-\d+)?$")  # an experiment that main.py --overwrite moved aside
_EXPERIMENT_NAME = re.compile(r"_seed\d+$")

Pair = tuple[str | None, str | None]  # results file, details file
PairKey = tuple[str, str]  # the model's folders below results/ or details/, and the date


@dataclass
class Scan:
    """What was found below a folder; every path begins with that folder's."""

    root: str
    pattern: str = "*"
    provisional: bool = False
    sources: list[Source] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)  # experiments of this suite without a manifest
    bad: list[BadPath] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)  # links to folders that are read under their own name
    replaced: list[str] = field(default_factory=list)  # experiments moved aside by --overwrite
    _linked: set[str] = field(default_factory=set)

    def run(self) -> "Scan":
        """Search the folder; raises Unreadable if it cannot be listed."""
        listed = entries_of(self.root)
        if not self._is_native(self.root):
            self._visit(self.root, 0, listed)
        return self

    def _visit(self, folder: str, depth: int, entries: list[os.DirEntry]) -> bool:
        """Record what is in a folder that has no manifest; returns False if nothing in it is of interest."""
        before = len(self.sources) + len(self.unfinished) + len(self.bad)
        names = {entry.name for entry in entries if not entry.name.startswith(".")}  # hidden files include locks
        if names & {LIVE, PACKED} or (not names and _EXPERIMENT_NAME.search(folder)):
            self.unfinished.append(folder)
            if not self.provisional:
                return True
        output = [entry for entry in entries if entry.name in ("results", "details")]
        if output:
            self._add_lighteval(folder, output)
        inner = [entry for entry in entries if entry not in output and self._is_wanted(entry, depth)]
        strays = [entry.path for entry in inner if not self._enter(entry, depth + 1)]
        found = len(self.sources) + len(self.unfinished) + len(self.bad) > before
        if found or depth == 0:
            self.bad += [BadPath(path, NO_EXPERIMENT) for path in strays]
        return found or not names or bool(names & OUTPUTS)

    def _is_wanted(self, entry: os.DirEntry, depth: int) -> bool:
        if entry.name.startswith(".") or entry.name in OUTPUTS or (depth == 0 and entry.name in OTHER_FOLDERS):
            return False
        return depth > 0 or entry.name == self.pattern or fnmatchcase(entry.name, self.pattern)

    def _enter(self, entry: os.DirEntry, depth: int) -> bool:
        """Visit an entry; returns False if it is a folder without experiments or a stray data file."""
        try:
            if not entry.is_dir():
                return self._is_ignorable(entry)
            if entry.is_symlink() and not self._is_to_follow(entry.path):
                return True
            if depth > MAX_DEPTH:
                raise Unreadable(f"more than {MAX_DEPTH} folders deep")
            if REPLACED.search(entry.name):
                self.replaced.append(entry.path)
                return True
            return self._is_native(entry.path) or self._visit(entry.path, depth, entries_of(entry.path))
        except OSError as error:
            self.bad.append(BadPath(entry.path, reason(error)))
        except Unreadable as error:
            self.bad.append(BadPath(entry.path, str(error)))
        return True

    def _is_native(self, folder: str) -> bool:
        """Record the folder as an experiment of this suite if it has a manifest, valid or not."""
        try:
            os.stat(os.path.join(folder, MANIFEST))
        except FileNotFoundError:
            return False
        self.sources.append(Source(NATIVE, folder, self._hint(folder)))
        return True

    def _is_ignorable(self, entry: os.DirEntry) -> bool:
        if entry.is_symlink() and not os.path.exists(entry.path):
            raise Unreadable("a broken link")
        return not entry.name.endswith(DATA)

    def _is_to_follow(self, path: str) -> bool:
        """Whether a link to a folder leads to one that would not be read otherwise."""
        real, here = os.path.realpath(path), os.path.realpath(os.path.dirname(path))
        if f"{here}/".startswith(f"{real.rstrip('/')}/"):
            raise Unreadable("a link to a folder that contains it (a cycle)")
        if real in self._linked or f"{real}/".startswith(f"{os.path.realpath(self.root).rstrip('/')}/"):
            self.aliases.append(path)
            return False
        self._linked.add(real)
        return True

    def _add_lighteval(self, folder: str, output: list[os.DirEntry]) -> None:
        files: list[str] = []
        for entry in output:
            if not entry.is_dir():
                self.bad.append(BadPath(entry.path, "a file where a folder is expected"))
                continue
            self._collect_files(entry.path, files, 0)
        pairs, unknown = pair_files(files, folder)
        self.bad += [BadPath(path, "not a file that lighteval writes") for path in unknown]
        provisional = self.provisional and folder in self.unfinished
        self.sources += [Source(LIGHTEVAL, folder, self._hint(folder), *pair, provisional) for pair in pairs]
        if not files and folder not in (self.root, *self.unfinished):
            self.bad.append(BadPath(folder, "unfinished or damaged: no results and no details in it"))

    def _collect_files(self, folder: str, files: list[str], depth: int) -> None:
        """Append to `files` all data files below results/ or details/; folders that cannot be listed are bad."""
        try:
            if depth > MAX_DEPTH:
                raise Unreadable(f"more than {MAX_DEPTH} folders deep")
            for entry in entries_of(folder):
                data = entry.name.endswith((".json", ".parquet"))
                if not data and entry.is_dir() and (not entry.is_symlink() or self._is_to_follow(entry.path)):
                    self._collect_files(entry.path, files, depth + 1)
                elif data and not entry.name.startswith(".") and entry.name not in OUTPUTS:
                    files.append(entry.path)
        except (OSError, Unreadable) as error:
            self.bad.append(BadPath(folder, reason(error)))

    def _hint(self, folder: str) -> str:
        return os.path.join(os.path.basename(os.path.abspath(self.root)), os.path.relpath(folder, self.root))


def entries_of(folder: str) -> list[os.DirEntry]:
    """List a folder, sorted by name with links last; raises Unreadable."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError as error:
        raise Unreadable(reason(error)) from error


def pair_files(files: list[str], folder: str) -> tuple[list[Pair], list[str]]:
    """Pair each details file with the results file of its run; also returns the files that are neither.

    lighteval writes results/<model>/results_<date>.json and details/<model>/<date>/details_<task>_<date>.parquet. In
    the pair of a results file without details, or of details without results, the other is None.
    """
    results = {_pair_key(path, folder): path for path in files if _has_name(path, "results", ".json")}
    details = [path for path in files if _has_name(path, "details_", ".parquet")]
    pairs: list[Pair] = [(results.get(_pair_key(path, folder)), path) for path in details]
    used = {path for path, _ in pairs}
    pairs += [(path, None) for path in results.values() if path not in used]
    known = {*results.values(), *details}
    return pairs, [path for path in files if path not in known]


def _has_name(path: str, start: str, end: str) -> bool:
    name = os.path.basename(path)
    return name.startswith(start) and name.endswith(end)


def _pair_key(path: str, folder: str) -> PairKey:
    parts = os.path.relpath(os.path.dirname(path), folder).split(os.sep)[1:]
    return "/".join(part for part in parts if not date_in(part)), date_in(os.path.basename(path))
