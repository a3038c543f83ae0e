"""Grading has a lower CPU priority than generation."""

import os

import pytest

from evalsuite.pipeline.pool import Workers
from tests.support.calls import Calls

pytestmark = pytest.mark.slow

LOWEST = 19  # the kernel's limit


def test_workers_run_at_a_lower_priority(fake_engine: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that graded is kept until the run ends, and is looked at then."""
    seen, kill = [], Workers.kill

    def look(workers: Workers) -> None:
        seen.extend(os.getpriority(os.PRIO_PROCESS, child.process.pid) for child in workers.living)
        kill(workers)

    monkeypatch.setattr(Workers, "kill", look)
    assert fake_engine.call("out").code == 0
    assert seen == [min(LOWEST, os.nice(0) + 5)]
