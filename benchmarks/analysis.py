"""Measure the wall time and peak memory of both analysis passes over a large synthetic tree.

    python benchmarks/analysis.py                       # 60 models x 7 tasks x 10 seeds, in a temporary folder
    python benchmarks/analysis.py --models 6 --seeds 3
    python benchmarks/analysis.py --folder FOLDER       # create the tree there and keep it

The steps are the first read, a read after one new experiment, a read with nothing new, and the summary with all
comparisons. Writes benchmarks/results/analysis.json.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks import make_tree
from evalsuite.files import write_json

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "analysis.json"
LIMIT_SECONDS, LIMIT_GIB = 120, 2  # goals for the summary


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        return run(folder, arguments.models, arguments.seeds)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to create and keep the tree (default: a temporary folder)")
    parser.add_argument("--models", type=int, default=60, help="number of models (default: 60)")
    parser.add_argument("--seeds", type=int, default=10, help="seeds per task (default: 10)")
    return parser.parse_args(argv)


def run(folder: Path, models: int, seeds: int) -> int:
    steps = [
        timed(
            "create the tree", "benchmarks/make_tree.py", str(folder), "--models", str(models), "--seeds", str(seeds)
        ),
        timed("first read", "analyze_results.py", str(folder)),
    ]
    make_tree.main([str(folder), "--models", "1", "--seeds", "1", "--first-seed", str(seeds), "--tasks", "aime24"])
    steps += [
        timed("read after one new experiment", "analyze_results.py", str(folder)),
        timed("read with nothing new", "analyze_results.py", str(folder)),
        timed("summary with all comparisons", "analyze_summary.py", str(folder)),
    ]
    size = {"experiments": models * seeds * len(make_tree.SIZES), "cores": os.cpu_count()}
    size["completions"] = models * seeds * sum(make_tree.SIZES.values())
    write_json(RESULTS, size | {"steps": steps})
    return report(size, steps)


def report(size: dict, steps: list[dict]) -> int:
    """Print the table; return 1 if a step failed or the summary exceeded a limit."""
    print("\n" + ", ".join(f"{count} {name}" for name, count in size.items()) + "\n")
    for step in steps:
        print(f"{step['step']:32} {step['seconds']:8.1f} s {step['peak_gib']:7.2f} GiB")
    print(f"\nwrote {RESULTS}")
    wrong = [f"{step['step']} failed" for step in steps if step["code"]]
    wrong += [f"the summary took over {LIMIT_SECONDS} seconds"] if steps[-1]["seconds"] > LIMIT_SECONDS else []
    wrong += [f"the summary took over {LIMIT_GIB} GiB"] if steps[-1]["peak_gib"] > LIMIT_GIB else []
    for line in wrong:
        print(f"analysis.py: {line}", file=sys.stderr)
    return 1 if wrong else 0


def timed(step: str, *command: str) -> dict:
    """Run one of our scripts; returns its wall time, and the peak memory of it or its largest child."""
    print(f"{step}: {' '.join(command)}", flush=True)
    start = time.monotonic()
    child = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds, peak = time.monotonic() - start, usage.ru_maxrss / 2**20
    return {"step": step, "seconds": round(seconds, 1), "peak_gib": round(peak, 3), "code": child.returncode}


if __name__ == "__main__":
    sys.exit(main())
