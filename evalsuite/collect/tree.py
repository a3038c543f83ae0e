"""The first pass: reads an output tree of any supported kind and writes one all_experiments_results.json per model."""

import fnmatch
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from evalsuite.collect.cache import Cache, Entry, check_writable, load_cache
from evalsuite.collect.destinations import destinations, first_level, folder_name, is_named_after, levels
from evalsuite.collect.details import check_tokenizer
from evalsuite.collect.document import Document, Item, Unfinished, write
from evalsuite.collect.metadata import counted
from evalsuite.collect.outcome import Options, TreeReport, report_on
from evalsuite.collect.pool import cores, read_all
from evalsuite.collect.scan import NO_EXPERIMENT, Scan
from evalsuite.collect.source import NATIVE, BadPath, ReadError, Record, Source, count_completions
from evalsuite.collect.validation import Unreadable
from evalsuite.errors import RunError, UserError

Progress = Callable[[int, int, int], None]  # experiments read, to read, bad files so far


@dataclass
class Group:
    """The experiments in one first-level folder, or outside any (then the name is empty)."""

    name: str
    sources: list[Source] = field(default_factory=list)
    unfinished_folders: list[str] = field(default_factory=list)
    bad: list[BadPath] = field(default_factory=list)
    unfinished: list[Unfinished] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)


def read_tree(output_dir: str | os.PathLike, progress: Progress | None = None, **options) -> TreeReport:
    """Read every experiment below `output_dir` and write all_experiments_results.json for each model.

    `options` are the fields of Options. Files that have not changed since the last call are not read again, and the
    files of unchanged models are not written again. Raises UserError if there is nothing to read, RunError if nothing
    can be written; files that cannot be read are reported.
    """
    return TreeReader(os.path.normpath(os.fspath(output_dir)), Options(**options), progress or (lambda *_: None)).run()


class TreeReader:
    """Carries out one call of read_tree."""

    def __init__(self, root: str, options: Options, progress: Progress) -> None:
        self.root, self.options, self.progress = root, options, progress
        self.report = TreeReport()
        self.unassigned: list[BadPath] = []  # bad paths that belong to no model, and are listed for every model
        self.folders: dict[str, str] = {}  # for each model, the folder it is written into
        self.caches: dict[str, Cache] = {}
        self.cached: dict[str, tuple[Cache, Entry]] = {}

    def run(self) -> TreeReport:
        scan = self._scan()
        groups = self._groups(scan)
        self._check_writable(groups)
        self._load_caches()
        results = self._results([source for group in groups for source in group.sources])
        others = []
        for group in groups:
            self._fill(group, results)
            if not self._write_own(group):
                others.append(group)
        self._write_others(others)
        self.report.notes += [f"{path} is a link to a folder that is read under its own name" for path in scan.aliases]
        if scan.replaced:
            self.report.notes.append(
                f"not read: {counted(len(scan.replaced), 'experiment')} moved aside by --overwrite"
            )
        self.report.bad = list(dict.fromkeys(self.report.bad))
        return self.report

    def _scan(self) -> Scan:
        if not os.path.isdir(self.root):
            raise UserError(f"{self.root}: no such folder; give the OUTPUT_DIR of main.py or a lighteval output folder")
        if self.options.tokenizer:
            check_tokenizer(self.options.tokenizer)
        try:
            scan = Scan(self.root, self.options.pattern, self.options.provisional).run()
        except Unreadable as error:
            raise UserError(f"{self.root}: {error}") from error
        if not scan.sources and not scan.unfinished and not scan.bad:
            matching = "" if self.options.pattern == "*" else f" in a folder matching {self.options.pattern!r}"
            raise UserError(f"{self.root}: no experiment found{matching}; {NO_EXPERIMENT.partition(': ')[2]}")
        return scan

    def _groups(self, scan: Scan) -> list[Group]:
        """Group what was found by first-level folder, sorted by name, with what is outside such folders last."""
        groups: dict[str, Group] = {}
        loose = {levels(self.root, one)[0] for one in [*(s.folder for s in scan.sources), *scan.unfinished]
                 if len(levels(self.root, one)) == 1}  # experiments directly in the root  # fmt: skip
        for source in scan.sources:
            name = first_level(self.root, source.folder)
            groups.setdefault(name, Group(name)).sources.append(source)
        for folder in scan.unfinished:
            name = first_level(self.root, folder)
            groups.setdefault(name, Group(name)).unfinished_folders.append(folder)
        for bad in scan.bad:
            first = (levels(self.root, bad.path) or [""])[0]
            group = groups.get("" if first in loose else first)
            (group.bad if group else self.unassigned).append(bad)
        self.report.bad += scan.bad
        return [groups[name] for name in sorted(groups, key=lambda name: (name == "", name))]

    def _check_writable(self, groups: list[Group]) -> None:
        """Raise RunError before anything is read if no model's file could be written."""
        if self.options.results_dir is not None:
            check_writable(self.options.results_dir)
            return
        folders = [os.path.join(self.root, group.name) for group in groups] or [self.root]
        refusals = []
        for folder in folders:
            try:
                check_writable(folder)
            except RunError as error:
                refusals.append(error)
        if len(refusals) == len(folders):
            raise refusals[-1]

    def _load_caches(self) -> None:
        """Load the caches of earlier calls from every folder that they may have written to."""
        base = self.options.results_dir or self.root
        folders = [base]
        if os.path.isdir(base):
            with os.scandir(base) as entries:
                folders += [entry.path for entry in entries if not entry.is_symlink() and entry.is_dir()]
        for cache in map(load_cache, folders):
            self.caches[cache.folder] = cache
            if not self.options.fresh:
                self.cached |= {path: (cache, entry) for path, entry in cache.entries.items()}

    def _results(self, sources: list[Source]) -> Iterator[Item | BadPath]:
        """Yield an item or the bad file for each source, in order; reads only what is new or changed."""
        items = [self._from_cache(source) for source in sources]
        stale = [source for source, item in zip(sources, items, strict=True) if item is None]
        self.report.read = len(stale)
        read = read_all(stale, self.options.tokenizer, self.options.jobs or cores())
        done = bad = 0
        for source, item in zip(sources, items, strict=True):
            if item is None:
                result = next(read)
                done, bad = done + 1, bad + isinstance(result, BadPath)
                self.progress(done, len(stale), bad)
                item = _item(source, result) if isinstance(result, Record) else result
            yield item

    def _from_cache(self, source: Source) -> Item | None:
        cache, entry = self.cached.get(source.path, (None, None))
        if entry is None or not entry.is_fresh(self.options.tokenizer):
            return None
        expected = {path for path in (source.results, source.details) if path}
        if source.kind != entry.metadata.source or (source.kind != NATIVE and expected != entry.files.keys()):
            return None
        if source.provisional != (entry.metadata.status == "unfinished"):
            return None
        return Item(source, entry.metadata, files=entry.files, cached=entry, cache=cache)

    def _fill(self, group: Group, results: Iterator[Item | BadPath]) -> None:
        """Fill a group with its items, unfinished experiments and bad files."""
        found = [next(results) for _ in group.sources]
        group.items = [item for item in found if isinstance(item, Item)]
        bad = [one for item in found for one in ([item] if isinstance(item, BadPath) else item.bad)]
        for folder in group.unfinished_folders:
            try:
                group.unfinished.append(Unfinished(folder, count_completions(folder)))
            except ReadError as error:
                bad.append(error.bad)
        group.bad += dict.fromkeys(bad)
        self.report.bad += bad

    def _write_own(self, group: Group) -> bool:
        """Write the group now if its folder is clearly that of one model, so that its text can be freed."""
        models = {item.metadata.model for item in group.items}
        if not group.name or len(models) > 1:
            return False
        model = next(iter(models), group.name)
        if models and not is_named_after(group.name, model):
            return False
        self._write(model, os.path.join(self.root, group.name), group.items, group.bad, group.unfinished)
        return True

    def _write_others(self, groups: list[Group]) -> None:
        """Write the remaining groups by model: trees that have no folder per model, or one per task instead."""
        items = [item for group in groups for item in group.items if self._matches_pattern(item)]
        found = [(item.source, item.metadata.model) for item in items]
        folders = destinations(self.root, found, others=bool(self.report.models))
        bad = [one for group in groups for one in group.bad]
        unfinished = [one for group in groups for one in group.unfinished]
        documents: dict[tuple[str, str], list[Item]] = defaultdict(list)
        for folder, item in zip(folders, items, strict=True):
            documents[folder, item.metadata.model].append(item)
        if not documents and (bad or unfinished or not self.report.models):
            documents[self.root, os.path.basename(os.path.abspath(self.root))] = []
        for (folder, model), members in sorted(documents.items()):
            self._write(model, folder, members, bad, unfinished)

    def _matches_pattern(self, item: Item) -> bool:
        """Whether an item directly in the root matches the pattern; of others, the scan has compared the folder."""
        names = (item.metadata.model, folder_name(item.metadata.model))
        is_below = bool(levels(self.root, item.source.folder))
        return is_below or any(fnmatch.fnmatchcase(name, self.options.pattern) for name in names)

    def _write(
        self, model: str, folder: str, items: list[Item], bad: list[BadPath], unfinished: list[Unfinished]
    ) -> None:
        """Write one model's document and add its report."""
        folder = self._with_results_dir(folder, model)
        name = model if self.folders.setdefault(model, folder) == folder else f"{model} ({os.path.basename(folder)})"
        document = Document(name, folder, items, [*bad, *self.unassigned], unfinished)
        error, written = None, False
        try:
            written = write(document, self.caches.get(folder, Cache(folder)), self.options.tokenizer)
        except RunError as refused:
            error = str(refused)
        self.report.models.append(report_on(document, written, error))
        for item in items:
            item.body = None

    def _with_results_dir(self, folder: str, model: str) -> str:
        base = self.options.results_dir
        if base is None:
            return folder
        return os.path.join(base, folder_name(model) if folder == self.root else os.path.basename(folder))


def _item(source: Source, record: Record) -> Item:
    return Item(source, record.metadata, record.body, record.files, bad=record.bad)
