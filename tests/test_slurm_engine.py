"""An array with real vLLM: two tasks of one model, a seed each, side by side in one folder."""

import json
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from slurm_site import ROOT

pytestmark = [pytest.mark.slurm, pytest.mark.engine]

SWEEP = {
    "PYTHON": sys.executable, "DEVICE": "cpu", "VLLM_CPU_KVCACHE_SPACE": "1", "SLURM_CPUS": "2", "SLURM_TIME": "30",
    "SEEDS": "0 1", "SEEDS_PER_RUN": "1", "TASKS": "demo_words", "MAX_NEW_TOKENS": "16", "MAX_MODEL_LENGTHS": "512",
    "EXTRA_ARGS": "--allow_broken --max_samples 4", "MAX_NUM_SEQUENCES": "4",
}  # fmt: skip


def test_two_tasks_of_one_model_run_on_vllm_and_never_write_the_same_file(site, tiny: Path):
    site.env |= SWEEP | {"MODELS": f"tiny={tiny}"}
    site.env |= {"PYTHONPATH": str(ROOT / "tests" / "stubs" / "audit"), "WRITES": str(site.folder / "writes")}
    assert "2 tasks in 1 job array" in site.slurm()
    site.until(lambda states: states["analysis"] == "done", 300, pause=3)
    manifests = [json.loads(path.read_text()) for path in site.folder.glob("output/tiny/*/experiment.json")]
    assert sorted(one["seed"] for one in manifests) == [0, 1]
    assert all(one["status"] == "finished" and one["num_samples"] == 4 for one in manifests)
    writers = defaultdict(set)
    for line in (site.folder / "writes").read_text().splitlines():
        task, path = line.split("\t")
        if Path(path).is_relative_to(site.folder / "output") and Path(path).name != ".lock":  # one holds it at a time
            writers[path].add(task)
    assert {task for tasks in writers.values() for task in tasks} == {"1", "2"}
    assert any(path.endswith("experiment.json") for path in writers)
    assert not [path for path, tasks in writers.items() if len(tasks) > 1]
