"""Grading takes what generation leaves of the processors."""

import multiprocessing.forkserver
import os
import threading

from evalsuite.bounded import _children
from evalsuite.pipeline.worker import NICE
from tests.support.calls import Calls

LEAST = 19  # nobody can be nicer


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
