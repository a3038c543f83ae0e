"""Second pass: compute statistics, comparisons and tables from each model's all_experiments_results.json.

    python analyze_summary.py OUTPUT_DIR
    python analyze_summary.py OUTPUT_DIR --baseline base-model
    python analyze_summary.py OUTPUT_DIR --require-better-than base-model --task math_500
    python analyze_summary.py --results-path FILE --output-path FILE

Writes analysis_results.json, seed_analysis.csv and config_analysis.csv for each model; model_comparison.csv,
comparison_results.json and tables/ (Markdown, LaTeX) for the folder. docs/statistics.md explains every column.

Exit codes: 0 done; 1 some files were left out, each of them reported; 2 a mistake in the arguments;
3 --require-better-than was not met.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evalsuite.errors import UserError, command


@command("analyze_summary.py")
def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    from evalsuite.summary.config_results import Options
    from evalsuite.summary.run import Requirement, run_file, run_folder

    options = Options(arguments.bootstrap, arguments.alpha)
    if arguments.results_path:
        return run_file(arguments.results_path, arguments.output_path, options)
    name = arguments.require_better_than
    requirement = Requirement(name, arguments.task, arguments.model, arguments.on == "these-problems") if name else None
    return run_folder(arguments.output_dir, arguments.baseline or name, requirement, options)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line; exits with 2, or raises UserError, on a mistake."""
    parser = argparse.ArgumentParser(
        prog="analyze_summary.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("output_dir", nargs="?", type=Path, metavar="OUTPUT_DIR", help="the folder that holds one folder per model")
    add("--results-path", type=Path, metavar="FILE", help="analyse a single all_experiments_results.json instead")
    add("--output-path", type=Path, metavar="FILE", help="with --results-path: the JSON file to write "
        "(default: analysis_results.json beside FILE)")  # fmt: skip
    add("--baseline", metavar="NAME", help="compare every model with this one only; p-values are then corrected for "
        "these comparisons alone")  # fmt: skip
    add("--require-better-than", metavar="NAME", help="exit with 3 unless every other model is significantly better")
    add("--task", nargs="+", default=[], help="with --require-better-than: the tasks on which it must hold")
    add("--model", nargs="+", default=[], help="with --require-better-than: the models for which it must hold "
        "(default: all others)")  # fmt: skip
    add("--on", choices=["new-problems", "these-problems"], default="new-problems",
        help="with --require-better-than: better on new problems of the same kind (default), or on the problems "
        "of this benchmark only")  # fmt: skip
    add("--bootstrap", type=int, default=10_000, metavar="N", help="number of bootstrap resamples and of sign flips "
        "(default: 10000)")  # fmt: skip
    add("--alpha", type=float, default=0.05, help="significance level of intervals and verdicts (default: 0.05)")
    arguments = parser.parse_args(argv)
    check(arguments)
    return arguments


def check(arguments: argparse.Namespace) -> None:
    """Raise UserError for arguments that contradict each other or are out of range."""
    if bool(arguments.output_dir) == bool(arguments.results_path):
        raise UserError("give either OUTPUT_DIR or --results-path FILE; --help shows both")
    if arguments.output_path and not arguments.results_path:
        raise UserError("--output-path needs --results-path; with OUTPUT_DIR the output files have fixed names")
    if arguments.results_path and (arguments.baseline or arguments.require_better_than):
        raise UserError("--baseline and --require-better-than compare models: give OUTPUT_DIR, not --results-path")
    if bool(arguments.require_better_than) != bool(arguments.task):
        raise UserError("--require-better-than NAME and --task T [T ...] must be given together")
    if arguments.model and not arguments.require_better_than:
        raise UserError("--model needs --require-better-than")
    if arguments.require_better_than and arguments.baseline not in (None, arguments.require_better_than):
        raise UserError("--require-better-than uses its model as the baseline; remove --baseline")
    if arguments.bootstrap < 100:
        raise UserError(f"--bootstrap {arguments.bootstrap}: must be at least 100 (10000 is usual)")
    if not 0 < arguments.alpha < 0.5:
        raise UserError(f"--alpha {arguments.alpha}: must be between 0 and 0.5 (0.05 is usual)")


if __name__ == "__main__":
    sys.exit(main())
