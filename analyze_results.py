"""First pass: find the experiments in a folder and write all_experiments_results.json for each model.

    python analyze_results.py OUTPUT_DIR
    python analyze_results.py --base_dir OUTPUT_DIR --model_name_pattern 'Qwen*' --tokenizer_name models/Qwen3-8B

Reads the output of this suite, of lighteval itself (any release that saved details) and of earlier suites built on
lighteval. docs/results.md lists them and describes the JSON file. Files that have not changed since the last call are
not read again.

Exit codes: 0 done; 1 some files could not be read or written, each of them reported; 2 a mistake in the arguments.
"""

from __future__ import annotations

import argparse
import sys

from evalsuite.errors import EXIT_FAILED, EXIT_OK, command


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line; exits with 2 on a mistake."""
    parser = argparse.ArgumentParser(
        prog="analyze_results.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = parser.add_mutually_exclusive_group(required=True)
    folder.add_argument("output_dir", nargs="?", metavar="OUTPUT_DIR", help="the folder to search")
    folder.add_argument("--base_dir", metavar="DIR", help="the same folder, given as a flag")
    parser.add_argument(
        "--model_name_pattern",
        default="*",
        metavar="GLOB",
        help="read only the model folders that match (default: all)",
    )
    parser.add_argument(
        "--tokenizer_name", metavar="NAME_OR_FOLDER", help="tokenizer that counts tokens where the files hold only text"
    )
    parser.add_argument("--results_dir", metavar="DIR", help="write to this folder instead of each model's own")
    parser.add_argument(
        "--provisional", action="store_true", help="include graded experiments that have no manifest yet"
    )
    parser.add_argument("--fresh", action="store_true", help="ignore the cache and read every file again")
    parser.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="number of reading processes (default: one per core)"
    )
    args = parser.parse_args(argv)
    if args.jobs < 0:
        parser.error("--jobs must not be negative")
    return args


@command("analyze_results.py")
def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    from evalsuite.collect import disagreements
    from evalsuite.collect.outcome import Progress, show
    from evalsuite.collect.tree import read_tree

    root = args.output_dir if args.base_dir is None else args.base_dir
    report = read_tree(
        root,
        Progress(),
        pattern=args.model_name_pattern,
        tokenizer=args.tokenizer_name,
        results_dir=args.results_dir,
        provisional=args.provisional,
        fresh=args.fresh,
        jobs=args.jobs,
    )
    lines, failed = disagreements.update_all(report.models)
    print("\n".join([*show(report, root), *lines]))
    return EXIT_FAILED if report.failed or failed else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
