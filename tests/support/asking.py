"""Run a generation to its end, with the fake engine or the fake server, and record what it did."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from evalsuite.engine.client import Endpoint, Request
from evalsuite.engine.server import Server
from evalsuite.errors import RunError
from evalsuite.experiment import Configuration, Experiment
from evalsuite.sweep.generate import Generation, Limits
from evalsuite.sweep.schedule import Item, Queue

CONFIGURATION = Configuration("w", "1", "d", temperature=0.8, top_p=0.9, max_new_tokens=400)
CHAT = replace(CONFIGURATION, endpoint="chat")


def items(count: int, configuration: Configuration = CONFIGURATION) -> list[Item]:
    """Requests for `count` sums. The prompt of problem 3 begins with "problem 3:", and so on."""
    made = []
    for number in range(count):
        text = f"problem {number}: {number} + 1"
        messages = ({"role": "user", "content": text},) if configuration.endpoint == "chat" else ()
        request = Request(f"p{number}", 0, number, 400, tuple(text.encode()), messages)
        made.append(Item(Experiment("m", "t", 0, configuration), configuration, request, 10.0))
    return made


@dataclass
class Outcome:
    """What a generation did."""

    done: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    error: Exception | None = None
    generation: Generation | None = None


def ask(
    wanted: list[Item],
    server: Server | None = None,
    endpoint: Endpoint | None = None,
    during: Callable[[Outcome], Awaitable[None]] | None = None,
    **limits: Any,
) -> Outcome:
    """Run a generation to its end, with `server` or `endpoint`. `during(outcome)` runs at the same time."""
    outcome = Outcome()

    def finish(item: Item, completion: Any) -> None:
        outcome.done.append(completion.problem)
        outcome.texts[completion.problem] = completion.text

    def fail(item: Item, reason: str) -> None:
        outcome.failed[item.request.problem] = reason

    async def go() -> None:
        queue = Queue(deque([list(wanted)]))
        if server is not None:
            server.launch()
            await server.ready()
        there = endpoint or Endpoint("http://engine", "fake")
        run = Generation(queue, there, Limits(**{"concurrency": 8} | limits), finish, fail, outcome.said.append, server)
        outcome.generation = run
        beside = asyncio.get_running_loop().create_task(during(outcome)) if during else None
        try:
            await run.run()
        except (RunError, asyncio.CancelledError) as error:
            outcome.error = error
        finally:
            if beside:
                beside.cancel()

    asyncio.run(go())
    return outcome


def names(count: int) -> list[str]:
    return sorted(f"p{number}" for number in range(count))
