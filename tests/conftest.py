"""Shared fixtures: where the optional shared folder lies, the repository's root, and the fake engine and server."""

import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent

if TYPE_CHECKING:
    from tests.support.calls import Calls
    from tests.support.slurm_site import Site


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs so, and programs that tests start and interrupt would ignore Ctrl-C as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST = ("sweep", "launch", "pipeline", "progress", "plan")  # folders whose tests start main.py again and again


def group_of(file: str) -> str:
    """The tests that one process runs one after another: all on a Slurm cluster, all on real engines, else one file."""
    marks = set(re.findall(r"mark\.(engine|slurm)\b", (ROOT / file).read_text(encoding="utf-8")))
    return "slurm" if "slurm" in marks else "engine" if marks else file


class TwoGroupsAtATime(LoadScopeScheduling):
    """xdist's order of work: one process begins with the real engines, one with Slurm; both go on with the files."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.split("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TwoGroupsAtATime:
    """Used with --numprocesses, as tests/run.sh gives it."""
    return TwoGroupsAtATime(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no process is left with it at the end."""

    def rank(file: str) -> int:
        group, folder = group_of(file), Path(file).parent.name
        return 0 if group == "engine" else 1 if group == "slurm" else 2 if folder in LONGEST else 3

    ranks = {file: rank(file) for file in {item.nodeid.split("::")[0] for item in items}}
    items.sort(key=lambda item: ranks[item.nodeid.split("::")[0]])


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared benchmark data and recorded answers; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("EVALSUITE_SHARED", ROOT.parent / "shared"))
    if not (folder / "README.md").is_file():
        pytest.skip(f"shared folder not found at {folder}")
    return folder


@pytest.fixture(scope="module")
def fake_engine(tmp_path_factory: pytest.TempPathFactory) -> "Calls":
    """Calls of main.py with a small model and six sums; the engine that they start is tests/support/fake_engine."""
    from tests.support.calls import Calls

    return Calls(tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="module")
def fake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Calls"]:
    """The same beside tests/support/fake_server.py, running at `fake_server.base_url`."""
    from tests.support.calls import Calls, served

    with served(Calls(tmp_path_factory.mktemp("server"))) as calls:
        yield calls


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands reach a fresh four-node cluster on loopback."""
    from tests.support.slurm_site import missing, running_cluster

    if lacking := missing():
        pytest.skip(f"Slurm is not installed here ({', '.join(lacking)}); Debian: slurmctld slurmd slurm-client munge")
    with running_cluster(tmp_path_factory.mktemp("cluster")) as env:
        yield env


@pytest.fixture
def site(tmp_path: Path, cluster: dict[str, str]) -> Iterator["Site"]:
    """A folder from which --slurm submits to that cluster."""
    from tests.support.slurm_site import Site

    site = Site(tmp_path, cluster)
    yield site
    site.release()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few megabytes that vLLM runs."""
    from tests.support.tiny_model import make_tiny

    return make_tiny(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="module", autouse=True)
def own_forkserver() -> Iterator[None]:
    """Give each module a forkserver of its own: what one preloads, another may not need. Calls of main.py share one
    all the same, see tests/support/calls.py."""
    yield
    module = sys.modules.get("multiprocessing.forkserver")
    if module is None or module._forkserver._forkserver_pid is None:
        return
    for child in multiprocessing.active_children():
        child.kill()
    # A worker that is left holds its pipe open, for which _stop would wait.
    os.kill(module._forkserver._forkserver_pid, signal.SIGKILL)
    module._forkserver._stop()
