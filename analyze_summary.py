"""Second pass: from each model's all_experiments_results.json to statistics, comparisons and tables.

    python analyze_summary.py OUTPUT_DIR
    python analyze_summary.py OUTPUT_DIR --baseline base-model
    python analyze_summary.py OUTPUT_DIR --require-better-than base-model --task math_500
    python analyze_summary.py --results-path FILE --output-path FILE

Writes analysis_results.json, seed_analysis.csv and config_analysis.csv for each model; model_comparison.csv,
comparison_results.json and tables/ (Markdown, LaTeX) for the folder. docs/statistics.md explains every column.

Exit codes: 0 done; 1 some files were left out, each named; 2 a mistake in the arguments; 3 --require-better-than
does not hold.
"""

import argparse
import sys
from pathlib import Path

from evalsuite.errors import UserError, command


@command("analyze_summary.py")
def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    from evalsuite.summary.entries import Options
    from evalsuite.summary.run import Requirement, run_file, run_folder

    options = Options(arguments.bootstrap, arguments.alpha)
    if arguments.results_path:
        return run_file(arguments.results_path, arguments.output_path, options)
    name = arguments.require_better_than
    requirement = Requirement(name, arguments.task, arguments.model, arguments.on == "these-problems") if name else None
    return run_folder(arguments.output_dir, arguments.baseline or name, requirement, options)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="analyze_summary.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("output_dir", nargs="?", type=Path, metavar="OUTPUT_DIR", help="the folder that holds one folder a model")
    add("--results-path", type=Path, metavar="FILE", help="instead: one model's all_experiments_results.json")
    add("--output-path", type=Path, metavar="FILE", help="where its analysis_results.json goes (default: beside it)")
    add("--baseline", metavar="NAME", help="compare all with this model alone; corrections are over those comparisons")
    add("--require-better-than", metavar="NAME", help="exit 3 unless all others are significantly better than NAME")
    add("--task", nargs="+", default=[], help="the tasks on which --require-better-than must hold")
    add("--model", nargs="+", default=[], help="the models for which it must hold (default: all others)")
    add("--on", choices=["new-problems", "these-problems"], default="new-problems",
        help="what the requirement is about: problems like these (default), or these very problems")  # fmt: skip
    add("--bootstrap", type=int, default=10_000, metavar="N", help="resamples and sign flips (default: 10000)")
    add("--alpha", type=float, default=0.05, help="level of intervals and verdicts (default: 0.05)")
    arguments = parser.parse_args(argv)
    check(arguments)
    return arguments


def check(arguments: argparse.Namespace) -> None:
    """Raise UserError where arguments do not go together."""
    if bool(arguments.output_dir) == bool(arguments.results_path):
        raise UserError("give either OUTPUT_DIR or --results-path FILE; --help shows both")
    if arguments.output_path and not arguments.results_path:
        raise UserError("--output-path goes with --results-path; files of OUTPUT_DIR have fixed places")
    if arguments.results_path and (arguments.baseline or arguments.require_better_than):
        raise UserError("--baseline and --require-better-than compare models: give OUTPUT_DIR, not --results-path")
    if bool(arguments.require_better_than) != bool(arguments.task):
        raise UserError("--require-better-than NAME and --task T [T ...] go together")
    if arguments.model and not arguments.require_better_than:
        raise UserError("--model goes with --require-better-than")
    if arguments.require_better_than and arguments.baseline not in (None, arguments.require_better_than):
        raise UserError("--require-better-than takes its model as the baseline; leave --baseline out")
    if arguments.bootstrap < 100:
        raise UserError(f"--bootstrap {arguments.bootstrap}: at least 100 resamples, 10000 are usual")
    if not 0 < arguments.alpha < 0.5:
        raise UserError(f"--alpha {arguments.alpha}: a level between 0 and 0.5, 0.05 is usual")


if __name__ == "__main__":
    sys.exit(main())
