"""Workers are kept for the task that they have graded, replaced for another task or if killed, and end with us."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalsuite.errors import RunError
from evalsuite.pipeline.pool import Workers
from tests.support.calls import shared_forkserver
from tests.support.sweeps import kill, until

pytestmark = pytest.mark.slow

EVAL, PID = "builtins:eval", "__import__('os').getpid()"


@pytest.fixture
def workers() -> Iterator[Workers]:
    with shared_forkserver():
        made = Workers(1)
        made.warm_up()
        yield made
        made.kill()


def gone(pid: int) -> bool:
    return not os.path.exists(f"/proc/{pid}")


def test_a_worker_stays_for_its_task_and_for_nothing_else(workers: Workers, tmp_path: Path) -> None:
    async def calls() -> None:
        async def ask(purpose: str = "", what: str = PID) -> int:
            return await workers.call(EVAL, what, tmp_path / "log", purpose)

        first = await ask("one")
        assert await ask("one") == first
        other = await ask("two")
        assert other != first and gone(first)  # it was replaced
        kill(other)
        until(lambda: gone(other))
        again = await ask("two")
        assert again != other and await ask("two") == again
        with pytest.raises(RunError, match="ZeroDivisionError"):
            await ask("two", "1 / 0")
        assert gone(again)  # after an unexpected error, its state cannot be trusted
        assert gone(await ask())

    asyncio.run(calls())
    assert not workers.living


def test_a_worker_that_dies_every_time_is_given_up(workers: Workers, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="was killed"):
        asyncio.run(workers.call(EVAL, "__import__('os').kill(__import__('os').getpid(), 9)", tmp_path / "log", "one"))
    assert not workers.living
