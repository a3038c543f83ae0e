#!/usr/bin/env python3
"""Kill a sweep at random moments, start it again, and count what is lost; nothing should be.

    python benchmarks/torture.py --kills 100             # on the deterministic engine of the tests; about ten minutes
    python benchmarks/torture.py --real 3 --kills 0      # on vLLM with the embedded model; minutes per kill

Victims are main.py, the server of the engine, its worker, its supervisor, a grading worker and the process that forks
grading workers. Each kill is a SIGKILL to a random living victim at a random moment.
"""

import argparse
import json
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.kills import VICTIMS, Campaign  # noqa: E402
from tests.support.sweeps import Suite  # noqa: E402

TASKS = ("demo_arithmetic", "demo_words")
PROBLEMS, SEEDS, LATENCY = 20, "0-9", 0.8
ROWS = ("kills", "runs", "completions", "asked_again", "lost", "graded_twice", "graded_half", "different", "orphans")


def torture(folder: Path, kills: int, dice: random.Random, problems: int = PROBLEMS, seeds: str = SEEDS) -> dict:
    """Run sweeps on the fake engine until there were `kills` kills; returns totals, with the kills of each victim."""
    suite = Suite(folder / "suite", problems, TASKS)
    suite.fake.tell(latency=0.02)
    more = ("--seed", seeds, "--max_num_seqs", "4", "--engine_restarts", "1000")
    undisturbed = Campaign(suite, folder / "undisturbed", more)
    undisturbed.run(0, dice)
    suite.fake.tell(latency=LATENCY)
    total, victims = Counter(), Counter()
    while total["kills"] < kills:
        campaign = Campaign(suite, folder / f"tortured{total['sweeps']}", more)
        campaign.run(kills - total["kills"], dice)
        total.update(campaign.report(undisturbed))
        victims.update(campaign.kills)
        total["sweeps"] += 1
        print(f"sweep {total['sweeps']}: {total['kills']} kills so far, {dict(victims)}", flush=True)
    return dict(total) | {"by_victim": {name: victims[name] for name in VICTIMS}}


def real(folder: Path, kills: int, dice: random.Random) -> dict:
    """The same on vLLM, where scores may differ slightly between runs, so they are not compared with other sweeps."""
    suite = Suite(folder / "suite", 1)
    suite.model, suite.data = ROOT / "models" / "SmolLM2-135M-Instruct", ROOT / "data"
    more = ("--seed", "0-2", "--use_chat_template", "--max_new_tokens", "64", "--max_model_length", "1024")
    more += ("--max_num_seqs", "16", "--engine_python", sys.executable, "--allow_broken", "--engine_restarts", "1000")
    campaign = Campaign(suite, folder / "real", more, victims=("main", "server", "worker"), patience=900.0)
    campaign.run(kills, dice)
    return campaign.report(None) | {"by_victim": dict(campaign.kills)}


def table(result: dict) -> str:
    """The figures as text, one per line."""
    lines = [f"{name.replace('_', ' '):<24}{result.get(name, 0):>8}" for name in ROWS]
    lines += [f"  killed {name:<15}{count:>8}" for name, count in result["by_victim"].items()]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="kills on the fake engine (default: 100)")
    parser.add_argument("--real", type=int, default=0, metavar="N", help="also kill N times on real vLLM")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="seed of the random moments and victims (default: the time)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "benchmarks" / "results" / "torture.json",
        help="file for the results (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    folder, dice = Path(tempfile.mkdtemp(prefix="torture-")), random.Random(args.seed)
    results, began, bad = {}, time.monotonic(), 0
    for name, kills, run in (("fake engine", args.kills, torture), ("vLLM", args.real, real)):
        if kills:
            results[name] = run(folder / name.split()[0], kills, dice)
            print(f"\n{name}\n{table(results[name])}", flush=True)
            bad += sum(results[name].get(row, 0) for row in ROWS[3:])
    value = {"command": f"python benchmarks/torture.py --kills {args.kills} --real {args.real} --seed {args.seed}"}
    value |= {"python": platform.python_version(), "cpus": os.cpu_count(), "results": results}
    value["seconds"] = round(time.monotonic() - began)
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(json.dumps(value, indent=1) + "\n")
    if bad:
        print(f"\nsomething was lost or repeated; the sweeps are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
