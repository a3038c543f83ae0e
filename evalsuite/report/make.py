"""Writes everything that the command creates; a part that fails is reported, and the others are still written."""

import argparse
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evalsuite.errors import RunError
from evalsuite.files import replacing
from evalsuite.report.load import Study, load


@dataclass
class Made:
    """Lines to print: what was written, and what was left out or failed."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def make(arguments: argparse.Namespace) -> Made:
    """Write the parts that the arguments select into OUTPUT_DIR. Raises UserError if there is nothing to show."""
    study = load(arguments.output_dir)
    made = Made(wrong=list(study.missing))
    answered, remarks = _answers(study, arguments, made)
    _step(made, lambda: _page(study, answered, remarks))
    if not arguments.no_figures:
        _step(made, lambda: _figures(study))
    if arguments.inspect:
        _step(made, lambda: _inspect(study, made))
    if not arguments.no_zip:
        _step(made, lambda: _zip(study.folder))
    return made


def _step(made: Made, step: Callable[[], str]) -> None:
    try:
        made.lines.append(step())
    except RunError as error:
        made.wrong.append(str(error))


def _answers(study: Study, arguments: argparse.Namespace, made: Made) -> tuple[set[str], list[str]]:
    if arguments.no_answers:
        return set(), ["Prompts and responses were left out (--no-answers)."]
    from evalsuite.report.answers.write import write_answers

    try:
        written = write_answers(study, 1e9 * arguments.max_answers_gb)
    except RunError as error:
        made.wrong.append(str(error))
        return set(), [f"The answers could not be written: {error}"]
    if written.tasks:
        made.lines.append(f"wrote {study.folder}/answers/index.html: {written.characters / 1e6:,.1f} MB of responses")
    made.lines += written.remarks
    return written.tasks, [f"Answers: {line}." for line in written.remarks]


def _page(study: Study, answered: set[str], remarks: list[str]) -> str:
    from evalsuite.report.page import write_page

    path = write_page(study, answered, remarks)
    return f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB"


def _figures(study: Study) -> str:
    from evalsuite.report.figures import write_figures

    return f"wrote {write_figures(study)} figures, each as PDF and PNG, in {study.folder}/figures"


def _inspect(study: Study, made: Made) -> str:
    from evalsuite.report.inspect_logs import write_logs

    count, wrong = write_logs(study)
    made.wrong += wrong
    return f"wrote {count} logs: inspect view --log-dir {study.folder}/inspect_logs"


def _zip(folder: Path) -> str:
    path = write_zip(folder)
    return f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB"


NAME = "report.zip"
ALWAYS = ("report.html", "model_comparison.csv", "series_analysis.csv", "comparison_results.json", "references.csv")
FOLDERS = ("answers", "figures", "tables")
PER_MODEL = ("seed_analysis.csv", "config_analysis.csv")  # disagreements.csv holds ends of responses, private ones too


def write_zip(folder: Path) -> Path:
    """Write `folder`/report.zip completely or not at all."""
    path = folder / NAME
    with replacing(path, "wb", sync=False) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in contents(folder):
            archive.write(file, Path("report") / file.relative_to(folder))
    return path


def contents(folder: Path) -> list[Path]:
    """The files that report.zip contains."""
    found = [folder / name for name in ALWAYS]
    for name in FOLDERS:
        found += sorted(path for path in (folder / name).rglob("*") if path.name != "stamp.json")
    found += sorted(path for name in PER_MODEL for path in folder.glob(f"*/{name}"))
    return [path for path in found if path.is_file() and not path.name.startswith(".")]
