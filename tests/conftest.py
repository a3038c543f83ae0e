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


def takes_the_machine(file: str) -> bool:
    """Whether a test file starts real engines or a Slurm cluster."""
    return bool(re.search(r"mark\.(engine|slurm)\b", (ROOT / file).read_text()))


class TwoFilesAtATime(LoadScopeScheduling):
    """xdist's order of work: one process begins with all that takes the machine, others get the other files."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return "heavy" if takes_the_machine(file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TwoFilesAtATime:
    """Used with --numprocesses, as tests/run.sh gives it."""
    return TwoFilesAtATime(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes the machine comes first."""
    files = {item.nodeid.split("::")[0] for item in items}
    heavy = set(filter(takes_the_machine, files))
    items.sort(key=lambda item: item.nodeid.split("::")[0] not in heavy)


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
    """Each module has a forkserver of its own: converting preloads nothing that grading needs, which takes 10 s."""
    yield
    server = (
        sys.modules["multiprocessing.forkserver"]._forkserver if "multiprocessing.forkserver" in sys.modules else None
    )
    if server is not None and server._forkserver_pid is not None:
        for child in multiprocessing.active_children():
            child.kill()
        os.kill(
            server._forkserver_pid, signal.SIGKILL
        )  # a worker that is left holds its pipe open, and _stop would wait
        server._stop()
