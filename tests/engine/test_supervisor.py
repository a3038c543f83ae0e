"""If main.py, the supervisor, the server or its worker is killed, no process and no private folder remains."""

import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.engine.process import SupervisedProcess, short_temporary_folder
from tests.support.sweeps import ROOT, kill, marked, until

# A server with a worker that ignores SIGTERM and runs in its own session, as vLLM's workers may.
SERVER = """
import os, signal, sys, time
worker = os.fork()
if worker == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1] + "/engine.sock", "w").close()
    while True: time.sleep(1)
open(sys.argv[1] + "/pids", "w").write(f"{os.getpid()} {worker}")
while len(sys.argv) < 3 or not os.path.exists(sys.argv[1] + "/end"): time.sleep(0.02)
sys.exit(int(sys.argv[2]))
"""
PARENT = """
import sys, time
from evalsuite.engine.process import SupervisedProcess
supervised = SupervisedProcess([sys.executable, "-c", sys.argv[1], "{folder}"])
print(supervised.folder, supervised.process.pid, flush=True)
time.sleep(600)
"""


def pids(folder: Path) -> tuple[int, int]:
    """The process IDs of the server and its worker, once both are running."""
    until(lambda: (folder / "engine.sock").exists() and (folder / "pids").exists() and (folder / "pids").read_text())
    server, worker = map(int, (folder / "pids").read_text().split())
    return server, worker


@pytest.mark.parametrize("victim", ["parent", "server", "worker"])
def test_nothing_remains_after_a_kill(victim: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    name, supervisor = parent.stdout.readline().split()
    folder = Path(name)
    server, worker = pids(folder)
    assert {server, worker, int(supervisor)} <= set(marked(name))
    kill({"parent": parent.pid, "server": server, "worker": worker}[victim])
    if victim == "worker":  # vLLM's server ends when its worker dies, but this one runs until its parent ends
        kill(parent.pid)
    until(lambda: not [pid for pid in marked(name) if pid != parent.pid])
    until(lambda: not folder.exists())
    kill(parent.pid)
    parent.wait()
    parent.stdout.close()


def test_stop_cleans_up_after_a_killed_supervisor() -> None:
    supervised = SupervisedProcess([sys.executable, "-c", SERVER, "{folder}"])
    pids(supervised.folder)
    kill(supervised.process.pid)
    until(lambda: supervised.exit_code is not None)
    supervised.stop()
    assert not marked(str(supervised.folder)) and not supervised.folder.exists()


def test_an_outer_supervisor_cleans_up_if_supervisor_and_parent_are_both_killed() -> None:
    program = PARENT.replace("supervised =", "outer = SupervisedProcess(); outer.watch_over_later_ones(); supervised =")
    parent = subprocess.Popen([sys.executable, "-c", program, SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    name, supervisor = parent.stdout.readline().split()
    outer = Path(name).parent
    others = Path((outer / "others").read_text())
    pids(Path(name))
    kill(int(supervisor))
    kill(parent.pid)
    parent.wait()
    parent.stdout.close()
    until(lambda: not marked(str(outer)) and not outer.exists() and not others.exists())


@pytest.mark.parametrize("code", [0, 3])
def test_a_servers_worker_ends_with_it_and_its_exit_code_is_passed_on(code: int) -> None:
    supervised = SupervisedProcess([sys.executable, "-c", SERVER, "{folder}", str(code)])
    pids(supervised.folder)
    (supervised.folder / "end").touch()
    until(lambda: supervised.exit_code is not None)
    assert supervised.exit_code == code and not marked(str(supervised.folder))
    supervised.stop()


def test_stop_ends_all_processes_though_none_would_end_by_itself() -> None:
    supervised = SupervisedProcess([sys.executable, "-c", SERVER, "{folder}"])
    pids(supervised.folder)
    supervised.stop()
    assert not marked(str(supervised.folder)) and not supervised.folder.exists()


def test_a_missing_command_fails_quickly_and_is_named_in_the_log(tmp_path: Path) -> None:
    supervised = SupervisedProcess([str(tmp_path / "no such python")], log=tmp_path / "log")
    until(lambda: supervised.exit_code is not None)
    supervised.stop()
    assert supervised.exit_code != 0 and "no such python" in (tmp_path / "log").read_text()


def test_the_folder_is_private_and_its_path_is_short_enough_for_a_socket() -> None:
    supervised = SupervisedProcess()
    assert supervised.folder.stat().st_mode & 0o777 == 0o700
    assert len(str(supervised.folder / "engine.sock")) < 100 and len(short_temporary_folder()) < 60
    supervised.stop()
    assert not supervised.folder.exists()
