"""Grading has a lower CPU priority than generation."""

import multiprocessing.forkserver
import os
import threading

from evalsuite.bounded import _children
from evalsuite.pipeline.worker import NICE
from tests.support.calls import Calls

LOWEST = 19  # the kernel's limit


def test_workers_run_at_a_lower_priority(fake_engine: Calls) -> None:
    seen, ended = set(), threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            try:
                workers = _children(multiprocessing.forkserver._forkserver._forkserver_pid or -1)
                seen.update(os.getpriority(os.PRIO_PROCESS, pid) for pid in workers)
            except OSError:  # there is no forkserver yet, or no more
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    outcome = fake_engine.call("out")
    ended.set()
    thread.join()
    assert outcome.code == 0 and min(LOWEST, os.nice(0) + NICE) in seen
