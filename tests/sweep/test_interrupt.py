"""Ctrl-C and SIGTERM end a run whatever it waits for, and say how to continue; a second one ends it immediately."""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalsuite.store.journal import Journal
from tests.support.calls import Calls
from tests.support.sweeps import ROOT, ending, experiments, kill, marked, until
from tests.support.terminals import terminal

pytestmark = pytest.mark.slow

PROBLEMS, KEPT = 40, 4
PATIENT = """
import sys
from evalsuite.engine import process
from main import main
process.STOP_SECONDS = 1e6  # to wait for a supervisor
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    return Calls(tmp_path_factory.mktemp("interrupt"), problems=PROBLEMS)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short temporary folder for a run, by which its processes can be found."""
    with tempfile.TemporaryDirectory(prefix="stop-", dir="/tmp") as name:
        yield Path(name)


def journaled(output: Path) -> list[str]:
    return [one.problem for folder in output.glob("*/*_seed0") for one in Journal(folder).read()]


def said(output: Path) -> str:
    return output.with_name(output.name + ".log").read_text()


def stop(temporary: Path, what: str) -> None:
    """Once there are processes of the run with `what` in their command line, stop them, so that they never finish."""
    for pid in until(lambda: [one for one, words in marked(str(temporary)).items() if what in words]):
        kill(pid, signal.SIGSTOP)


@contextlib.contextmanager
def going_on(temporary: Path) -> Iterator[None]:
    """Processes of the run that were stopped go on after the block."""
    try:
        yield
    finally:
        for pid in marked(str(temporary)):
            kill(pid, signal.SIGCONT)


def see_nothing_left(output: Path, temporary: Path) -> None:
    until(lambda: not marked(str(temporary)))
    assert not list(output.rglob(".lock*")) and not list(temporary.glob("eval-*"))


def test_one_signal_ends_cleanly_and_the_same_command_continues(suite: Calls, tmp_path: Path, temporary: Path) -> None:
    """The other answers would never arrive, so the run ends only because it does not wait for them."""
    output = tmp_path / "out"
    suite.fake.tell(hold={"id": 1, "count": KEPT})
    process = suite.start(output, "--max_num_seqs", "2", TMPDIR=str(temporary))
    with ending(process):
        until(lambda: len(journaled(output)) == KEPT and len(suite.fake.bodies) > KEPT)
        process.terminate()  # as Slurm does
        assert process.wait(600) == 130
    assert f"{KEPT} completions kept; run the same command again to continue" in said(output)
    assert "Traceback" not in said(output) and len(journaled(output)) == KEPT
    see_nothing_left(output, temporary)
    asked = len(suite.fake.bodies)
    suite.fake.tell()
    assert suite.call(output, "--max_num_seqs", "2").code == 0
    assert len(suite.fake.bodies) - asked == PROBLEMS - KEPT
    assert next(iter(experiments(output).values()))["status"] == "finished"


def test_two_interrupts_end_immediately(suite: Calls, tmp_path: Path, temporary: Path) -> None:
    """The clean end after the first would never finish, so the run ends only because the second does not wait."""
    output, starts = tmp_path / "out", len(suite.fake.events("start"))
    command = [sys.executable, "-c", PATIENT, *suite.arguments(output)]
    with terminal() as screen:
        process = screen.start(*command, cwd=ROOT, TMPDIR=str(temporary), **suite.fake.environment())
        with going_on(temporary), ending(process):
            stop(temporary, "multiprocessing.forkserver")
            until(lambda: len(suite.fake.events("start")) > starts)
            stop(temporary, "supervisor.py")
            screen.type(b"\x03")  # Ctrl-C
            screen.frames(process, lambda seen: "main.py: stopping; press Ctrl-C again to stop immediately" in seen)
            assert process.poll() is None
            screen.type(b"\x03")
            assert process.wait(600) == 130
        screen.read()
        assert "completions kept" not in "".join(screen.seen()) and screen.as_before()
    see_nothing_left(output, temporary)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_everything_is_loading_leaves_nothing_behind(
    suite: Calls, tmp_path: Path, temporary: Path, number: int
) -> None:
    output = tmp_path / "out"
    process = suite.start(output, TMPDIR=str(temporary))
    with going_on(temporary), ending(process):
        stop(temporary, "multiprocessing.forkserver")  # it never finishes loading
        os.kill(process.pid, number)
        assert process.wait(600) == 130
    assert "Traceback" not in said(output)
    see_nothing_left(output, temporary)
