"""The first pass: from an output tree, whoever wrote it, to one all_experiments_results.json per model."""

import fnmatch
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from evalsuite.collect import place
from evalsuite.collect.cache import Entry, Store, check_writable, load
from evalsuite.collect.details import check_tokenizer
from evalsuite.collect.document import Document, Item, Unfinished, write
from evalsuite.collect.outcome import Options, TreeReport, report_on
from evalsuite.collect.pool import cores, read_all
from evalsuite.collect.scan import NO_EXPERIMENT, Scan
from evalsuite.collect.source import OWN, Bad, Record, Source, Stopped, whole_completions
from evalsuite.collect.untrusted import Unreadable
from evalsuite.errors import RunError, UserError

Progress = Callable[[int, int, int], None]  # experiments read, to read, bad files so far


@dataclass
class Group:
    """What lies in one first-level folder, or outside any (the name is empty)."""

    name: str
    sources: list[Source] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)  # unfinished experiments
    bad: list[Bad] = field(default_factory=list)
    unfinished: list[Unfinished] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)


def read_tree(output_dir: str | os.PathLike, progress: Progress | None = None, **options) -> TreeReport:
    """Read every experiment below `output_dir` and write all_experiments_results.json per model.

    `options` are the fields of Options. What has been read before and has not changed is not read again, and a model
    without changes is not written again. Raises UserError where there is nothing to read, RunError where nothing can
    be written; bad files are reported, never raised.
    """
    return Pass(os.path.normpath(os.fspath(output_dir)), Options(**options), progress or (lambda *_: None)).run()


class Pass:
    """One call of read_tree."""

    def __init__(self, root: str, options: Options, progress: Progress) -> None:
        self.root, self.options, self.progress = root, options, progress
        self.report = TreeReport()
        self.everywhere: list[Bad] = []  # bad folders and files that belong to no model
        self.used: dict[str, str] = {}  # model: the folder it is written into
        self.stores: dict[str, Store] = {}
        self.known: dict[str, tuple[Store, Entry]] = {}

    def run(self) -> TreeReport:
        scan = self._scan()
        groups = self._groups(scan)
        self._check_places(groups)
        self._load_stores()
        results = self._results([source for group in groups for source in group.sources])
        later = []
        for group in groups:
            self._fill(group, results)
            if not self._write_own(group):
                later.append(group)
        self._write_others(later)
        self.report.notes += [f"{path} is a link to a folder read under its own name" for path in scan.aliases]
        if scan.replaced:
            self.report.notes.append(f"{len(scan.replaced)} experiments that --overwrite moved aside are not read")
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
        """What was found, by first-level folder, in order of name; a folder without experiments concerns all models."""
        groups: dict[str, Group] = {}
        loose = {place.levels(self.root, one)[0] for one in [*(s.folder for s in scan.sources), *scan.unfinished]
                 if len(place.levels(self.root, one)) == 1}  # fmt: skip
        for source in scan.sources:
            name = place.group_of(self.root, source.folder)
            groups.setdefault(name, Group(name)).sources.append(source)
        for folder in scan.unfinished:
            name = place.group_of(self.root, folder)
            groups.setdefault(name, Group(name)).folders.append(folder)
        for bad in scan.bad:
            first = (place.levels(self.root, bad.path) or [""])[0]
            group = groups.get("" if first in loose else first)
            (group.bad if group else self.everywhere).append(bad)
        self.report.bad += scan.bad
        return [groups[name] for name in sorted(groups, key=lambda name: (name == "", name))]

    def _check_places(self, groups: list[Group]) -> None:
        """Raise RunError before anything is read if no model could be written."""
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

    def _load_stores(self) -> None:
        """What earlier calls have read, from every folder they may have written into."""
        base = self.options.results_dir or self.root
        folders = [base]
        if os.path.isdir(base):
            with os.scandir(base) as entries:
                folders += [entry.path for entry in entries if not entry.is_symlink() and entry.is_dir()]
        for store in map(load, folders):
            self.stores[store.folder] = store
            if not self.options.fresh:
                self.known |= {path: (store, entry) for path, entry in store.entries.items()}

    def _results(self, sources: list[Source]) -> Iterator[Item | Bad]:
        """An item or the bad file for each source, in order; only what is new or changed is read."""
        items = [self._recall(source) for source in sources]
        stale = [source for source, item in zip(sources, items, strict=True) if item is None]
        self.report.read = len(stale)
        read = read_all(stale, self.options.tokenizer, self.options.jobs or cores())
        done = bad = 0
        for source, item in zip(sources, items, strict=True):
            if item is None:
                result = next(read)
                done, bad = done + 1, bad + isinstance(result, Bad)
                self.progress(done, len(stale), bad)
                item = _item(source, result) if isinstance(result, Record) else result
            yield item

    def _recall(self, source: Source) -> Item | None:
        store, entry = self.known.get(source.path, (None, None))
        if entry is None or not entry.is_fresh(self.options.tokenizer):
            return None
        expected = {path for path in (source.results, source.details) if path}
        if source.kind != entry.facts.source or (source.kind != OWN and expected != entry.files.keys()):
            return None
        if source.provisional != (entry.facts.status == "unfinished"):
            return None
        return Item(source, entry.facts, files=entry.files, known=entry, store=store)

    def _fill(self, group: Group, results: Iterator[Item | Bad]) -> None:
        """Read what lies in a group, its bad files noted."""
        found = [next(results) for _ in group.sources]
        group.items = [item for item in found if isinstance(item, Item)]
        bad = [one for item in found for one in ([item] if isinstance(item, Bad) else item.bad)]
        for folder in group.folders:
            try:
                group.unfinished.append(Unfinished(folder, whole_completions(folder)))
            except Stopped as stopped:
                bad.append(stopped.bad)
        group.bad += dict.fromkeys(bad)
        self.report.bad += bad

    def _write_own(self, group: Group) -> bool:
        """Write the group at once if it is plainly one model's folder; so no more than one model is held in memory."""
        models = {item.facts.model for item in group.items}
        if not group.name or len(models) > 1:
            return False
        model = next(iter(models), group.name)
        if models and not place.is_named_after(group.name, model):
            return False
        self._write(model, os.path.join(self.root, group.name), group.items, group.bad, group.unfinished)
        return True

    def _write_others(self, groups: list[Group]) -> None:
        """Write what is grouped by the models' names: trees without folders for models, or with folders for tasks."""
        items = [item for group in groups for item in group.items if self._is_asked(group, item)]
        found = [(item.source, item.facts.model) for item in items]
        folders = place.targets(self.root, found, others=bool(self.report.models))
        bad = [one for group in groups for one in group.bad]
        unfinished = [one for group in groups for one in group.unfinished]
        documents: dict[tuple[str, str], list[Item]] = defaultdict(list)
        for folder, item in zip(folders, items, strict=True):
            documents[folder, item.facts.model].append(item)
        if not documents and (bad or unfinished or not self.report.models):
            documents[self.root, os.path.basename(os.path.abspath(self.root))] = []
        for (folder, model), members in sorted(documents.items()):
            self._write(model, folder, members, bad, unfinished)

    def _is_asked(self, group: Group, item: Item) -> bool:
        names = (item.facts.model, place.folder_of(item.facts.model))
        inside = bool(place.levels(self.root, item.source.folder))
        return inside or any(fnmatch.fnmatchcase(name, self.options.pattern) for name in names)

    def _write(self, model: str, folder: str, items: list[Item], bad: list[Bad], unfinished: list[Unfinished]) -> None:
        """Write one model's document and report on it."""
        folder = self._target(folder, model)
        name = model if self.used.setdefault(model, folder) == folder else f"{model} ({os.path.basename(folder)})"
        document = Document(name, folder, items, [*bad, *self.everywhere], unfinished)
        error, written = None, False
        try:
            written = write(document, self.stores.get(folder, Store(folder)), self.options.tokenizer)
        except RunError as refused:
            error = str(refused)
        self.report.models.append(report_on(document, written, error))
        for item in items:
            item.body = None

    def _target(self, folder: str, model: str) -> str:
        base = self.options.results_dir
        if base is None:
            return folder
        return os.path.join(base, place.folder_of(model) if folder == self.root else os.path.basename(folder))


def _item(source: Source, record: Record) -> Item:
    return Item(source, record.facts, record.body, record.files, bad=record.bad)
