"""The fused queue at work: keeps the engine full, journals each completion, outlives the engine's death."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import aiohttp

from evalsuite.engine.client import Client, Endpoint, RefusedError, TransientError, unsupported_flag
from evalsuite.engine.endpoint import connector, is_healthy
from evalsuite.engine.endpoint import counters as counters_of
from evalsuite.engine.server import EngineDied, Server
from evalsuite.errors import RunError
from evalsuite.files import printable
from evalsuite.progress.status import Counters
from evalsuite.store.journal import Completion
from evalsuite.sweep.bisection import Bisection
from evalsuite.sweep.schedule import Item, Queue

WATCH_SECONDS = 2.0
SETTLE_SECONDS = 0.5  # between a broken connection and the question what became of the server
FIRST_PAUSE = 0.5  # before a restart; doubled with every death in a row that brought nothing
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
        self.bisection = Bisection(limits.restarts)
        self._asked, self._lost = len(queue), 0
        self._said: set[str] = set()
        self._last_token = time.monotonic()

    async def run(self) -> None:
        """Return when every item is finished or failed. Raises RunError when the engine cannot be kept alive."""
        while self.bisection.groups or len(self.queue):
            source = self.bisection.next_group() or self.queue
            try:
                await self._serve(source)
            except BaseExceptionGroup as group:
                error = _most_telling(group)
                if asyncio.current_task().cancelling():  # an interrupt in the moment of the engine's death
                    raise asyncio.CancelledError from None
                if not isinstance(error, EngineDied | Stalled):
                    raise error from None
                if source is not self.queue and len(source):
                    self.bisection.groups.append(source.rest())
                await self._after_death(error)

    async def _serve(self, source: Queue) -> None:
        """Ask for all of `source` over one life of the server. Raises an exception group when that ends."""
        there = self.server.connector() if self.server else connector()
        self._last_token = time.monotonic()
        async with aiohttp.ClientSession(connector=there, read_bufsize=1 << 20) as session:
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
            completion = await self._complete(client, item)
        except RefusedError as error:
            self._after_refusal(item, error)
        except TransientError as error:
            await self._after_failure(client, source, item, error)
        else:
            self.finish(item, completion)
            self._count(completion)
        self.counters.retries = client.retries

    async def _complete(self, client: Client, item: Item) -> Completion:
        """Ask; where a server refuses the very first requests, ask it with OpenAI's own fields alone."""
        strict, worked = client.endpoint.strict, self.bisection.worked
        try:
            return await client.complete(item.request, item.configuration, retry=self.server is None)
        except RefusedError as error:
            if strict or error.status not in (400, 422) or unsupported_flag(item.configuration) or self.server:
                raise
            if worked and not client.endpoint.strict:  # it took those fields before: this request is the matter
                raise
            completion = await client.complete(item.request, item.configuration, strict=True)
            self._say_once(f"the server rejects vLLM's own fields ({error}); from now on it gets only OpenAI's fields")
            self.endpoint = client.endpoint = replace(self.endpoint, strict=True)
            return completion

    def _after_refusal(self, item: Item, error: RefusedError) -> None:
        """Set one request aside; stop where the server refuses them all."""
        if error.status in (401, 402) or (error.status in (403, 404, 405) and not self.bisection.worked):
            where = self.endpoint.base_url
            raise RunError(f"{where} refuses to answer: {error}; check --api_key_env, --base_url and --served_model")
        flag = unsupported_flag(item.configuration)
        self._set_aside(item, f"{error}; does the server know {flag}?" if flag and not self.server else str(error))

    def _set_aside(self, item: Item, reason: str) -> None:
        """Give one request up; give all up where no request ever worked."""
        self._lost += 1
        if not self.bisection.worked and self._lost >= min(BROKEN_AFTER, self._asked):
            raise RunError(f"not one of {self._lost} requests was answered; the last: {reason}")
        self.fail(item, reason)

    async def _after_failure(self, client: Client, source: Queue, item: Item, error: TransientError) -> None:
        """A broken connection: the engine's death, a server that is away, or this request's own bad luck."""
        await asyncio.sleep(SETTLE_SECONDS)  # a dying engine drops connections before its process ends
        while not await is_healthy(client.session, self.endpoint):
            if self.server is not None and not self.server.alive:
                raise self.server.death()
            self._check_silence(f"the server does not answer: {error}")
            await asyncio.sleep(SETTLE_SECONDS)
        if error.status != 429:  # a busy server is waited for as long as it gives anything at all
            item.tries += 1
        if item.tries >= TRIES:
            self._set_aside(item, str(error))
        else:
            self._check_silence(str(error))
            source.put_back([item])

    def _check_silence(self, reason: str) -> None:
        silent = time.monotonic() - self._last_token
        if silent > self.limits.stall_seconds:
            raise Stalled(f"no token from any request for {silent:.0f} s ({reason})")

    def _count(self, completion: Completion) -> None:
        counters = self.counters
        counters.completions += 1
        counters.tokens += completion.output_tokens
        counters.empty_or_cut += completion.finish_reason == "length" or not completion.text.strip()
        self.bisection.progress()
        self._last_token = time.monotonic()
        broken = counters.empty_or_cut >= BROKEN_SHARE * BROKEN_AFTER
        if counters.completions == BROKEN_AFTER and broken and not self.limits.allow_broken:
            raise Broken(
                f"{counters.empty_or_cut} of the first {BROKEN_AFTER} answers are empty or cut off: the model, its "
                "template or --max_new_tokens is wrong; look at its journal, or go on with --allow_broken"
            )

    async def _watch(self, session: aiohttp.ClientSession) -> None:
        """Follow the engine: its counters, its death, its silence."""
        before, earlier = -1.0, None  # a server elsewhere has generated for others before
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.server is not None and not self.server.alive:
                raise self.server.death()
            sums = await counters_of(session, self.endpoint)
            if sums is not None:
                if earlier is None:
                    earlier = 0.0 if self.server else sums["generation"] - self.counters.engine_tokens
                self.counters.engine_tokens = sums["generation"] - earlier
                self.counters.running, self.counters.waiting = sums.get("running"), sums.get("waiting")
                if sums["generation"] != before:
                    before, self._last_token = sums["generation"], time.monotonic()
            self._check_silence("it hangs")

    async def _after_death(self, error: BaseException) -> None:
        """Put back what was in flight, find out who kills the engine, start it again after a growing pause."""
        lost = list(self.in_flight.values())
        self.in_flight.clear()
        self._say_once(f"engine: {error}")
        if self.server is None:
            raise RunError(f"the server at {self.endpoint.base_url}: {error}; finished completions are kept")
        if (culprit := self.bisection.sort_out(lost, self.queue)) is not None:
            self.fail(culprit, f"it alone killed the engine twice: {_first_line(error)}")
        await self._restart(error)

    async def _restart(self, error: BaseException) -> None:
        while True:
            if self.bisection.engine_is_broken:
                raise RunError(f"the engine dies again and again without a completion; {_first_line(error)}")
            await asyncio.to_thread(self.server.stop)
            await asyncio.sleep(min(60.0, FIRST_PAUSE * 2**self.bisection.barren))
            self.counters.restarts += 1
            self.server.launch()
            try:
                return await self.server.ready()
            except EngineDied as again:
                error = again
                self.bisection.barren += 1
                self._say_once(f"engine: {error}")

    def _say_once(self, reason: str) -> None:
        first = reason.splitlines()[0]
        if first not in self._said:
            self._said.add(first)
            self.say("\n".join(printable(line, 400) for line in reason.splitlines()))


def _most_telling(group: BaseExceptionGroup) -> BaseException:
    """The exception that decides: a bug or a full disk before the engine's death, which can be mended."""
    return min(_leaves(group), key=lambda error: isinstance(error, EngineDied | Stalled))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]
