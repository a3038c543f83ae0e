"""Send a queue of requests, keep the engine busy, and survive failures of requests and of the engine."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import aiohttp

from evalsuite.engine.client import Client, Endpoint, RefusedError, TransientError, unsupported_flag
from evalsuite.engine.endpoint import connector, is_healthy
from evalsuite.engine.endpoint import counters as engine_counters
from evalsuite.engine.server import EngineDied, Server
from evalsuite.errors import RunError
from evalsuite.files import printable
from evalsuite.progress.status import Counters
from evalsuite.store.journal import Completion
from evalsuite.sweep.bisection import CrashBisection
from evalsuite.sweep.schedule import Item, Queue

WATCH_SECONDS = 2.0  # between two looks at the engine
SETTLE_SECONDS = 0.5  # from a broken connection to the check of the server
FIRST_PAUSE = 0.5  # seconds before a restart; doubled with every fruitless crash in a row
MAX_PAUSE = 60.0
BROKEN_AFTER = 20  # completions after which a model may be found broken
BROKEN_SHARE = 0.9  # of these that are empty or truncated
TRIES = 3  # of a request whose connection broke; each try includes the client's own retries


class Stalled(Exception):
    """No request has received a token for too long."""


class Broken(RunError):
    """Nearly all of the first answers are empty or truncated."""


@dataclass
class Limits:
    """When to give up (engine restarts without progress, seconds without a token, broken models), and how many requests
    to keep in flight."""

    restarts: int = 5
    stall_seconds: float = 600.0
    allow_broken: bool = False
    concurrency: int = 256


class Generation:
    """Sends all requests of a queue. `finish(item, completion)` or `fail(item, reason)` is called as soon as a request
    has ended, and `say(text)` for the user. `server` is our own engine, None for a server elsewhere."""

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
        self.bisection = CrashBisection(limits.restarts)
        self._total, self._given_up = len(queue), 0
        self._said: set[str] = set()
        self._last_token = time.monotonic()

    async def run(self) -> None:
        """Return when every request has finished or failed. Raises RunError if the engine cannot be kept running."""
        while self.bisection.groups or len(self.queue):
            source = self.bisection.next_group() or self.queue
            try:
                await self._serve(source)
            except BaseExceptionGroup as group:
                error = _decisive(group)
                if asyncio.current_task().cancelling():  # interrupted at the moment when the engine died
                    raise asyncio.CancelledError from None
                if not isinstance(error, EngineDied | Stalled):
                    raise error from None
                if source is not self.queue and len(source):
                    self.bisection.groups.append(source.rest())
                await self._recover(error)

    async def _serve(self, source: Queue) -> None:
        """Send the requests of `source` while the server lives. Raises an exception group if it dies or hangs."""
        connections = self.server.connector() if self.server else connector()
        self._last_token = time.monotonic()
        async with aiohttp.ClientSession(connector=connections, read_bufsize=1 << 20) as session:
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
            await self._process(client, source, item)
            del self.in_flight[id(item)]

    async def _process(self, client: Client, source: Queue, item: Item) -> None:
        try:
            completion = await self._complete(client, item)
        except RefusedError as error:
            self._on_refusal(item, error)
        except TransientError as error:
            await self._on_connection_failure(client, source, item, error)
        else:
            self.finish(item, completion)
            self._count(completion)
        self.counters.retries = client.retries

    async def _complete(self, client: Client, item: Item) -> Completion:
        """Request one completion. If the server refuses the very first requests, try with only OpenAI's own fields."""
        strict, accepted_before = client.endpoint.strict, self.bisection.has_completed
        try:
            return await client.complete(item.request, item.configuration, retry=self.server is None)
        except RefusedError as error:
            if strict or error.status not in (400, 422) or unsupported_flag(item.configuration) or self.server:
                raise
            if accepted_before and not client.endpoint.strict:  # the fields were accepted, so it refuses this request
                raise
            completion = await client.complete(item.request, item.configuration, strict=True)
            self._say_once(f"the server rejects vLLM's own fields ({error}); from now on it gets only OpenAI's fields")
            self.endpoint = client.endpoint = replace(self.endpoint, strict=True)
            return completion

    def _on_refusal(self, item: Item, error: RefusedError) -> None:
        """Give up one request. Raises RunError if the server refuses all of them."""
        never_accepted = not self.bisection.has_completed
        if error.status in (401, 402) or (error.status in (403, 404, 405) and never_accepted):
            where = self.endpoint.base_url
            raise RunError(f"{where} refuses to answer: {error}; check --api_key_env, --base_url and --served_model")
        flag = None if self.server else unsupported_flag(item.configuration)
        self._give_up(item, f"{error}; does the server support {flag}?" if flag else str(error))

    def _give_up(self, item: Item, reason: str) -> None:
        """Give up one request. Raises RunError if none was ever answered."""
        self._given_up += 1
        if not self.bisection.has_completed and self._given_up >= min(BROKEN_AFTER, self._total):
            raise RunError(f"none of {self._given_up} requests was answered; the last error: {reason}")
        self.fail(item, reason)

    async def _on_connection_failure(self, client: Client, source: Queue, item: Item, error: TransientError) -> None:
        """Wait until the server is healthy, then retry the request, or give it up after several tries."""
        await asyncio.sleep(SETTLE_SECONDS)  # a dying engine drops connections before its process ends
        while not await is_healthy(client.session, self.endpoint):
            if self.server is not None and not self.server.alive:
                raise self.server.death()
            self._check_silence(f"the server does not answer: {error}")
            await asyncio.sleep(SETTLE_SECONDS)
        if error.status != 429:  # a busy server is retried for as long as it answers anything at all
            item.tries += 1
        if item.tries >= TRIES:
            self._give_up(item, str(error))
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
        counters.empty_or_truncated += completion.finish_reason == "length" or not completion.text.strip()
        self.bisection.on_completion()
        self._last_token = time.monotonic()
        is_broken = counters.empty_or_truncated >= BROKEN_SHARE * BROKEN_AFTER
        if counters.completions == BROKEN_AFTER and is_broken and not self.limits.allow_broken:
            raise Broken(
                f"{counters.empty_or_truncated} of the first {BROKEN_AFTER} answers are empty or truncated; check the "
                "model, its chat template and --max_new_tokens (the journal has the answers), or use --allow_broken"
            )

    async def _watch(self, session: aiohttp.ClientSession) -> None:
        """Follow the engine's counters. Raises EngineDied or Stalled if it dies or hangs."""
        generated, others_tokens = -1.0, None
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.server is not None and not self.server.alive:
                raise self.server.death()
            sums = await engine_counters(session, self.endpoint)
            if sums is not None:
                if others_tokens is None:  # a server elsewhere has generated tokens for others before
                    others_tokens = 0.0 if self.server else sums["generation"] - self.counters.engine_tokens
                self.counters.engine_tokens = sums["generation"] - others_tokens
                self.counters.running, self.counters.waiting = sums.get("running"), sums.get("waiting")
                if sums["generation"] != generated:
                    generated, self._last_token = sums["generation"], time.monotonic()
            self._check_silence("the server hangs")

    async def _recover(self, error: BaseException) -> None:
        """After the engine died or hung: put back what was in flight, look for the request that caused it, restart."""
        in_flight = list(self.in_flight.values())
        self.in_flight.clear()
        self._say_once(f"engine: {error}")
        if self.server is None:
            raise RunError(f"the server at {self.endpoint.base_url}: {error}; finished completions are kept")
        if (culprit := self.bisection.on_crash(in_flight, self.queue)) is not None:
            self.fail(culprit, f"the engine crashed twice while it answered only this request: {_first_line(error)}")
        await self._restart(error)

    async def _restart(self, error: BaseException) -> None:
        while True:
            if self.bisection.engine_is_broken:
                raise RunError(f"the engine died repeatedly without finishing an answer; {_first_line(error)}")
            await asyncio.to_thread(self.server.stop)
            await asyncio.sleep(min(MAX_PAUSE, FIRST_PAUSE * 2**self.bisection.fruitless))
            self.counters.restarts += 1
            self.server.launch()
            try:
                return await self.server.ready()
            except EngineDied as again:
                error = again
                self.bisection.fruitless += 1
                self._say_once(f"engine: {error}")

    def _say_once(self, text: str) -> None:
        first = _first_line(text)
        if first not in self._said:
            self._said.add(first)
            self.say("\n".join(printable(line, 400) for line in text.splitlines()))


def _decisive(group: BaseExceptionGroup) -> BaseException:
    """The exception that decides what to do: a bug or a full disk before the engine's death, which a restart fixes."""
    return min(_leaves(group), key=lambda error: isinstance(error, EngineDied | Stalled))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]


def _first_line(error: BaseException | str) -> str:
    return str(error).splitlines()[0]
