"""Generation with a server that is already running: what is retried, what is given up, what is never sent."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalsuite.engine.client import Endpoint
from evalsuite.engine.endpoint import keepalive_socket
from evalsuite.errors import RunError
from evalsuite.experiment import Configuration
from evalsuite.sweep import generate
from evalsuite.sweep.generate import Broken, Generation, Limits
from evalsuite.sweep.schedule import Item, Queue
from tests.support.asking import CHAT, CONFIGURATION, Outcome, ask, items, names
from tests.support.sweeps import Fake, running_server

pytestmark = pytest.mark.slow


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "fake")


@pytest.fixture
def hosted(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """A server that is already running."""
    monkeypatch.setattr(generate, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(generate, "WATCH_SECONDS", 0.1)
    with running_server(fake) as url:
        yield Endpoint(url, "fake", eos_texts=("<end>",), attempts=3)


def test_a_hanging_server_ends_the_run_and_fails_no_request(hosted: Endpoint, fake: Fake) -> None:
    fake.tell(hang=True)
    outcome = ask(items(6), endpoint=hosted, stall_seconds=0.6)
    assert "no token from any request" in str(outcome.error) and "kept" in str(outcome.error)
    assert not outcome.failed


def test_a_slow_server_does_not_count_as_hanging_while_tokens_arrive(
    hosted: Endpoint, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that each completion puts 50 seconds forward, so that they take longer together than may be silent."""
    shown: list[Outcome] = []
    passed = lambda: 50 * len(shown[0].done) if shown else 0  # noqa: E731
    monkeypatch.setattr(generate, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed()))

    async def look(outcome: Outcome) -> None:
        shown.append(outcome)
        while len(outcome.done) < 4:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # in which it looks whether the server hangs
        fake.tell()

    fake.tell(hold={"id": 1, "count": 4})
    outcome = ask(items(8), endpoint=replace(hosted, stream=True), during=look, concurrency=1, stall_seconds=60.0)
    assert sorted(outcome.done) == names(8)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_requests_are_retried_if_the_server_is_busy(hosted: Endpoint, fake: Fake, status: int) -> None:
    fake.tell(burst={"id": 1, "status": status, "count": 8})  # fewer than the times that one request is sent
    outcome = ask(items(8), endpoint=hosted)
    assert sorted(outcome.done) == names(8) and not outcome.failed and outcome.generation.counters.retries >= 5


def test_tokens_that_the_server_generated_before_are_not_counted(
    hosted: Endpoint, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(items(8), endpoint=hosted).generation.counters.tokens > 0

    async def look(outcome: Outcome) -> None:
        counters = outcome.generation.counters
        while counters.running is None:  # until the server's counters were read
            await asyncio.sleep(0.01)
        fake.tell(hold={"id": 1, "count": 4})
        while not counters.engine_tokens:
            await asyncio.sleep(0.01)
        fake.tell()

    fake.tell(hang=True)
    counters = ask(items(8), endpoint=hosted, during=look, concurrency=1).generation.counters
    assert 0 < counters.engine_tokens <= counters.tokens


def test_requests_are_retried_after_dropped_connections_and_incomplete_streams(hosted: Endpoint, fake: Fake) -> None:
    fake.tell(drop={"id": 1, "count": 6})
    assert sorted(ask(items(8), endpoint=hosted).done) == names(8)
    asked = len(fake.bodies)
    fake.tell(cut={"id": 1, "count": 8})
    outcome = ask(items(8), endpoint=replace(hosted, stream=True))
    assert sorted(outcome.done) == names(8) and len(fake.bodies) - asked == 8 + 8
    assert all("boxed" in text for text in outcome.texts.values())


def test_an_aborted_answer_is_not_a_completion(hosted: Endpoint, fake: Fake) -> None:
    fake.tell(abort_on="problem 3:")
    outcome = ask(items(8), endpoint=replace(hosted, attempts=1))
    assert sorted(outcome.done) == [name for name in names(8) if name != "p3"]
    assert "aborted its answer" in outcome.failed["p3"]


def test_connections_have_keepalive_probes() -> None:
    info = socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)[0]
    with keepalive_socket(info) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


def test_a_server_that_is_gone_ends_the_run_and_fails_no_request(fake: Fake, monkeypatch) -> None:
    monkeypatch.setattr(generate, "SETTLE_SECONDS", 0.05)
    with running_server(fake) as url:
        endpoint = Endpoint(url, "fake", attempts=1)
    outcome = ask(items(8), endpoint=endpoint, stall_seconds=0.5)
    assert "does not answer" in str(outcome.error) and not outcome.failed and "\n" not in str(outcome.error)


def test_the_run_waits_for_a_server_that_comes_back(fake: Fake, monkeypatch) -> None:
    monkeypatch.setattr(generate, "SETTLE_SECONDS", 0.05)
    with running_server(fake) as url:
        fake.tell(refuse={"status": 503, "text": "starting"})

        async def heal(outcome: Outcome) -> None:
            while len(fake.bodies) < 16:  # fewer than the times that one request is sent
                await asyncio.sleep(0.01)
            fake.tell()

        outcome = ask(items(8), endpoint=Endpoint(url, "fake", attempts=6), during=heal, stall_seconds=20.0)
    assert sorted(outcome.done) == names(8) and not outcome.failed


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("configuration", [CONFIGURATION, CHAT], ids=["completions", "chat"])
def test_a_strict_server_gets_only_openais_fields(
    hosted: Endpoint, fake: Fake, configuration: Configuration, stream: bool
) -> None:
    fake.tell(strict=True)
    chat = configuration.endpoint == "chat"
    outcome = ask(items(20, configuration), endpoint=replace(hosted, chat=chat, stream=stream))
    assert sorted(outcome.done) == names(20) and not outcome.failed
    assert len([line for line in outcome.said if "only OpenAI's fields" in line]) == 1
    assert len(fake.bodies) <= 20 + 8 and "top_k" not in fake.bodies[-1] and "temperature" in fake.bodies[-1]


@pytest.mark.parametrize(
    ("changes", "flag"),
    [({"top_k": 20}, "--top_k 20"), ({"min_p": 0.1}, "--min_p 0.1"), ({"repetition_penalty": 1.1}, "--repetition_pen"),
     ({"endpoint": "chat", "chat_template_kwargs": '{"enable_thinking": false}'}, "--chat_template_kwargs")],
)  # fmt: skip
def test_a_sampling_flag_that_a_strict_server_rejects_is_an_error(
    hosted: Endpoint, fake: Fake, changes: dict, flag: str
) -> None:
    fake.tell(strict=True)
    configuration = replace(CONFIGURATION, **changes)
    outcome = ask(items(6, configuration), endpoint=replace(hosted, chat=configuration.endpoint == "chat"))
    assert flag in str(outcome.error) and "Unknown parameter" in str(outcome.error) and not outcome.done


def test_a_refused_request_does_not_make_the_server_strict(hosted: Endpoint, fake: Fake) -> None:
    fake.tell(refuse={"status": 400, "text": "prompt too long", "on": "problem 3:"})
    outcome = ask(items(12), endpoint=hosted)
    assert list(outcome.failed) == ["p3"] and "too long" in outcome.failed["p3"]
    assert "top_k" in fake.bodies[-1] and len(outcome.done) == 11


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_name_ends_the_run_and_is_not_printed(hosted: Endpoint, fake: Fake, status: int) -> None:
    fake.tell(refuse={"status": status, "text": "bad key sk-verysecret"})
    outcome = ask(items(50), endpoint=replace(hosted, authorization="Bearer sk-verysecret"))
    assert "refuses to answer" in str(outcome.error) and not outcome.failed
    assert "verysecret" not in str(outcome.error) and len(fake.bodies) <= 8
    assert fake.events("request")[0]["authorization"] == "Bearer sk-verysecret"


def test_a_server_that_never_answers_in_json_ends_the_run(hosted: Endpoint, fake: Fake) -> None:
    fake.tell(garbage=True)
    outcome = ask(items(5), endpoint=replace(hosted, attempts=1))
    assert "none of 5 requests" in str(outcome.error) and "not JSON" in str(outcome.error)


@pytest.mark.parametrize("fault", ["empty", "truncated"])
def test_a_broken_model_ends_the_run_and_its_answers_are_kept(hosted: Endpoint, fake: Fake, fault: str) -> None:
    fake.tell(empty=fault == "empty")
    wanted = items(60)
    if fault == "truncated":
        wanted = [replace(item, request=replace(item.request, max_tokens=5)) for item in wanted]
    outcome = ask(wanted, endpoint=hosted)
    assert isinstance(outcome.error, Broken) and "allow_broken" in str(outcome.error)
    assert 20 <= len(outcome.done) < 60
    assert len(ask(wanted, endpoint=hosted, allow_broken=True).done) == 60


def test_a_full_disk_ends_the_run(hosted: Endpoint) -> None:
    def full(item: Item, completion: Any) -> None:
        raise RunError("cannot write")

    async def go() -> None:
        run = Generation(Queue(deque([items(9)])), hosted, Limits(), full, lambda *_: None, print)
        await run.run()

    with pytest.raises(RunError, match="cannot write"):
        asyncio.run(go())


def test_cancelling_waits_for_no_answer_and_leaves_no_request(hosted: Endpoint, fake: Fake) -> None:
    async def go() -> int:
        run = Generation(Queue(deque([items(9)])), hosted, Limits(), lambda *_: None, lambda *_: None, print)
        task = asyncio.get_running_loop().create_task(run.run())
        while len(fake.bodies) < 8:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks())

    fake.tell(hang=True)
    assert asyncio.run(go()) == 1
