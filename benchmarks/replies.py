#!/usr/bin/env python3
"""Measure how long commands take to reply: --help, a mistyped flag, --dry_run, and a sweep with nothing left to do.

    python benchmarks/replies.py [--repeats 5]

The finished sweep has 2 tasks x 10 seeds x 20 problems on the engine of the tests. Goals: under 1 s for each reply of
main.py, and under 10 s for run_interactive.sh without the analysis, which is timed separately. Prints medians of wall
time and of CPU time, which is valid on a shared machine too. Writes benchmarks/results/replies.json.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.harness import machine  # noqa: E402
from evalsuite.files import write_json  # noqa: E402
from tests.support.sweeps import Suite, running_server  # noqa: E402 - the path is set above

RESULT = ROOT / "benchmarks" / "results" / "replies.json"
TASKS = ("demo_arithmetic", "demo_words")
ANALYSIS = (["analyze_results.py"], ["analyze_summary.py"], ["convert_parquet_to_csv.py"], ["-m", "evalsuite.report"])


def timed(command: list[str], expected: int, **options: object) -> tuple[float, float]:
    """Wall and CPU seconds of a command and its children. Raises SystemExit if it has another exit code."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != expected:
        raise SystemExit(f"{command} failed with exit code {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(folder: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Measure all replies next to a running server; returns their medians."""
    suite = Suite(folder, 20, TASKS)
    with running_server(suite.fake) as url:
        return replies(folder, suite, url, repeats)


def replies(folder: Path, suite: Suite, url: str, repeats: int) -> dict[str, dict[str, float]]:
    """Finish a sweep, then measure every reply."""
    environment = os.environ | {
        "SETUP": "0", "PYTHON": sys.executable, "LOCAL_DIR": str(folder), "OUTPUT_DIR": "out", "DEVICE": "cpu",
        "MODELS": f"bytes={suite.model}", "DATA_DIR": str(suite.data), "SEEDS": "0-9", "MAX_NEW_TOKENS": "400",
        "BASE_URL": url,
    }  # fmt: skip
    main_py = [sys.executable, str(ROOT / "main.py")]
    script = ["bash", str(ROOT / "run_interactive.sh")]
    timed(script, 0, env=environment, cwd=ROOT)  # creates the finished sweep
    ways = {
        "main.py --help": ([*main_py, "--help"], 0),
        "main.py --tempereture 1": ([*main_py, "--tempereture", "1"], 2),
        "main.py --dry_run": ([*main_py, *suite.arguments(folder / "new"), "--seed", "0-9", "--dry_run"], 0),
        "run_interactive.sh --help": ([*script, "--help"], 0),
        "run_interactive.sh --dry-run": ([*script, "--dry-run"], 0),
        "run_interactive.sh, all finished": (script, 0),
    }
    ways |= {f"  of which {part[-1]}": ([sys.executable, *part, str(folder / "out")], 0) for part in ANALYSIS}
    found = {}
    for name, (command, code) in ways.items():
        runs = [timed(command, code, env=environment, cwd=ROOT) for _ in range(repeats)]
        wall, cpu = (round(statistics.median(column), 2) for column in zip(*runs, strict=True))
        found[name] = {"wall_s": wall, "cpu_s": cpu}
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="runs per command (default: 5)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="replies-") as folder:
        rows = measured(Path(folder), args.repeats)
    print(f"{'':<40}{'wall s':>8}{'CPU s':>8}")
    for name, row in rows.items():
        print(f"{name:<40}{row['wall_s']:>8}{row['cpu_s']:>8}")
    write_json(RESULT, machine() | {"repeats": args.repeats, "replies": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
