"""Worker processes: one that dies costs only its own file, and none outlives its parent."""

import os
import signal
import subprocess
import sys

import pytest

from evalsuite.convert import workers
from evalsuite.convert.workers import Died, run_in_processes
from tests.support.sweeps import ROOT, alive, until


def double_or_die(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        os._exit(7)
    return 2 * number


def raise_error(number):
    raise LookupError(f"no {number}")


def hold(path):
    """Keep a file until the process is told to stop, however long it then has to wait for the processor."""
    workers._GRACE_SECONDS = 600.0
    try:
        open(path, "w").close()
        while True:
            signal.pause()
    finally:
        os.unlink(path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_process_that_dies_costs_only_its_own_item(jobs):
    found = dict(run_in_processes(range(12), double_or_die, jobs))
    assert {item: value for item, value in found.items() if not isinstance(value, Died)} == {
        number: 2 * number for number in range(12) if number not in (3, 5)
    }
    assert found[3] == Died("the process converting it was killed by SIGKILL (out of memory?)")
    assert found[5] == Died("the process converting it ended with code 7")


def test_an_empty_list_of_items_gives_no_results():
    assert list(run_in_processes([], double_or_die, 4)) == []


def test_an_exception_in_the_work_is_raised_in_the_parent():
    with pytest.raises(LookupError, match="no 1"):
        list(run_in_processes([1], raise_error, 1))


def test_closing_the_iterator_stops_the_processes_and_lets_them_clean_up(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_GRACE_SECONDS", 600.0)
    paths = [str(tmp_path / name) for name in "ab"]
    found = run_in_processes([3, *paths], die_or_hold, 3)
    assert isinstance(next(found)[1], Died)
    until(lambda: len(os.listdir(tmp_path)) == 2)
    found.close()
    assert not os.listdir(tmp_path)


def die_or_hold(item):
    return double_or_die(item) if isinstance(item, int) else hold(item)


PARENT = """
import sys
from tests.convert.test_workers import hold, run_in_processes
list(run_in_processes(sys.argv[1:], hold, 2))
"""


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def test_a_parent_that_is_killed_leaves_no_process_and_no_file(tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *paths], cwd=ROOT, env=environment)
    until(lambda: len(os.listdir(tmp_path)) == 2)
    below = [pid for child in children(parent.pid) for pid in [child, *children(child)]]
    assert len(below) >= 3  # the fork server and the two workers
    parent.kill()
    parent.wait()
    until(lambda: not os.listdir(tmp_path) and not any(map(alive, below)))
