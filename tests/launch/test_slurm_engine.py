"""Real vLLM on the test cluster: two tasks of one model side by side in one folder, each engine on two nodes."""

import importlib.metadata
import json
import os
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.slurm_site import ROOT, Site
from tests.support.sweeps import until

pytestmark = [pytest.mark.slurm, pytest.mark.engine]

AUDIT = str(ROOT / "tests" / "support" / "stubs" / "audit")
SWEEP = {
    "PYTHON": sys.executable, "DEVICE": "cpu", "VLLM_CPU_KVCACHE_SPACE": "1", "SLURM_CPUS": "2", "SLURM_TIME": "30",
    "SEEDS": "0 1", "TASKS": "demo_words", "MAX_NEW_TOKENS": "16", "MAX_MODEL_LENGTHS": "512",
    "EXTRA_ARGS": "--allow_broken --max_samples 4", "MAX_NUM_SEQUENCES": "4",
}  # fmt: skip


def await_end(site: Site, *numbers: str) -> None:
    """Return when these calls have ended; the analysis need not be waited for."""
    until(lambda: all(any(one.startswith("ended") for one in site.events(number)) for number in numbers), 300)


def assert_finished(site: Site) -> None:
    """Both seeds are there, whole."""
    manifests = [json.loads(path.read_text()) for path in site.folder.glob("output/tiny/*/experiment.json")]
    assert sorted(one["seed"] for one in manifests) == [0, 1], site.run("--slurm", "--status").stdout
    assert all(one["status"] == "finished" and one["num_samples"] == 4 for one in manifests)


def known_as_vllm(folder: Path) -> str:
    """A folder for PYTHONPATH in which the CPU build is called vllm, too: `vllm serve` asks for that name's version."""
    version = importlib.metadata.version("vllm-cpu") + "+cpu"
    made = folder / f"vllm-{version}.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    return str(folder)


def test_two_tasks_of_one_model_each_on_two_nodes_never_write_the_same_file(site: Site, tiny: Path):
    site.env |= SWEEP | {"MODELS": f"tiny={tiny}", "SEEDS_PER_RUN": "1", "NODES": "2", "TENSOR_PARALLEL_SIZE": "2"}
    site.env |= {"WRITES": str(site.folder / "writes"), "PYTHONPATH": AUDIT}
    try:
        importlib.metadata.version("vllm")
    except importlib.metadata.PackageNotFoundError:
        site.env["PYTHONPATH"] += os.pathsep + known_as_vllm(site.folder / "named")
    assert "2 tasks in 1 job array" in site.slurm()
    await_end(site, "1", "2")
    assert_finished(site)
    for task in ("1", "2"):
        (log,) = site.folder.glob(f"output/logs/slurm/*/engine/{task}/*-others.log")
        assert "rank 1 in world size 2" in log.read_text()
    writers = defaultdict(set)
    for line in (site.folder / "writes").read_text().splitlines():
        task, path = line.split("\t")
        if Path(path).is_relative_to(site.folder / "output") and Path(path).name != ".lock":  # one holds it at a time
            writers[path].add(task)
    assert {task for tasks in writers.values() for task in tasks} == {"1", "2"}
    assert any(path.endswith("experiment.json") for path in writers)
    assert not [path for path, tasks in writers.items() if len(tasks) > 1]
