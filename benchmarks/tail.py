#!/usr/bin/env python3
"""Measure how long the device idles at the end of a sweep, for our order of requests and for simpler orders.

    python benchmarks/tail.py                       # three shapes, five orders, three draws of lengths; 4 minutes
    python benchmarks/tail.py --repeats 1 --shapes 30x10x64

The client and the queue of the suite send requests to a simulated engine, which has a fixed number of slots and takes a
fixed time per token. Lengths are long-tailed over problems (log-normal, sigma 0.8) and vary over seeds (sigma 0.45), as
those of reasoning models do. A shape is problems x seeds x slots. Times are multiples of the lower bound: the time of
all tokens on all slots, or that of the longest answer.

Orders: random; by task (seed by seed, problems in file order); seed by seed, longest first; ours, which also starts
early what would otherwise outlast the rest; and ours with the lengths of earlier runs. benchmarks/tail_vllm.py compares
the same orders on vLLM. Writes benchmarks/results/tail.json.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from evalsuite.engine.client import Endpoint, Request  # noqa: E402
from evalsuite.experiment import Configuration, Experiment  # noqa: E402
from evalsuite.files import write_json  # noqa: E402
from evalsuite.sweep.generate import Generation, Limits  # noqa: E402
from evalsuite.sweep.run import SLACK  # noqa: E402
from evalsuite.sweep.schedule import Item, Lengths, Queue  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "tail.json"
SHAPES = ("30x10x64", "60x10x32", "30x4x32")
MEDIAN, SIGMA, WITHIN, CAP = 4000, 0.8, 0.45, 32768  # tokens
TOKEN_SECONDS = 2e-4
CONFIGURATION = Configuration("w", "1", "d", temperature=0.6, top_p=0.95, max_new_tokens=CAP)


class Engine:
    """Answers after tokens x TOKEN_SECONDS in a slot; requests without a slot wait, as in the queue of vLLM."""

    def __init__(self, lengths: np.ndarray, slots: int) -> None:
        self.lengths, self.slots = lengths, asyncio.Semaphore(slots)
        self.count = slots
        self.running = self.waiting = self.most_waiting = 0
        self.starved = 0.0  # slot-seconds without work while the client still had requests
        self.left = lengths.size  # requests that have not arrived yet
        self.idle_since = time.monotonic()

    async def complete(self, request: web.Request) -> web.Response:
        """Answer one request; the only token of its prompt is the number of the problem."""
        body = await request.json()
        self.left -= 1
        tokens = int(self.lengths[body["seed"], body["prompt"][0]])
        await self.generate(tokens, body)
        choice = {"index": 0, "text": "x", "finish_reason": "stop"}
        return web.json_response({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": tokens}})

    async def generate(self, tokens: int, body: dict[str, Any]) -> None:
        """Wait for a free slot, then for the time that the tokens take."""
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        async with self.slots:
            self.waiting -= 1
            self._change(1)
            await asyncio.sleep(tokens * TOKEN_SECONDS)
            self._change(-1)

    def _change(self, by: int) -> None:
        now = time.monotonic()
        if self.left:
            self.starved += (self.count - self.running) * (now - self.idle_since)
        self.running, self.idle_since = self.running + by, now


async def sweep(engine: Engine, queue: Queue, learn: bool) -> dict[str, float]:
    """Send all requests in the order of a queue; returns the total seconds, and those after the queue was empty."""
    app = web.Application()
    app.router.add_post("/v1/completions", engine.complete)
    app.router.add_get(
        "/metrics", lambda request: asyncio.sleep(0, web.Response(text="vllm:generation_tokens_total 1"))
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    emptied = 0.0

    def finish(item: Item, completion: object) -> None:
        nonlocal emptied
        if learn:
            queue.lengths.add(*item.problem, completion.output_tokens)
        if not len(queue):
            emptied = emptied or time.monotonic()

    endpoint = Endpoint(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", "fake")
    limits = Limits(concurrency=engine.count + max(SLACK, engine.count // 8))
    engine.idle_since = began = time.monotonic()
    await Generation(queue, endpoint, limits, finish, lambda item, why: sys.exit(why), print).run()
    ended = time.monotonic()
    await runner.cleanup()
    return {"seconds": ended - began, "tail": ended - (emptied or began)}


def items(seeds: int, problems: int) -> list[list[Item]]:
    """The requests of each seed."""
    return [
        [Item(Experiment("m", "t", seed, CONFIGURATION), CONFIGURATION, Request(str(one), 0, seed, CAP, (one,)), 4000.0)
         for one in range(problems)] for seed in range(seeds)
    ]  # fmt: skip


def orders(
    rng: np.random.Generator, earlier: np.ndarray, slots: int
) -> dict[str, Callable[[list], tuple[Queue, bool]]]:
    """Functions that create the queue of each order, and whether it learns lengths; `earlier` is (runs, problems)."""
    known = Lengths()
    for run in earlier:
        for number, tokens in enumerate(run):
            known.add("t", str(number), int(tokens))

    def shuffled(groups: list) -> tuple[Queue, bool]:
        mixed = [one for group in groups for one in group]
        rng.shuffle(mixed)
        return Queue(deque([mixed])), False

    return {
        "random": shuffled,
        "task": lambda groups: (Queue(deque(groups)), False),
        "longest first, seeds apart": lambda groups: (Queue(deque(groups)), True),
        "ours": lambda groups: (Queue(deque(groups), Lengths(), slots), True),
        "ours, earlier runs known": lambda groups: (Queue(deque(groups), known, slots), True),
    }


def draw(rng: np.random.Generator, problems: int, seeds: int, median: int, cap: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the tokens of all answers, (seeds, problems), and of two earlier runs, (2, problems)."""
    drawn = rng.lognormal(np.log(median), SIGMA, problems) * rng.lognormal(0, WITHIN, (seeds + 2, problems))
    lengths = np.clip(drawn, 1, cap).astype(int)
    return lengths[:seeds], lengths[seeds:]


def measure(shape: str, repeats: int) -> dict:
    """The medians of each order; times are multiples of the lower bound."""
    problems, seeds, slots = map(int, shape.split("x"))
    rows: dict[str, list[dict]] = {}
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        asked, earlier = draw(rng, problems, seeds, MEDIAN, CAP)
        least = max(asked.sum() / slots, asked.max()) * TOKEN_SECONDS
        for name, make in orders(rng, earlier, slots).items():
            engine = Engine(asked, slots)
            got = asyncio.run(sweep(engine, *make(items(seeds, problems))))
            slot_seconds = slots * got["seconds"]
            rows.setdefault(name, []).append(got | {
                "to_least": got["seconds"] / least, "tail_to_least": got["tail"] / least,
                "occupancy": asked.sum() * TOKEN_SECONDS / slot_seconds, "starved": engine.starved / slot_seconds,
                "most_waiting": engine.most_waiting,
            })  # fmt: skip
    return {name: {key: statistics.median(one[key] for one in got) for key in got[0]} for name, got in rows.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--shapes", nargs="+", default=SHAPES, help=f"problems x seeds x slots (default: {' '.join(SHAPES)})"
    )
    parser.add_argument("--repeats", type=int, default=3, help="draws of lengths (default: 3)")
    args = parser.parse_args(argv)
    result = {"cores": len(os.sched_getaffinity(0)), "system": platform.platform(), "date": time.strftime("%Y-%m-%d")}
    result |= {"repeats": args.repeats, "shapes": {}}
    for shape in args.shapes:
        rows = result["shapes"][shape] = measure(shape, args.repeats)
        title = f"{shape} (problems x seeds x slots)"
        print(f"\n{title:<36}{'time':>7}{'tail':>7}{'busy':>8}{'starved':>9}{'waiting':>9}")
        for name, row in rows.items():
            print(f"{name:<36}{row['to_least']:>7.2f}{row['tail_to_least']:>7.2f}{row['occupancy']:>8.1%}"
                  f"{row['starved']:>9.2%}{row['most_waiting']:>9.0f}", flush=True)  # fmt: skip
    print(
        "\ntime and tail (after the queue is empty) are multiples of the lower bound; busy: share of slots in use; "
        "starved: share of slots idle while requests were unsent; waiting: most requests without a slot"
    )
    write_json(RESULT, json.loads(json.dumps(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
