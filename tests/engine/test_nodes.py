"""One model over several nodes: the commands, the errors, and a run on two nodes of a real Slurm cluster with a fake
vLLM."""

import json
import shlex
import sys
from dataclasses import replace

import pytest

from evalsuite.engine import nodes
from evalsuite.engine.command import EngineOptions
from evalsuite.errors import UserError
from tests.support.slurm_site import ROOT, Site
from tests.support.sweeps import Fake, kill, make_data, make_model, marked, until

OPTIONS = EngineOptions("org/name", "org/name", tensor_parallel_size=8, pipeline_parallel_size=2, nodes=2)
SERVE = ["-m", "vllm.entrypoints.cli.main", "serve", "org/name", "--headless"]


def commands(options: EngineOptions) -> tuple[list[str], list[str]]:
    """The commands that --dry_run shows: that of the first node, and what srun runs on the others."""
    first, others = (shlex.split(line.partition(": ")[2]) for line in nodes.describe(options))
    return first, others[others.index("node") + 1 :]


def after(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


def test_all_nodes_get_the_same_engine_arguments_and_only_the_first_a_server():
    first, others = commands(OPTIONS)
    assert first[1:5] == ["-m", "vllm.entrypoints.openai.api_server", "--model", "org/name"]
    assert others[1:6] == SERVE and "--uds" in first and "--uds" not in others
    start = first.index("--served-model-name")
    assert first[start:-2] == others[others.index("--served-model-name") :]
    assert after(first, "--nnodes") == "2" and first[-2:] == ["--node-rank", "0"]
    assert after(first, "--master-addr") == "FIRST_NODE" and after(others, "--pipeline-parallel-size") == "2"


def test_data_parallel_copies_on_several_nodes_share_an_additional_port():
    first, others = commands(replace(OPTIONS, pipeline_parallel_size=1, data_parallel_size=2))
    assert after(first, "--data-parallel-rpc-port") == after(others, "--data-parallel-rpc-port")
    assert "--data-parallel-rpc-port" not in commands(OPTIONS)[0]


def test_a_single_node_needs_no_commands():
    assert nodes.describe(replace(OPTIONS, nodes=1)) == []


@pytest.mark.parametrize("count, sizes", [(3, (8, 1, 1)), (2, (1, 3, 1)), (2, (2, 1, 3))])
def test_sizes_that_cannot_be_split_over_the_nodes_are_rejected_with_sizes_that_can(count, sizes):
    with pytest.raises(UserError, match=f"--data_parallel_size {count}, with any tensor size"):
        nodes.check(count, *sizes, planned=True)


def test_missing_nodes_are_reported_before_anything_loads(fake_engine, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_NUM_NODES", raising=False)
    spread = "none", "--use_chat_template", "--nodes", "2", "--data_parallel_size", "2"
    refused = fake_engine.call(*spread)
    assert refused.code == 2 and len(refused.err.splitlines()) == 1 and "not a Slurm job of 2 nodes" in refused.err
    assert fake_engine.call(*spread, "--dry_run").code == 0
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "2")
    nodes.check(2, 1, 1, 2, planned=False)


VLLM = """#!/bin/sh
# vLLM on either node: the fake server on the first node, and on the other one a process that just keeps running.
echo "$SLURMD_NODENAME $*" >>"$SEEN"
case "$*" in *--headless*) exec sleep 600 ;; esac
exec "$FAKE_ENGINE" "$@"
"""


@pytest.fixture
def spread(site: Site) -> Site:
    """A sweep over two nodes that needs only a second of answers."""
    folder = site.folder
    make_model(folder / "bytes")
    make_data(folder / "data")
    (folder / "vllm").write_text(VLLM)
    (folder / "vllm").chmod(0o755)
    fake = Fake(folder / "fake")
    fake.tell(latency=0.1)
    site.env |= fake.environment() | {
        "FAKE_ENGINE": str(ROOT / "tests" / "support" / "fake_engine"),
        "SEEN": str(folder / "seen"),
    }
    site.env |= {"ENGINE_PYTHON": str(folder / "vllm"), "PYTHON": sys.executable, "MODELS": "m=./bytes", "NODES": "2"}
    site.env |= {"TASKS": "demo_arithmetic", "DATA_DIR": "data", "SEEDS": "0", "DEVICE": "cpu", "SLURM_TIME": "30"}
    site.env |= {"DATA_PARALLEL_SIZE": "2", "SLURM_CPUS": "2", "MAX_MODEL_LENGTHS": "", "EXTRA_ARGS": "--grade_jobs 1"}
    return site


@pytest.mark.slurm
def test_a_dry_run_shows_the_commands_of_all_nodes(spread: Site):
    done = spread.run("--slurm", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "  engine first: " in done.stdout and "--nnodes 2 --master-addr FIRST_NODE" in done.stdout
    assert "  engine others: srun --nodes 1" in done.stdout and "serve ./bytes --headless" in done.stdout
    assert spread.command("squeue", "-h") == ""


@pytest.mark.slurm
def test_if_the_other_nodes_share_dies_it_is_restarted_with_the_server_and_ends_with_it(spread: Site):
    fake = Fake(spread.folder / "fake")
    seen = spread.folder / "seen"
    fake.tell(hang=True)
    spread.slurm()
    (pid,) = until(lambda: [pid for pid, words in marked(str(seen)).items() if "sleep 600" in words])
    until(lambda: fake.events("request"))
    kill(pid)
    until(lambda: seen.read_text().count("--headless") == 2)
    fake.tell()
    spread.until(lambda states: states["m"] in ("done", "failed"), pause=2)
    assert spread.events("1") == ["started", "ended 0"]
    calls = [line.split() for line in seen.read_text().splitlines()]
    started = sorted((words[0], words[-1]) for words in calls if "--nnodes" in words)
    assert started == [("node1", "0"), ("node1", "0"), ("node2", "1"), ("node2", "1")]
    assert len({after(words, "--master-port") for words in calls if "--nnodes" in words}) == 2
    (manifest,) = [json.loads(path.read_text()) for path in spread.folder.glob("output/m/*/experiment.json")]
    assert manifest["status"] == "finished" and manifest["circumstances"]["nodes"] == 2
    assert not [words for words in marked(str(seen)).values() if "sleep 600" in words]
