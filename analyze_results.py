"""First pass: find the experiments below a folder and write all_experiments_results.json for each model.

    python analyze_results.py OUTPUT_DIR
    python analyze_results.py --base_dir OUTPUT_DIR --model_name_pattern 'Qwen*' --tokenizer_name models/Qwen3-8B

Our own trees are read, lighteval's (any release with details), and those of earlier suites around it; docs/results.md
lists them, and the file's keys. What has been read once and has not changed is not read again.
"""

import argparse
import sys

from evalsuite.errors import EXIT_FAILED, EXIT_OK, command


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The arguments; exits with 2 on a mistake."""
    parser = argparse.ArgumentParser(
        prog="analyze_results.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = parser.add_mutually_exclusive_group(required=True)
    folder.add_argument("output_dir", nargs="?", metavar="OUTPUT_DIR", help="the folder to look through")
    folder.add_argument("--base_dir", metavar="DIR", help="the same, as a flag")
    parser.add_argument(
        "--model_name_pattern", default="*", metavar="GLOB", help="only model folders that match it (default: all)"
    )
    parser.add_argument("--tokenizer_name", metavar="NAME_OR_FOLDER", help="counts tokens where a tree holds only text")
    parser.add_argument("--results_dir", metavar="DIR", help="write below this folder instead of into each model's own")
    parser.add_argument(
        "--provisional", action="store_true", help="read graded experiments that have no manifest yet, too"
    )
    parser.add_argument("--fresh", action="store_true", help="read everything again")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="reading processes (default: one a core)")
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
