"""Carries out analyze_summary.py, for an output folder or for one results file."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from evalsuite.errors import EXIT_CONDITION, EXIT_FAILED, EXIT_OK, RunError, UserError
from evalsuite.files import printable, write_text
from evalsuite.summary.config_results import ConfigResult, Options
from evalsuite.summary.labels import abbreviated
from evalsuite.summary.pairs import A_BETTER
from evalsuite.summary.read import BadFile, read_model
from evalsuite.summary.results_tables import comparison_table, overall_table, results_table
from evalsuite.summary.screen import show
from evalsuite.summary.series_tables import series_table
from evalsuite.summary.summarise import Summary, describe_model, summarise
from evalsuite.summary.tables import latex, markdown
from evalsuite.summary.verdicts import format_p
from evalsuite.summary.write import write_folder, write_model


@dataclass(frozen=True)
class Requirement:
    """Requires that all `candidates` (all other models, if empty) are better than `baseline` on `tasks`.

    With `these_problems` they must be better on the problems of the benchmark, else on new problems of the same kind.
    """

    baseline: str
    tasks: list[str]
    candidates: list[str]
    these_problems: bool = False

    def check(self, summary: Summary) -> tuple[bool, list[str]]:
        """Whether it is met, by Holm-corrected p values of a summary with this baseline, and a line per comparison.

        A candidate that could not be compared does not meet it. Raises UserError for an unknown task or candidate.
        """
        _check_known(self.tasks, summary.tasks, "task")
        names = [name for config in summary.configs for name in (config.model, config.label)]
        _check_known(self.candidates, names, "model")
        found = [one for task in self.tasks for one in self._on(summary, task)]
        return all(holds for holds, _ in found), [line for _, line in found]

    def _on(self, summary: Summary, task: str) -> list[tuple[bool, str]]:
        wanted = [config for config in summary.peers(task) if self._is_candidate(config)]
        known = {name for config in wanted for name in (config.model, config.label)}
        missing = [name for name in self.candidates if name not in known]
        found = [self._compare(summary, task, config) for config in wanted]
        found += [(False, f"{task}: no result of {name}") for name in missing]
        return found or [(False, f"{task}: no model to compare with {self.baseline}")]

    def _is_candidate(self, config: ConfigResult) -> bool:
        names = (config.label, config.model)
        return self.baseline not in names and (not self.candidates or any(name in self.candidates for name in names))

    def _compare(self, summary: Summary, task: str, config: ConfigResult) -> tuple[bool, str]:
        pairs = summary.pairs(task)
        keys = [] if pairs is None else [pairs.configs[a].key for a in pairs.a]
        if config.key not in keys:
            reason = "no shared problem or no finished seed"
            return False, f"{task}: {config.label} cannot be compared with {self.baseline}: {reason}"
        values = {name: column[keys.index(config.key)] for name, column in pairs.values.items()}
        ending = "_these_problems" if self.these_problems else ""
        holds = values["verdict_these_problems" if ending else "verdict_new_problems"] == A_BETTER
        p = format_p(values[f"p_holm{ending}"]) or "unknown"
        words = f"{task}: {config.label} is {'' if holds else 'not '}significantly better than {self.baseline}"
        return holds, f"{words}: {100 * values['difference']:+.1f} points, p {p}"


def run_folder(folder: Path, baseline: str | None, requirement: Requirement | None, options: Options) -> int:
    """Summarise an output folder: write files and tables, print the summary. Returns the exit code."""
    summary = summarise(folder, baseline, options)
    if not summary.configs:
        _report_left_out(summary.bad)
        raise RunError(f"{folder}: none of the results can be used; run analyze_results.py again")
    holds, lines = requirement.check(summary) if requirement else (True, [])
    write_folder(folder, summary)
    _write_tables(folder, summary)
    with contextlib.suppress(AttributeError):  # a replaced stdout may lack the method
        sys.stdout.reconfigure(errors="replace")  # do not fail on "±" on an ASCII terminal
    show(summary, sys.stdout)
    series = "series_analysis.csv, " if summary.series else ""
    print(f"\nwrote {folder}/model_comparison.csv, {series}comparison_results.json, tables/, and three files per model")
    for line in lines:
        print(printable(line))
    _report_left_out(summary.bad)
    return EXIT_CONDITION if not holds else EXIT_FAILED if summary.bad else EXIT_OK


def run_file(results: Path, output: Path | None, options: Options) -> int:
    """Analyse one results file; raises RunError if it cannot be read. Returns the exit code."""
    target = output or results.with_name("analysis_results.json")
    try:
        model = read_model(results)
    except BadFile as error:
        raise RunError(f"{results}: {error}; run analyze_results.py again") from error
    write_model(describe_model(model, options), target)
    print(f"wrote {target}, and seed_analysis.csv and config_analysis.csv beside it")
    _report_left_out(model.bad)
    return EXIT_FAILED if model.bad else EXIT_OK


def _write_tables(folder: Path, summary: Summary) -> None:
    tables = [results_table(summary), overall_table(summary), comparison_table(summary, summary.primary_rows)]
    for table in [*tables, *([series_table(summary)] if summary.series else [])]:
        write_text(folder / "tables" / f"{table.label}.md", markdown(table))
        write_text(folder / "tables" / f"{table.label}.tex", latex(table))


def _report_left_out(bad: list[tuple[str, str]]) -> None:
    for name, reason in bad:
        print(f"analyze_summary.py: left out {printable(name)}: {printable(reason)}", file=sys.stderr)


def _check_known(given: list[str], known: list[str], kind: str) -> None:
    for name in given:
        if name not in known:
            raise UserError(f"no {kind} {name!r} in the results; there are: {abbreviated(dict.fromkeys(known), 8)}")
