"""Bounded calls return results and errors; hostile ones end only their own process; nothing outlives the caller."""

import os
import signal
import subprocess
import sys
import time

import pytest

from evalsuite.bounded import Bounded, BoundedCrash, BoundedMemory, BoundedTimeout
from tests.support.sweeps import ROOT, alive, until


def test_results_come_back_from_another_process():
    with Bounded(lambda x, y=1: (os.getpid(), x + y)) as bounded:
        pid, total = bounded(2, y=3)
        assert (total, bounded(2)[1]) == (5, 3)
        assert pid != os.getpid() and bounded(0)[0] == pid


def test_exceptions_are_raised_unchanged():
    with Bounded(lambda: {}["missing"]) as bounded, pytest.raises(KeyError, match="missing"):
        bounded()


def test_an_exception_that_cannot_be_pickled_is_described():
    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__("odd one")

    def fail():
        raise Odd(1, 2)

    with Bounded(fail) as bounded, pytest.raises(BoundedCrash, match="Odd: odd one"):
        bounded()


def test_a_call_that_takes_too_long_is_killed_and_the_next_one_works():
    with Bounded(time.sleep, seconds=0.2) as bounded:
        with pytest.raises(BoundedTimeout, match=r"0\.2 s"):
            bounded(3600)
        bounded.seconds = 600.0
        assert bounded(0) is None


def test_a_call_that_needs_too_much_memory_fails_and_the_next_one_works():
    with Bounded(lambda n: len(bytearray(n)), memory_bytes=64 << 20) as bounded:
        with pytest.raises(BoundedMemory, match=str(64 << 20)):
            bounded(1 << 30)
        assert bounded(1 << 20) == 1 << 20


def test_a_crash_is_reported_with_its_signal_and_the_next_call_works():
    with Bounded(lambda die: os.kill(os.getpid(), signal.SIGXCPU) if die else "fine") as bounded:
        with pytest.raises(BoundedCrash, match="SIGXCPU"):
            bounded(True)
        assert bounded(False) == "fine"


def test_descendants_of_a_killed_call_die_even_in_their_own_sessions(tmp_path):
    note = tmp_path / "pid"

    def spawn():
        child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
        note.write_text(f"{child.pid}\n")
        time.sleep(3600)

    with Bounded(spawn, seconds=600.0) as bounded, pytest.raises(BoundedTimeout):
        bounded.submit()
        until(lambda: note.exists() and note.read_text().endswith("\n"))
        bounded.deadline = 0.0  # the time is over
        bounded.result()
    assert not alive(int(note.read_text()))


def test_nothing_outlives_a_killed_caller(tmp_path):
    note = tmp_path / "pids"
    program = (
        "import os, subprocess, time\n"
        "from evalsuite.bounded import Bounded\n"
        "def work():\n"
        "    child = subprocess.Popen(['sleep', '3600'], start_new_session=True)\n"
        f"    open({str(note)!r}, 'w').write(f'{{os.getppid()}} {{os.getpid()}} {{child.pid}}\\n')\n"
        "    while True: pass\n"
        "Bounded(work, seconds=600)()\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    until(lambda: note.exists() and note.read_text().endswith("\n"))
    caller.kill()
    caller.wait()
    pids = [int(pid) for pid in note.read_text().split()]
    assert len(pids) == 3
    until(lambda: not any(map(alive, pids)))


def test_the_result_of_an_interrupted_call_is_not_taken_for_that_of_the_next():
    def interrupt(*_):
        raise KeyboardInterrupt

    def answer(text):
        if text == "old":
            os.kill(caller, signal.SIGALRM)
            time.sleep(1.0)  # so that the caller is interrupted first
        return text

    caller, before = os.getpid(), signal.signal(signal.SIGALRM, interrupt)
    try:
        with Bounded(answer) as bounded:
            with pytest.raises(KeyboardInterrupt):
                bounded("old")
            assert bounded("new") == "new"
    finally:
        signal.signal(signal.SIGALRM, before)


def test_one_can_be_closed_while_another_that_started_later_is_used():
    first, second = Bounded(abs), Bounded(abs)
    assert first(-1) == second(-1) == 1
    first.close()
    assert second(-2) == 2
    second.close()


def test_arguments_and_results_may_be_large():
    with Bounded(lambda text: text * 2) as bounded:
        assert len(bounded("x" * 5_000_000)) == 10_000_000


def test_a_call_costs_well_under_a_millisecond_of_cpu_time():
    with Bounded(abs) as bounded:
        bounded(-1)
        started = time.process_time()
        for _ in range(500):
            bounded(-1)
        assert (time.process_time() - started) / 500 < 1e-3


def test_closing_twice_and_before_any_call_is_fine():
    bounded = Bounded(abs)
    bounded.close()
    assert bounded(-3) == 3
    bounded.close()
    bounded.close()
