"""The journal keeps every appended completion through kills, torn writes and packing."""

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.errors import RunError
from evalsuite.store.journal import SYNC_SECONDS, Completion, Journal, Syncer, parse
from tests.support.sweeps import ROOT, until

HOSTILE = "\x00\x1b[31m \ud800 \u2028 \r\n \\boxed{7} " + "x" * 100_000
WRITER = """
import sys
from pathlib import Path
from evalsuite.store.journal import Completion, Journal
journal = Journal(Path(sys.argv[1]))
for number in range(10**6):
    journal.append(Completion(f"p{number}", 0, "word " * (number % 97), "stop", 3, 5, tuple(range(number % 31))))
    print(number, flush=True)
"""


def completion(number: int = 0, text: str = "seven", **more: object) -> Completion:
    return Completion(f"p{number}", 0, text, "stop", 3, 5, (1, 2, 3), **more)


def filled(folder: Path, count: int = 3) -> Journal:
    journal = Journal(folder)
    for number in range(count):
        journal.append(completion(number))
    return journal


def test_a_completion_is_in_the_file_as_soon_as_append_returns(tmp_path: Path) -> None:
    journal = filled(tmp_path, 1)
    assert [one.problem for one in Journal(tmp_path).read()] == ["p0"]
    journal.append(completion(1))
    assert len((tmp_path / "completions.jsonl").read_bytes().splitlines()) == 2


def test_hostile_text_is_read_back_unchanged(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(completion(0, HOSTILE, reasoning="\udfff", request_seed=2**31 - 1))
    journal.append(completion(1))
    assert list(journal.read()) == [completion(0, HOSTILE, reasoning="\udfff", request_seed=2**31 - 1), completion(1)]
    journal.close()
    journal.pack()
    assert next(iter(journal.read())).text == HOSTILE


def test_everything_that_a_killed_process_appended_is_kept(tmp_path: Path) -> None:
    dice = random.Random(3)
    for kill in range(4):
        folder = tmp_path / str(kill)
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE)
        said = [int(process.stdout.readline()) for _ in range(dice.randrange(1, 4000))]
        process.send_signal(signal.SIGKILL)
        said += [int(line) for line in process.stdout.read().split(b"\n")[:-1]]
        process.wait()
        journal = Journal(folder)
        kept = [one.problem for one in journal.read()]
        assert kept == [f"p{number}" for number in range(len(kept))] and len(kept) > max(said)
        assert journal.torn <= 1


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_last_line_is_counted_and_removed_before_the_next_line(tmp_path: Path, cut: int) -> None:
    filled(tmp_path).close()
    path = tmp_path / "completions.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    journal = Journal(tmp_path)
    assert [one.problem for one in journal.read()] == ["p0", "p1"] and journal.torn == 1
    journal.append(completion(9))
    assert [one.problem for one in journal.read()] == ["p0", "p1", "p9"] and journal.torn == 0


def test_appending_works_after_an_empty_or_entirely_torn_file(tmp_path: Path) -> None:
    path = tmp_path / "completions.jsonl"
    for content in (b"", b'{"problem": "p', b"\0" * 200_000):
        path.write_bytes(content)
        journal = Journal(tmp_path)
        assert not list(journal.read()) and journal.torn == bool(content)
        journal.append(completion(4))
        assert [one.problem for one in journal.read()] == ["p4"] and journal.torn == 0
        journal.close()


def test_of_two_completions_of_one_problem_the_first_counts(tmp_path: Path) -> None:
    journal = filled(tmp_path, 2)
    journal.append(completion(1, "another"))
    assert [one.text for one in journal.read()] == ["seven", "seven"]


def test_packing_keeps_every_completion_and_appending_still_works(tmp_path: Path) -> None:
    journal = filled(tmp_path, 50)
    journal.close()
    size = journal.live.stat().st_size
    journal.pack()
    assert not journal.live.exists() and journal.packed.stat().st_size < size / 3
    journal.append(completion(50))
    assert [one.problem for one in journal.read()] == [f"p{number}" for number in range(51)]
    journal.close()
    journal.pack()
    assert len(list(Journal(tmp_path).read())) == 51


def test_a_kill_between_packing_and_removing_the_live_file_duplicates_nothing(tmp_path: Path) -> None:
    journal = filled(tmp_path, 5)
    journal.close()
    live = journal.live.read_bytes()
    journal.pack()
    journal.live.write_bytes(live)
    assert len(list(journal.read())) == 5
    journal.pack()
    assert len(list(journal.read())) == 5 and not journal.live.exists()


def test_the_syncer_forces_appends_onto_the_disk_by_itself_every_half_second(tmp_path: Path, monkeypatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (real(handle), synced.append(handle))[0])
    syncer, journal = Syncer(), Journal(tmp_path)
    journal.append(completion())
    synced.clear()  # the new file itself is synced by whoever makes it
    syncer.touch(journal)
    until(lambda: synced)
    assert SYNC_SECONDS / 2 == 0.5
    syncer.stop()
    journal.close()


def test_a_failing_disk_is_a_run_error_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file where a folder should be")
    with pytest.raises(RunError, match=r"cannot write .*completions\.jsonl: .*run again"):
        Journal(tmp_path / "a").append(completion())


def test_a_full_disk_leaves_no_torn_line(tmp_path: Path) -> None:
    program = f"""
import resource, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.store.test_journal import *
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, -1))
journal = Journal(Path({str(tmp_path)!r}))
try:
    for number in range(100): journal.append(completion(number)); print(number, flush=True)
except RunError as error:
    print(error, file=sys.stderr); journal.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "cannot write" in done.stderr and "Traceback" not in done.stderr
    kept = [one.problem for one in Journal(tmp_path).read()]
    assert kept == [f"p{number}" for number in map(int, done.stdout.split())] and len(kept) > 2


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(sorted(asdict(completion()))) | st.text(), inner), max_leaves=12).map(
            lambda value: json.dumps(value).encode() + b"\n")))  # fmt: skip
def test_parse_never_raises(line: bytes) -> None:
    found = parse(line)
    assert found is None or isinstance(found, Completion)
