#!/usr/bin/env python3
"""Time an array of four models on a real Slurm cluster, from --slurm to the report, and show --status meanwhile.

    python benchmarks/slurm.py        # a minute or two; needs slurmctld, slurmd, slurm-client and munge

The cluster is that of the tests: four nodes on the loopback interface of this machine. The engine is the small server
of the tests, which answers 576 requests after 0.1 s each, so that mostly the suite and Slurm are timed. Writes
benchmarks/results/slurm.json.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from evalsuite.errors import EXIT_FAILED, EXIT_OK  # noqa: E402
from evalsuite.files import write_json  # noqa: E402
from tests.support.slurm_site import MODEL, Site, answering, is_done, missing, running_cluster  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "slurm.json"
MODELS = 4
SWEEP = {
    "PYTHON": sys.executable, "SLURM_CPUS": "2", "SLURM_TIME": "30", "MAX_NUM_SEQUENCES": "8",
    "EXTRA_ARGS": "--allow_broken --grade_jobs 1",
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULT, help="file for the results (default: %(default)s)")
    args = parser.parse_args(argv)
    if lacking := missing():
        parser.error(f"Slurm is not installed: missing {', '.join(lacking)}")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "cluster").mkdir()
        with running_cluster(folder / "cluster") as env, answering(folder / "asked", 0.1) as url:
            result = measured(Site(folder, env), url, folder / "asked")
    write_json(args.out, machine() | result)
    return EXIT_OK if result["done"] else EXIT_FAILED


def measured(site: Site, url: str, record: Path) -> dict:
    """Submit, print the table whenever a state changes, and wait for the report."""
    site.env |= SWEEP | {"BASE_URL": url, "MODELS": " ".join(f"model{n}={MODEL}" for n in range(1, MODELS + 1))}
    began = time.monotonic()
    print(site.slurm(), flush=True)
    submitted, states, tables = time.monotonic() - began, {}, []
    while not states or set(states.values()) & {"queued", "running"}:
        time.sleep(2.0)
        table = site.slurm("--status")
        if (now := site.read(table)) != states:
            states = now
            tables.append(table)
            print(f"after {time.monotonic() - began:.0f} s\n{tables[-1]}", flush=True)
    seconds = time.monotonic() - began
    print(f"{MODELS} tasks from submission to report: {seconds:.0f} s, of which {submitted:.0f} s for submitting")
    return {
        "done": is_done(states) and (site.folder / "output" / "report.html").is_file(),
        "tasks": MODELS,
        "completions": len(record.read_text().splitlines()),
        "seconds_to_submit": round(submitted, 1),
        "seconds_to_report": round(seconds, 1),
        "tables": tables,
    }


def machine() -> dict:
    return {"command": "python benchmarks/slurm.py", "python": platform.python_version(), "cpus": os.cpu_count()}


if __name__ == "__main__":
    sys.exit(main())
