"""Grading takes what generation leaves of the processors, whatever sessions its processes make."""

import multiprocessing.forkserver
import os
import threading
from pathlib import Path

import pytest
from calls import Calls

from evalsuite.bounded import Bounded, _children
from evalsuite.grade.entry import NICE

LEAST = 19  # nobody can be nicer


def nicer() -> tuple[int, str]:
    """Become nicer, then start a bounded call: this process's niceness and that of the call's session."""
    own = os.nice(3)
    with Bounded(Path("/proc/self/autogroup").read_text) as bounded:
        return own, bounded()


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this Linux shares by process alone")
def test_a_bounded_call_is_as_nice_as_its_caller() -> None:
    with Bounded(nicer) as bounded:
        own, session = bounded()
    assert own == min(LEAST, os.nice(0) + 3) and session.endswith(f"nice {own}\n")


def test_graders_are_nicer_than_generation(fake_engine: Calls) -> None:
    seen, ended = set(), threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            try:
                workers = _children(multiprocessing.forkserver._forkserver._forkserver_pid or -1)
                seen.update(os.getpriority(os.PRIO_PROCESS, pid) for pid in workers)
            except OSError:  # not there yet, or gone
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    outcome = fake_engine.call("out")
    ended.set()
    thread.join()
    assert outcome.code == 0 and min(LEAST, os.nice(0) + NICE) in seen
