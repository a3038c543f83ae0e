"""Ctrl-C and SIGTERM end a run within seconds and say how to go on; a second one ends it at once."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalsuite.store.journal import Journal
from tests.support.sweeps import Suite, experiments, marked, until


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite(tmp_path_factory.mktemp("interrupt"), problems=40)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short folder for everything temporary of a run, by which its processes are known."""
    with tempfile.TemporaryDirectory(prefix="stop-", dir="/tmp") as name:
        yield Path(name)


def generating(suite: Suite, output: Path, temporary: Path) -> subprocess.Popen:
    """A run with several completions journaled and many to come."""
    suite.fake.tell(latency=0.5)
    process = suite.start(output, "--max_num_seqs", "2", TMPDIR=str(temporary))
    until(lambda: len(journaled(output)) > 3, 120)
    return process


def journaled(output: Path) -> list[str]:
    return [one.problem for folder in output.glob("*/*_seed0") for one in Journal(folder).read()]


def said(output: Path) -> str:
    return output.with_name(output.name + ".log").read_text()


def see_nothing_left(output: Path, temporary: Path) -> None:
    until(lambda: not marked(str(temporary)), 20)
    assert not list(output.rglob(".lock*")) and not list(temporary.glob("eval-*"))


def test_one_interrupt_ends_cleanly_and_the_same_command_goes_on(suite: Suite, tmp_path: Path, temporary: Path) -> None:
    output = tmp_path / "out"
    process = generating(suite, output, temporary)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert process.wait(30) == 130 and time.monotonic() - began < 12
    kept = journaled(output)
    assert f"{len(kept)} completions are kept: run the same command again to go on" in said(output)
    assert "Traceback" not in said(output)
    see_nothing_left(output, temporary)
    asked = len(suite.fake.bodies)
    suite.fake.tell()
    assert suite.run(output, "--max_num_seqs", "2")[0] == 0
    assert len(suite.fake.bodies) - asked == 40 - len(kept)
    assert next(iter(experiments(output).values()))["status"] == "finished"


def test_sigterm_ends_cleanly_like_slurm_wants_it(suite: Suite, tmp_path: Path, temporary: Path) -> None:
    output = tmp_path / "out"
    process = generating(suite, output, temporary)
    process.terminate()
    assert process.wait(12) == 130 and "completions are kept" in said(output)
    see_nothing_left(output, temporary)


def test_two_interrupts_end_at_once(suite: Suite, tmp_path: Path, temporary: Path) -> None:
    output = tmp_path / "out"
    process = generating(suite, output, temporary)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert process.wait(5) == 130 and time.monotonic() - began < 1.5
    see_nothing_left(output, temporary)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_everything_still_loads_leaves_nothing(
    suite: Suite, tmp_path: Path, temporary: Path, number: int
) -> None:
    output = tmp_path / "out"
    process = suite.start(output, TMPDIR=str(temporary))
    until(lambda: "to do" in said(output))
    process.send_signal(number)
    assert process.wait(12) == 130
    assert "Traceback" not in said(output)
    see_nothing_left(output, temporary)
