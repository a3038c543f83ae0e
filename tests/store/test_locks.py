"""A lock has at most one holder, and a dead holder's lock is taken over."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evalsuite.errors import RunError
from evalsuite.store.locks import NAME, STALE_SECONDS, Locks
from tests.support.sweeps import ROOT, until

HOLDER = """
import sys, time
from pathlib import Path
from evalsuite.engine.process import SupervisedProcess
from evalsuite.store.locks import Locks
supervised = SupervisedProcess() if sys.argv[2] == "supervised" else None
locks = Locks(supervised.folder / "held" if supervised else None)
print(locks.acquire(Path(sys.argv[1])), supervised.folder if supervised else "", flush=True)
time.sleep(600)
"""
RACER = """
import sys, time
from pathlib import Path
from evalsuite.store.locks import Locks
folder, log = map(Path, sys.argv[1:])
locks = Locks()
print("ready", flush=True)
sys.stdin.readline()
for turn in range(20):
    while locks.acquire(folder) is not None:
        time.sleep(0.001)
    with log.open("a") as stream: stream.write("in\\n")
    time.sleep(0.002)
    with log.open("a") as stream: stream.write("out\\n")
    locks.release(folder)
"""


@contextmanager
def holder(folder: Path, how: str = "alone") -> Iterator[tuple[subprocess.Popen, str]]:
    """Another process that holds a folder's lock; yields it and its supervisor's folder."""
    command = [sys.executable, "-c", HOLDER, str(folder), how]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        answer, _, supervised = process.stdout.readline().strip().partition(" ")
        assert answer == "None"
        yield process, supervised
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def locks() -> Iterator[Locks]:
    mine = Locks()
    yield mine
    mine.release_all()


def elsewhere(folder: Path, age: float) -> None:
    """A lock held on another machine and last updated `age` seconds ago."""
    folder.mkdir(exist_ok=True)
    (folder / NAME).write_text(json.dumps({"host": "far", "machine": "far/1", "pid": os.getpid(), "id": "x"}))
    then = time.time() - age
    os.utime(folder / NAME, (then, then))


def test_the_lock_of_a_living_process_is_refused_with_its_process_id(tmp_path: Path, locks: Locks) -> None:
    with holder(tmp_path / "e") as (process, _):
        assert f"process {process.pid}" in locks.acquire(tmp_path / "e")


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path, locks: Locks) -> None:
    with holder(tmp_path / "e") as (process, _):
        process.kill()
        process.wait()
        assert (tmp_path / "e" / NAME).exists() and locks.acquire(tmp_path / "e") is None


def test_a_process_that_reuses_the_holders_id_does_not_keep_the_lock(tmp_path: Path, locks: Locks) -> None:
    (tmp_path / NAME).write_text(json.dumps(locks.me | {"id": "old", "start": "1"}))
    assert locks.acquire(tmp_path) is None


def test_another_machines_lock_is_respected_until_it_is_stale(tmp_path: Path, locks: Locks) -> None:
    elsewhere(tmp_path / "fresh", STALE_SECONDS / 2)
    elsewhere(tmp_path / "stale", STALE_SECONDS * 2)
    assert "far" in locks.acquire(tmp_path / "fresh")
    assert locks.acquire(tmp_path / "stale") is None


def test_another_container_on_this_host_counts_as_another_machine(tmp_path: Path, locks: Locks) -> None:
    tmp_path.joinpath(NAME).write_text(json.dumps(locks.me | {"id": "x", "machine": "another", "pid": 2**22 + 1}))
    assert locks.acquire(tmp_path) is not None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"pid": "x"}', '{"machine": null}'])
def test_an_old_damaged_lock_is_taken_over(tmp_path: Path, locks: Locks, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    os.utime(tmp_path / NAME, (1, 1))
    assert locks.acquire(tmp_path) is None


def test_release_frees_the_lock_and_leaves_no_file(tmp_path: Path, locks: Locks) -> None:
    other = Locks()
    (tmp_path / "kept").touch()
    assert locks.acquire(tmp_path) is None and other.acquire(tmp_path) is not None
    locks.release(tmp_path)
    assert other.acquire(tmp_path) is None
    other.release_all()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_release_does_not_remove_a_lock_that_was_taken_over(tmp_path: Path, locks: Locks) -> None:
    assert locks.acquire(tmp_path) is None
    elsewhere(tmp_path, 0)
    locks.release(tmp_path)
    assert json.loads((tmp_path / NAME).read_text())["host"] == "far"


def test_a_folder_that_cannot_be_created_is_a_run_error(tmp_path: Path, locks: Locks) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot lock"):
        locks.acquire(tmp_path / "file")


def test_racing_processes_never_hold_a_lock_together(tmp_path: Path) -> None:
    folder, log = tmp_path / "e", tmp_path / "log"
    elsewhere(folder, STALE_SECONDS * 2)  # so that the race begins with taking over a dead holder's lock
    (folder / "kept").touch()
    command = [sys.executable, "-c", RACER, str(folder), str(log)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(4)]
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 4
    for racer in racers:
        print("go", file=racer.stdin, flush=True)
    assert [racer.wait(600) for racer in racers] == [0] * 4
    assert log.read_text().split() == ["in", "out"] * 20 * 4
    assert sorted(path.name for path in folder.iterdir()) == ["kept"]


def test_a_dead_holders_lock_goes_to_exactly_one_of_many(tmp_path: Path) -> None:
    """Each thread has its own Locks, as if it were another host."""
    from concurrent.futures import ThreadPoolExecutor

    takers = [Locks() for _ in range(8)]
    for turn in range(60):
        folder = tmp_path / str(turn)
        elsewhere(folder, STALE_SECONDS * 2)
        with ThreadPoolExecutor(len(takers)) as pool:
            got = list(pool.map(lambda taker, folder=folder: taker.acquire(folder), takers))
        assert got.count(None) == 1, got
    for taker in takers:
        taker.release_all()


def test_the_supervisor_of_a_killed_holder_removes_its_lock(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with holder(tmp_path, "supervised") as (process, folder):
        assert (tmp_path / NAME).exists() and Path(folder).is_dir()
        process.send_signal(signal.SIGKILL)
        until(lambda: not Path(folder).exists())  # the last that it removes
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_the_supervisor_does_not_remove_a_lock_that_was_taken_over(tmp_path: Path) -> None:
    with holder(tmp_path, "supervised") as (process, folder):
        elsewhere(tmp_path, 0)
        process.send_signal(signal.SIGKILL)
        until(lambda: not Path(folder).exists())
    assert json.loads((tmp_path / NAME).read_text())["host"] == "far"
