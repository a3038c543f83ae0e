"""A grading call that is killed or starved is made again; an answer that is at fault is not waited for."""

import os
import signal
import time
from pathlib import Path

import pytest

from evalsuite.bounded import Bounded, BoundedCrash, BoundedTimeout
from evalsuite.pipeline.worker import ATTEMPTS, with_retries


def note(folder: Path) -> int:
    """Count the calls of one test; they are made in processes of their own."""
    (folder / f"call{len(list(folder.iterdir()))}").touch()
    return len(list(folder.iterdir()))


def die_until(folder: Path, attempt: int) -> int:
    count = note(folder)
    if count < attempt:
        os.kill(os.getpid(), signal.SIGKILL)
    return count


def sleep_until(folder: Path, attempt: int) -> int:
    count = note(folder)
    if count < attempt:
        time.sleep(60)
    return count


def spin(folder: Path, _attempt: int) -> None:
    note(folder)
    while True:
        pass


def test_a_killed_call_is_made_again(tmp_path: Path) -> None:
    with Bounded(die_until) as bounded:
        assert with_retries(bounded)(tmp_path, ATTEMPTS) == ATTEMPTS


def test_a_call_that_dies_every_time_is_told(tmp_path: Path) -> None:
    with Bounded(die_until) as bounded, pytest.raises(BoundedCrash, match="SIGKILL"):
        with_retries(bounded)(tmp_path, 99)
    assert len(list(tmp_path.iterdir())) == ATTEMPTS


def test_a_call_that_was_given_no_processor_is_made_again(tmp_path: Path) -> None:
    with Bounded(sleep_until, seconds=0.5) as bounded:
        assert with_retries(bounded)(tmp_path, 2) == 2


def test_a_call_that_computes_too_long_is_made_once(tmp_path: Path) -> None:
    with Bounded(spin, seconds=0.6) as bounded, pytest.raises(BoundedTimeout):
        with_retries(bounded)(tmp_path, 0)
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_call_before_used_does_not_count(tmp_path: Path) -> None:
    def busy_then_sleep(number: int) -> int:
        began = time.process_time()
        while number == 0 and time.process_time() - began < 0.4:
            pass
        time.sleep(60 * number)
        return number

    with Bounded(busy_then_sleep, seconds=1.0) as bounded:
        assert bounded(0) == 0
        with pytest.raises(BoundedTimeout) as caught:
            bounded(1)
    assert caught.value.starved
