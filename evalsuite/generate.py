"""The fused queue at work: keeps the engine full, journals each completion, outlives the engine's death."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from evalsuite.engine.client import Client, Endpoint, RefusedError, TransientError, generated_tokens
from evalsuite.engine.server import EngineDied, Server
from evalsuite.errors import RunError
from evalsuite.files import printable
from evalsuite.journal import Completion
from evalsuite.schedule import Item, Queue

WATCH_SECONDS = 2.0
BROKEN_AFTER = 20  # completions that are looked at before a model is called broken
BROKEN_SHARE = 0.9
TRIES = 3  # of a request whose connection broke, each with the client's own retries


class Stalled(Exception):
    """No token came from any request for too long."""


class Broken(RunError):
    """Nearly all first answers are empty or cut off."""


@dataclass
class Limits:
    """When to give up: engine restarts in a row without progress, seconds without a token, broken models."""

    restarts: int = 5
    stall_seconds: float = 600.0
    allow_broken: bool = False
    concurrency: int = 256


@dataclass
class Counters:
    """What the progress display shows. Tokens are generated ones; `engine_*` come from the server's own counters."""

    completions: int = 0
    tokens: int = 0
    empty_or_cut: int = 0
    restarts: int = 0
    retries: int = 0
    engine_tokens: float = 0.0
    running: float | None = None
    waiting: float | None = None
    began: float = field(default_factory=time.monotonic)


class Generation:
    """Asks for all items of a queue. `finish(item, completion)` is called the moment one is there."""

    def __init__(
        self,
        queue: Queue,
        endpoint: Endpoint,
        limits: Limits,
        finish: Callable[[Item, Completion], None],
        fail: Callable[[Item, str], None],
        say: Callable[[str], None],
        server: Server | None = None,
        request_seconds: float | None = None,
    ) -> None:
        self.queue, self.endpoint, self.limits, self.server = queue, endpoint, limits, server
        self.finish, self.fail, self.say = finish, fail, say
        self.request_seconds = request_seconds
        self.counters = Counters()
        self.in_flight: dict[int, Item] = {}
        self.suspects: list[list[Item]] = []  # groups that run alone, to find a request that kills the engine
        self._barren = 0  # restarts in a row without a completion
        self._said: set[str] = set()
        self._last_token = time.monotonic()

    async def run(self) -> None:
        """Return when every item is finished or failed. Raises RunError when the engine cannot be kept alive."""
        while self.suspects or self.in_flight or len(self.queue):
            source = queue_of(self.suspects.pop()) if self.suspects else self.queue
            had = self.counters.completions
            try:
                await self._serve(source)
            except BaseExceptionGroup as group:
                error = _most_telling(group)
                if not isinstance(error, EngineDied | Stalled):
                    raise error from None
                if source is not self.queue and len(source):
                    self.suspects.append(source.rest())
                await self._after_death(error, self.counters.completions > had)

    async def _serve(self, source: Queue) -> None:
        """Ask for all of `source` over one life of the server. Raises an exception group when that ends."""
        connector = self.server.connector() if self.server else aiohttp.TCPConnector(limit=0)
        self._last_token = time.monotonic()
        async with aiohttp.ClientSession(connector=connector, read_bufsize=1 << 20) as session:
            client = Client(session, self.endpoint, self.request_seconds)
            client.on_tokens = self._on_tokens
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(self._watch(session))
                count = min(self.limits.concurrency, len(source))
                workers = [tasks.create_task(self._work(client, source)) for _ in range(count)]
                await asyncio.gather(*workers)
                watch.cancel()

    def _on_tokens(self, count: int) -> None:
        self._last_token = time.monotonic()
        self.counters.engine_tokens += count

    async def _work(self, client: Client, source: Queue) -> None:
        while (item := source.pop()) is not None:
            self.in_flight[id(item)] = item
            await self._ask(client, source, item)
            del self.in_flight[id(item)]

    async def _ask(self, client: Client, source: Queue, item: Item) -> None:
        try:
            completion = await client.complete(item.request, item.configuration, retry=self.server is None)
        except RefusedError as error:
            self.fail(item, str(error))
        except TransientError as error:
            await self._after_failure(source, item, error)
        else:
            self._count(completion)
            self.finish(item, completion)
        self.counters.retries = client.retries

    async def _after_failure(self, source: Queue, item: Item, error: TransientError) -> None:
        """A broken connection: the engine's death, or this request's own bad luck."""
        if self.server is not None:
            await asyncio.sleep(1.0)  # a dying engine drops connections before its process ends
            if not self.server.alive:
                raise self.server.death()
        item.tries += 1
        if item.tries >= TRIES:
            self.fail(item, str(error))
        else:
            source.put_back([item])

    def _count(self, completion: Completion) -> None:
        counters = self.counters
        counters.completions += 1
        counters.tokens += completion.output_tokens
        counters.empty_or_cut += completion.finish_reason == "length" or not completion.text.strip()
        self._last_token = time.monotonic()
        broken = counters.empty_or_cut >= BROKEN_SHARE * BROKEN_AFTER
        if counters.completions == BROKEN_AFTER and broken and not self.limits.allow_broken:
            raise Broken(
                f"{counters.empty_or_cut} of the first {BROKEN_AFTER} answers are empty or cut off: the model, its "
                "template or --max_new_tokens is wrong; look at its journal, or go on with --allow_broken"
            )

    async def _watch(self, session: aiohttp.ClientSession) -> None:
        """Follow the engine: its counters, its death, its silence."""
        before = -1.0
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.server is not None and not self.server.alive:
                raise self.server.death()
            sums = await generated_tokens(session, self.endpoint)
            if sums is not None:
                self.counters.engine_tokens = sums["generation"]
                self.counters.running, self.counters.waiting = sums.get("running"), sums.get("waiting")
                if sums["generation"] != before:
                    before, self._last_token = sums["generation"], time.monotonic()
            silent = time.monotonic() - self._last_token
            if silent > self.limits.stall_seconds and (self.server or self.endpoint.stream or sums is not None):
                raise Stalled(f"no token from any request for {silent:.0f} s")

    async def _after_death(self, error: BaseException, progressed: bool) -> None:
        """Put back what was in flight, find out who kills the engine, start it again after a growing pause."""
        lost = list(self.in_flight.values())
        self.in_flight.clear()
        self._say_once(str(error))
        if self.server is None:
            raise RunError(f"the server at {self.endpoint.base_url} hangs: {error}; finished completions are kept")
        self._sort_out(lost)
        self._barren = 0 if progressed else self._barren + 1
        if self._barren > self.limits.restarts:
            raise RunError(f"the engine died {self._barren} times in a row without a completion; {_first_line(error)}")
        await asyncio.sleep(min(60.0, 0.5 * 2**self._barren))
        self.counters.restarts += 1
        self.server.launch()
        try:
            await self.server.ready()
        except EngineDied as again:
            await self._after_death(again, False)

    def _sort_out(self, lost: list[Item]) -> None:
        """Once dead: ask again. Twice dead with it: halve the suspects and run them apart until one stands alone."""
        for item in lost:
            item.deaths += 1
        alone = lost[0] if len(lost) == 1 else None
        if alone is not None:
            alone.deaths_alone += 1
            if alone.deaths_alone >= 2:
                self.fail(alone, "it alone killed the engine twice")
                return
        suspects = [item for item in lost if item.deaths >= 2]
        self.queue.put_back(item for item in lost if item.deaths < 2)
        half = (len(suspects) + 1) // 2
        self.suspects += [part for part in (suspects[half:], suspects[:half]) if part]

    def _say_once(self, reason: str) -> None:
        first = reason.splitlines()[0]
        if first not in self._said:
            self._said.add(first)
            self.say("engine: " + "\n".join(printable(line, 400) for line in reason.splitlines()))


def queue_of(items: list[Item]) -> Queue:
    """A queue of one group."""

    return Queue(deque([items]))


def _most_telling(group: BaseExceptionGroup) -> BaseException:
    """The exception that decides: a bug or a full disk before the engine's death, which can be mended."""
    return min(_leaves(group), key=lambda error: isinstance(error, EngineDied | Stalled))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]
