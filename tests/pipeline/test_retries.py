"""A grading call that is killed or starved of CPU time is made again, but not one that takes too long by itself."""

import os
import signal
import time
from pathlib import Path

import pytest

from evalsuite.bounded import Bounded, BoundedCrash, BoundedTimeout, _cpu_seconds
from evalsuite.pipeline.worker import ATTEMPTS, with_retries


def count_call(folder: Path) -> int:
    """Count the calls of one test with files, because they are made in different processes."""
    (folder / f"call{len(list(folder.iterdir()))}").touch()
    return len(list(folder.iterdir()))


def die_until(folder: Path, attempt: int) -> int:
    count = count_call(folder)
    if count < attempt:
        os.kill(os.getpid(), signal.SIGKILL)
    return count


def sleep_until(folder: Path, attempt: int) -> int:
    count = count_call(folder)
    if count < attempt:
        time.sleep(3600)
    return count


def test_a_killed_call_is_made_again(tmp_path: Path) -> None:
    with Bounded(die_until) as bounded:
        assert with_retries(bounded)(tmp_path, ATTEMPTS) == ATTEMPTS


def test_a_call_that_crashes_every_time_raises_the_crash(tmp_path: Path) -> None:
    with Bounded(die_until) as bounded, pytest.raises(BoundedCrash, match="SIGKILL"):
        with_retries(bounded)(tmp_path, 99)
    assert len(list(tmp_path.iterdir())) == ATTEMPTS


def test_a_call_that_got_no_cpu_time_is_made_again(tmp_path: Path) -> None:
    with Bounded(sleep_until, seconds=2.0) as bounded:
        assert with_retries(bounded)(tmp_path, 2) in (2, ATTEMPTS)  # the second may get none either


def test_a_call_that_computes_too_long_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter((0.0, 600.0))  # seconds of CPU time before and after
    monkeypatch.setattr("evalsuite.bounded._cpu_seconds", lambda keeper: next(used))
    with Bounded(sleep_until) as bounded, pytest.raises(BoundedTimeout):
        limited = with_retries(bounded)
        bounded.seconds = 0.2
        limited(tmp_path, 2)
    assert not list(used)


def test_cpu_time_of_earlier_calls_does_not_count(tmp_path: Path) -> None:
    def busy_then_sleep(number: int) -> int:
        began = time.process_time()
        while number == 0 and time.process_time() - began < 0.4:
            pass
        time.sleep(3600 * number)
        return number

    with Bounded(busy_then_sleep, seconds=600.0) as bounded:
        assert bounded(0) == 0 and _cpu_seconds(bounded._keeper) > 0.3
        bounded.seconds = 1.0
        with pytest.raises(BoundedTimeout) as caught:
            bounded(1)
    assert caught.value.starved
