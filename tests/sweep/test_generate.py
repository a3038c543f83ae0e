"""Generation with our own engine survives crashes and hangs, and gets each completion exactly once."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from evalsuite.engine.command import EngineOptions
from evalsuite.engine.server import Server
from evalsuite.sweep import generate
from tests.support.asking import Outcome, ask, items, names
from tests.support.sweeps import FAKE_ENGINE, Fake, alive, kill, until

pytestmark = pytest.mark.slow


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "fake")


@pytest.fixture
def engine(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Our own engine, not started yet, with short pauses."""
    for name, value in fake.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(generate, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(generate, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(generate, "WATCH_SECONDS", 0.1)
    server = Server(EngineOptions("m", "fake", device="cpu", python=str(FAKE_ENGINE)), tmp_path / "engine.log")
    yield server
    server.stop()


DONE = 5  # requests that are answered in tests that kill something; all others wait
HOLD = {"id": 1, "count": DONE}


async def all_done(outcome: Outcome) -> None:
    """Wait for the answers that are not held."""
    while len(outcome.done) < DONE:
        await asyncio.sleep(0.001)


async def started_again(fake: Fake) -> None:
    """Wait for the engine's second start, then let it answer."""
    while len(fake.events("start")) < 2:
        await asyncio.sleep(0.01)
    fake.tell()


def test_every_request_is_answered_exactly_once(engine: Server, fake: Fake) -> None:
    outcome = ask(items(30), engine, concurrency=4)
    assert sorted(outcome.done) == names(30) and len(fake.bodies) == 30 and not outcome.failed


@pytest.mark.parametrize("victim", ["server", "worker"])
def test_a_killed_engine_is_restarted_and_gets_the_remaining_requests(engine: Server, fake: Fake, victim: str) -> None:
    async def murder(outcome: Outcome) -> None:
        await all_done(outcome)
        kill(fake.events("start" if victim == "server" else "worker")[-1]["pid"])
        await started_again(fake)

    fake.tell(hold=HOLD)
    outcome = ask(items(30), engine, during=murder)
    assert sorted(outcome.done) == names(30) and not outcome.failed
    assert len(fake.events("start")) == 2 and len(fake.bodies) <= 30 + 8
    assert len([line for line in outcome.said if line.startswith("engine: exit code")]) == 1


def test_answers_do_not_depend_on_crashes(engine: Server, fake: Fake) -> None:
    undisturbed = ask(items(12), engine)
    fake.tell(kill_on="problem 5:")
    disturbed = ask(items(12), engine)
    left = {name: text for name, text in undisturbed.texts.items() if name != "p5"}
    assert disturbed.texts == left


@pytest.mark.parametrize("count", [1, 2, 40])
def test_a_request_that_crashes_the_engine_is_found_and_the_others_are_answered(
    engine: Server, fake: Fake, count: int
) -> None:
    fake.tell(kill_on="problem 0:", latency=0.02)
    outcome = ask(items(count), engine, concurrency=16)
    if count == 1:
        assert "the engine crashed twice" in outcome.failed["p0"] and not outcome.done
        return
    assert list(outcome.failed) == ["p0"] and "the engine crashed twice" in outcome.failed["p0"]
    assert sorted(outcome.done) == names(count)[1:]
    assert max(Counter(outcome.done).values()) == 1 and len(fake.events("start")) <= 12
    assert len([line for line in outcome.said if "died" in line]) == 1  # the cause is printed once


def test_several_crashing_requests_are_found_even_before_anything_is_answered(engine: Server, fake: Fake) -> None:
    fake.tell(kill_on=" 7")  # problems 7, 70 to 79: the first batch crashes the engine
    wanted = [item for item in items(80) if item.request.problem in ("p7", "p71", "p30", "p31", "p32", "p33", "p34")]
    outcome = ask(wanted, engine, concurrency=7)
    assert sorted(outcome.failed) == ["p7", "p71"] and len(outcome.done) == 5


def test_the_run_gives_up_on_an_engine_that_every_request_crashes(engine: Server, fake: Fake) -> None:
    fake.tell(kill_on="problem")
    outcome = ask(items(40), engine, concurrency=16)
    assert "died repeatedly" in str(outcome.error) and len(fake.events("start")) <= 8
    assert not outcome.done and len(outcome.failed) <= 2


def test_the_run_gives_up_on_an_engine_that_cannot_restart_after_growing_pauses(
    engine: Server, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, slept, sleep = 0.0123, [], asyncio.sleep  # a pause that nothing else makes
    monkeypatch.setattr(generate, "FIRST_PAUSE", first)
    monkeypatch.setattr(asyncio, "sleep", lambda seconds, *more: (slept.append(seconds), sleep(seconds, *more))[1])

    async def break_it(outcome: Outcome) -> None:
        await all_done(outcome)
        fake.tell(hold=HOLD, fail_start="torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB")
        kill(fake.events("worker")[-1]["pid"])

    fake.tell(hold=HOLD)
    outcome = ask(items(40), engine, during=break_it, restarts=3)
    pauses = [one for one in slept if one / first in (1, 2, 4, 8, 16)]
    assert "died repeatedly" in str(outcome.error) and "lower --gpu_memory_utilization" in str(outcome.error)
    assert len(fake.events("start")) == 1 + 3 and [b / a for a, b in pairwise(pauses)] == [2, 2]
    assert "\n" not in str(outcome.error)


def test_a_hanging_engine_is_restarted(engine: Server, fake: Fake) -> None:
    fake.tell(hang=True)
    outcome = ask(items(6), engine, during=lambda outcome: started_again(fake), stall_seconds=5.0)
    assert sorted(outcome.done) == names(6) and any("no token" in line for line in outcome.said)


def test_after_its_supervisor_is_killed_nothing_of_the_engine_remains(engine: Server, fake: Fake) -> None:
    async def murder(outcome: Outcome) -> None:
        await all_done(outcome)
        kill(engine._process.process.pid)
        await started_again(fake)

    fake.tell(hold=HOLD)
    outcome = ask(items(24), engine, during=murder)
    assert sorted(outcome.done) == names(24)
    first = [fake.events(kind)[0]["pid"] for kind in ("start", "worker")]
    until(lambda: not any(map(alive, first)))
