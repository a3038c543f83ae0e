"""Nodes without internet: --prefetch fills the caches from a hub, and the run then never tries to use the network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hub_downloads import serving
from tests.support.sweeps import ROOT, Fake, experiments, make_model, sum_problem

pytestmark = pytest.mark.slow

NO_NETWORK = ["unshare", "--net", "--map-root-user"]  # its own network namespace, without even loopback


def prefix() -> list[str]:
    """The command prefix that removes the network, if it is permitted; the audit hook refuses connections anyway."""
    if shutil.which("unshare") is None:
        return []
    return NO_NETWORK if subprocess.run([*NO_NETWORK, "true"], capture_output=True).returncode == 0 else []


class Node:
    """run_interactive.sh with its own cache, and a hub model and a hub data set to evaluate."""

    def __init__(self, folder: Path) -> None:
        self.folder, fake = folder, Fake(folder / "fake")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        engine = fake.environment()
        python = engine.pop("ENGINE_PYTHON")  # given as a flag, because run_interactive.sh would query its versions
        self.env = kept | engine | {"SETUP": "0", "PYTHON": sys.executable, "LOCAL_DIR": str(folder)}
        self.env |= {"MODELS": "org/bytes", "TASKS": "aime24", "SEEDS": "0", "DEVICE": "cpu", "MAX_MODEL_LENGTHS": ""}
        self.env |= {
            "EXTRA_ARGS": f"--allow_broken --grade_jobs 1 --engine_python {python}",
            "HF_HOME": str(folder / "cache"),
        }

    def run(self, *args: str, before: tuple[str, ...] = (), **env: str) -> subprocess.CompletedProcess:
        words = [*before, "bash", str(ROOT / "run_interactive.sh"), *args]
        return subprocess.run(
            words, env=self.env | env, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=900,
        )  # fmt: skip


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("hub")
    make_model(root / "models" / "org" / "bytes")
    rows = root / "datasets" / "HuggingFaceH4" / "aime_2024" / "data"
    rows.mkdir(parents=True)
    lines = [json.dumps(sum_problem(number)) + "\n" for number in range(30)]
    (rows / "train.jsonl").write_text("".join(lines))
    with serving(root) as url:
        yield url


def test_prefetch_fetches_a_model_and_a_data_set_only_once(node: Node, hub: str) -> None:
    first = node.run("--prefetch", HF_ENDPOINT=hub)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "fetched   org/bytes into " in first.stdout and "data of aime24: 30 problems" in first.stdout
    again = node.run("--prefetch", HF_HUB_OFFLINE="1")
    assert again.returncode == 0 and "exists    org/bytes" in again.stdout, again.stdout + again.stderr


def test_the_run_works_without_a_network_and_never_tries_to_use_it(node: Node) -> None:
    audit = {
        "PYTHONPATH": str(ROOT / "tests" / "support" / "stubs" / "audit"),
        "CONNECTIONS": str(node.folder / "connections"),
    }
    done = node.run(before=tuple(prefix()), HF_HUB_OFFLINE="1", **audit)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (manifest,) = experiments(node.folder / "output").values()
    assert manifest["status"] == "finished" and manifest["num_samples"] == 30
    assert (node.folder / "connections").read_text() == ""


def test_a_model_that_was_not_prefetched_is_one_line(node: Node) -> None:
    done = node.run("--prefetch", HF_HUB_OFFLINE="1", MODELS="org/absent")
    assert done.returncode == 1 and "cannot fetch org/absent" in done.stderr
