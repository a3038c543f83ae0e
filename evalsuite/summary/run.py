"""What analyze_summary.py does: over an output folder, or for one results file."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from evalsuite.errors import EXIT_CONDITION, EXIT_FAILED, EXIT_OK, RunError, UserError
from evalsuite.files import printable, write_text
from evalsuite.summary.entries import Entry, Options
from evalsuite.summary.gather import Summary, describe_model, summarise
from evalsuite.summary.labels import some
from evalsuite.summary.pairs import A_BETTER
from evalsuite.summary.read import BadFile, read_model
from evalsuite.summary.results_tables import comparison_table, overall_table, results_table
from evalsuite.summary.screen import show
from evalsuite.summary.series_tables import series_table
from evalsuite.summary.standings import probability
from evalsuite.summary.tables import latex, markdown
from evalsuite.summary.write import write_folder, write_model


@dataclass(frozen=True)
class Requirement:
    """Better than `baseline` on `tasks`: every one of `candidates` (all others, if none), and on which problems."""

    baseline: str
    tasks: list[str]
    candidates: list[str]
    these_problems: bool = False

    def check(self, summary: Summary) -> tuple[bool, list[str]]:
        """Whether it holds by the Holm values of a summary made with this baseline, and a line a comparison.

        What was not compared does not hold. Raises UserError for a task or candidate that is in no result.
        """
        _known(self.tasks, summary.tasks, "task")
        _known(self.candidates, [name for entry in summary.entries for name in (entry.model, entry.label)], "model")
        found = [one for task in self.tasks for one in self._on(summary, task)]
        return all(holds for holds, _ in found), [line for _, line in found]

    def _on(self, summary: Summary, task: str) -> list[tuple[bool, str]]:
        wanted = [entry for entry in summary.peers(task) if self._is_candidate(entry)]
        there = {name for entry in wanted for name in (entry.model, entry.label)}
        missing = [name for name in self.candidates if name not in there]
        found = [self._compared(summary, task, entry) for entry in wanted]
        found += [(False, f"{task}: there is no result of {name}") for name in missing]
        return found or [(False, f"{task}: there is no model to compare with {self.baseline}")]

    def _is_candidate(self, entry: Entry) -> bool:
        names = (entry.label, entry.model)
        return self.baseline not in names and (not self.candidates or any(name in self.candidates for name in names))

    def _compared(self, summary: Summary, task: str, entry: Entry) -> tuple[bool, str]:
        pairs = summary.pairs(task)
        keys = [] if pairs is None else [pairs.entries[a].key for a in pairs.a]
        if entry.key not in keys:
            return (
                False,
                f"{task}: {entry.label} cannot be compared with {self.baseline}: no shared problem or no whole seed",
            )
        values = {name: column[keys.index(entry.key)] for name, column in pairs.values.items()}
        ending = "_these_problems" if self.these_problems else ""
        holds = values["verdict_these_problems" if ending else "verdict_new_problems"] == A_BETTER
        p = probability(values[f"p_holm{ending}"]) or "unknown"
        words = f"{task}: {entry.label} is {'' if holds else 'not significantly '}better than {self.baseline}"
        return holds, f"{words}: {100 * values['difference']:+.1f} points, p {p}"


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


def _known(given: list[str], there: list[str], kind: str) -> None:
    for name in given:
        if name not in there:
            raise UserError(f"no {kind} {name!r} in the results; there are: {some(dict.fromkeys(there), 8)}")
