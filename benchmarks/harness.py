#!/usr/bin/env python3
"""Measure the overhead of the suite: a sweep of 20,000 long answers from an instant server, and grading them again.

    python benchmarks/harness.py                                        # 40 seeds x 500 problems x 4,000 tokens
    python benchmarks/harness.py --seeds 4 --problems 100 --regrade 2

Runs the real main.py with --base_url (client, journal, grading) against benchmarks/instant_server.py. Goals: 300
completions per second through client and journal, no process above 2 GB, and 10,000 answers graded again in under two
minutes on 2 cores. `completions per cpu s` counts only the CPU time of main.py while it generates, so that it is valid
on a shared machine too. Prints a table and writes benchmarks/results/harness.json.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from benchmarks.instant_server import problem  # noqa: E402
from benchmarks.watching import Watch, watched  # noqa: E402
from evalsuite.files import write_json  # noqa: E402
from tests.support.sweeps import make_model, serving  # noqa: E402 - the path is set above

RESULT = ROOT / "benchmarks" / "results" / "harness.json"
TASK, VARIANTS = "math_500", 4


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    folder = Path(tempfile.mkdtemp(prefix="harness-", dir=args.dir))
    try:
        result = machine() | {"seeds": args.seeds, "problems": args.problems, "tokens": args.tokens}
        result |= measured(folder, args)
    finally:
        if not args.keep:
            shutil.rmtree(folder)
    show(result)
    write_json(RESULT, result)
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40, help="seeds (default: 40)")
    parser.add_argument("--problems", type=int, default=500, help="problems (default: 500)")
    parser.add_argument("--tokens", type=int, default=4000, help="tokens per answer (default: 4000)")
    parser.add_argument("--max_num_seqs", type=int, default=256, help="as of main.py (default: 256)")
    parser.add_argument(
        "--regrade", type=int, default=20, metavar="SEEDS", help="experiments to grade again (default: 20)"
    )
    parser.add_argument(
        "--dir", type=Path, help="where to write the sweep, 45 KB per answer (default: a temporary folder)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the sweep")
    return parser.parse_args(argv)


def measured(folder: Path, args: argparse.Namespace) -> dict:
    """Run the sweep, then the same command with nothing left to do, then grade a part of it again."""
    data = folder / "data"
    data.mkdir()
    rows = [{key: problem(number)[key] for key in ("id", "problem", "answer")} for number in range(args.problems)]
    (data / f"{TASK}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = make_model(folder / "bytes", max_position_embeddings=args.tokens + 4096)
    command = [sys.executable, str(ROOT / "main.py"), "--model", str(model)]
    command += ["--task", TASK, "--data_dir", str(data), "--output_dir", str(folder / "output")]
    command += ["--max_new_tokens", str(args.tokens), "--max_num_seqs", str(args.max_num_seqs)]
    with instant_server(args) as url:
        command += ["--base_url", url]
        wall, watch = timed([*command, "--seed", f"0-{args.seeds - 1}"])
        with urllib.request.urlopen(f"{url}/times") as page:
            times = json.load(page)
    sweep = figures(folder / "output", times, wall, watch, args)
    again, _ = timed([*command, "--seed", f"0-{args.seeds - 1}"])
    result = {"sweep": sweep, "nothing_to_do_s": round(again, 2)}
    if args.regrade:
        wall, watch = timed([*command, "--seed", f"0-{min(args.seeds, args.regrade) - 1}", "--regrade"])
        count = min(args.seeds, args.regrade) * args.problems
        took = {"completions": count, "wall_s": round(wall, 1), "per_10000_s": round(wall * 10_000 / count, 1)}
        result["regrade"] = took | {"processes": watch.by_role()}
    return result


@contextmanager
def instant_server(args: argparse.Namespace) -> Iterator[str]:
    """Start the server, which generates all answers first; yields its address."""
    script = ROOT / "benchmarks" / "instant_server.py"
    sizes = ["--problems", str(args.problems), "--tokens", str(args.tokens), "--variants", str(VARIANTS)]
    with serving([sys.executable, str(script), *sizes]) as address:
        yield address


def timed(command: list[str]) -> tuple[float, Watch]:
    """Run a command; returns its wall seconds and the usage of its processes. Raises SystemExit if it fails."""
    began = time.monotonic()
    with watched(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as (process, watch):
        output = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"main.py failed with exit code {process.returncode}:\n{output[-3000:]}")
    return time.monotonic() - began, watch


def figures(output: Path, times: dict, wall: float, watch: Watch, args: argparse.Namespace) -> dict:
    """The figures of the sweep that the documentation quotes."""
    manifests = [json.loads(path.read_text()) for path in output.glob("*/*/experiment.json")]
    graded = sum(one["num_samples"] for one in manifests)
    if graded != args.seeds * args.problems or times["count"] != graded:
        raise SystemExit(
            f"expected {args.seeds * args.problems} answers: {times['count']} were sent and {graded} graded"
        )
    seconds = times["last"] - times["first"]
    cpu = watch.cpu_between(times["first"], times["last"])
    roles = watch.by_role()
    return {
        "completions": graded,
        "wall_s": round(wall, 1),
        "generation_s": round(seconds, 1),
        "completions_per_s": round(graded / seconds, 1),
        "main_cpu_s": round(cpu, 1),
        "completions_per_cpu_s": round(graded / cpu, 1),
        "main_share_of_a_core": round(cpu / seconds, 3),
        "most_in_flight": times["most_open"],
        "grading_after_generation_s": round(finished(output) - times["last"], 1),
        "verified_match": round(accuracy(output, manifests), 4),
        "peak_mb": max(row["peak_mb"] for row in roles.values()),
        "disk_mb": round(sum(path.stat().st_size for path in output.rglob("*") if path.is_file()) / 1e6, 1),
        "processes": roles,
    }


def finished(output: Path) -> float:
    """The time at which the last manifest was written."""
    return max(path.stat().st_mtime for path in output.glob("*/*/experiment.json"))


def accuracy(output: Path, manifests: list[dict]) -> float:
    """The mean verified_match of all experiments, from their results files."""
    values = []
    for one in manifests:
        path = output / one["model"] / one["experiment"] / one["results_file"]
        values.append(json.loads(path.read_text())["results"]["all"]["verified_match"])
    return sum(values) / len(values)


def machine() -> dict:
    return {"cores": len(os.sched_getaffinity(0)), "system": platform.platform(), "load_before": os.getloadavg()[0],
            "date": time.strftime("%Y-%m-%d")}  # fmt: skip


def show(result: dict) -> None:
    """Print the figures."""
    for name, value in result["sweep"].items():
        if name != "processes":
            print(f"{name.replace('_', ' '):<28}{value:>10}")
    print(f"{'nothing to do, s':<28}{result['nothing_to_do_s']:>10}")
    tables = [("sweep", result["sweep"]["processes"])]
    if regrade := result.get("regrade"):
        print(f"{'graded again':<28}{regrade['completions']:>10}  in {regrade['wall_s']} s")
        print(f"{'10,000 graded again, s':<28}{regrade['per_10000_s']:>10}")
        tables.append(("regrade", regrade["processes"]))
    for title, rows in tables:
        print(f"\n{title + ', processes':<28}{'count':>8}{'peak MB':>10}{'CPU s':>10}")
        for role, row in rows.items():
            print(f"{role:<28}{row['processes']:>8}{row['peak_mb']:>10}{row['cpu_s']:>10}")


if __name__ == "__main__":
    sys.exit(main())
