"""What analyze_summary.py does: over an output folder, or for one results file."""

import contextlib
import sys
from pathlib import Path

from evalsuite.errors import EXIT_CONDITION, EXIT_FAILED, EXIT_OK, RunError
from evalsuite.files import printable, write_text
from evalsuite.summary.comparison_table import comparison_table, overall_table
from evalsuite.summary.entries import Options
from evalsuite.summary.gather import Summary, describe_model, summarise
from evalsuite.summary.read import BadFile, read_model
from evalsuite.summary.render import latex, markdown
from evalsuite.summary.requirement import Requirement
from evalsuite.summary.results_table import results_table
from evalsuite.summary.screen import show
from evalsuite.summary.series_table import series_table
from evalsuite.summary.write import write_folder, write_model


def run_folder(folder: Path, baseline: str | None, requirement: Requirement | None, options: Options) -> int:
    """Summarise an output folder: files, tables, screen. Returns 0; 1 if files were left out; 3 if it does not hold."""
    summary = summarise(folder, baseline, options)
    if not summary.entries:
        _name(summary.bad)
        raise RunError(f"nothing in {folder} can be summarised; run analyze_results.py again")
    holds, lines = requirement.check(summary) if requirement else (True, [])
    write_folder(folder, summary)
    _write_tables(folder, summary)
    with contextlib.suppress(AttributeError):  # not every stand-in for a stream can
        sys.stdout.reconfigure(errors="replace")  # "±" on an ASCII terminal is no reason to fail
    show(summary, sys.stdout)
    series = "series_analysis.csv, " if summary.series else ""
    print(f"\nwrote {folder}/model_comparison.csv, {series}comparison_results.json, tables/, and three files a model")
    for line in lines:
        print(printable(line))
    _name(summary.bad)
    return EXIT_CONDITION if not holds else EXIT_FAILED if summary.bad else EXIT_OK


def run_file(results: Path, output: Path | None, options: Options) -> int:
    """Describe one results file; raises RunError where it cannot be read."""
    target = output or results.with_name("analysis_results.json")
    try:
        model = read_model(results)
    except BadFile as error:
        raise RunError(f"{results}: {error}; run analyze_results.py again") from error
    write_model(describe_model(model, options), target)
    print(f"wrote {target}, and seed_analysis.csv and config_analysis.csv beside it")
    _name(model.bad)
    return EXIT_FAILED if model.bad else EXIT_OK


def _write_tables(folder: Path, summary: Summary) -> None:
    tables = [results_table(summary), overall_table(summary), comparison_table(summary, summary.primary_rows)]
    for table in [*tables, *([series_table(summary)] if summary.series else [])]:
        write_text(folder / "tables" / f"{table.label}.md", markdown(table))
        write_text(folder / "tables" / f"{table.label}.tex", latex(table))


def _name(bad: list[tuple[str, str]]) -> None:
    for place, reason in bad:
        print(f"analyze_summary.py: left out {printable(place)}: {printable(reason)}", file=sys.stderr)
