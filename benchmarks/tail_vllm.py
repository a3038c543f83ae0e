#!/usr/bin/env python3
"""Compare the orders of benchmarks/tail.py on real vLLM, by the time of a sweep with skewed lengths of answers.

    python benchmarks/tail_vllm.py          # 30 problems x 4 seeds, 32 sequences at a time; 7 minutes on 2 cores
    python benchmarks/tail_vllm.py --repeats 1 --shape 8x2x8 --median 16

All orders use the same server, and each answer has exactly the number of tokens that was drawn for it. `bare` is the
reference: the same requests without the client of the suite, all at the same time and the longest first, as if their
lengths were known. No order can be much faster. On a CPU, small batches are faster than large ones, so a tail costs
less than on a GPU. Writes benchmarks/results/tail_vllm.json.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from benchmarks.tail import Engine, draw, items, orders, sweep  # noqa: E402
from evalsuite.engine.command import EngineOptions, detect_device  # noqa: E402
from evalsuite.engine.server import Server  # noqa: E402
from evalsuite.files import write_json  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "tail_vllm.json"
PROMPT_TOKENS, LENGTH = 32, 1024
BARE = "bare"


class VLLM(Engine):
    """Forwards every request to a real server, with the length of the answer."""

    def __init__(self, lengths: np.ndarray, slots: int, session: aiohttp.ClientSession) -> None:
        super().__init__(lengths, slots)
        self.session = session

    async def generate(self, tokens: int, body: dict[str, Any]) -> None:
        """Generate `tokens` tokens; the server itself queues requests beyond its number of sequences."""
        await ask(self.session, tokens, body["prompt"][0], body["seed"])


async def ask(session: aiohttp.ClientSession, tokens: int, problem: int, seed: int) -> None:
    """Request an answer of exactly `tokens` tokens."""
    fields = {"model": BARE, "prompt": [1000 + problem] * PROMPT_TOKENS, "seed": seed, "temperature": 0.6}
    fields |= {"max_tokens": tokens, "min_tokens": tokens, "ignore_eos": True}
    once = {"Connection": "close"}  # the server may close a kept connection just as it is reused
    async with session.post("http://engine/v1/completions", json=fields, headers=once) as response:
        answer = await response.json()
    if answer["usage"]["completion_tokens"] != tokens:
        raise SystemExit(f"asked for {tokens} tokens, got {answer['usage']}")


async def bare(session: aiohttp.ClientSession, lengths: np.ndarray) -> float:
    """The seconds that all requests take, sent at the same time, the longest first."""
    began = time.monotonic()
    wanted = sorted(((int(tokens), *where) for where, tokens in np.ndenumerate(lengths)), reverse=True)
    await asyncio.gather(*(ask(session, tokens, problem, seed) for tokens, seed, problem in wanted))
    return time.monotonic() - began


async def measure(args: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """The seconds of each order, one value per repeat; all orders use the same lengths."""
    problems, seeds, slots = map(int, args.shape.split("x"))
    options = EngineOptions(args.model, BARE, max_model_length=LENGTH, max_num_seqs=slots, device=detect_device())
    server = Server(options, folder / "engine.log")
    server.launch()
    seconds: dict[str, list[float]] = {}
    try:
        await server.ready()
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=server.connector(), timeout=timeout) as session:
            await bare(session, np.full((1, slots), 8))  # warm-up: the first answers compile and allocate
            for repeat in range(args.repeats):
                rng = np.random.default_rng(repeat)
                asked, earlier = draw(rng, problems, seeds, args.median, LENGTH - PROMPT_TOKENS)
                seconds.setdefault(BARE, []).append(await bare(session, asked))
                for name, make in orders(rng, earlier, slots).items():
                    got = await sweep(VLLM(asked, slots, session), *make(items(seeds, problems)))
                    seconds.setdefault(name, []).append(got["seconds"])
    finally:
        server.stop()
    return seconds


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(ROOT / "models" / "SmolLM2-135M-Instruct"))
    parser.add_argument("--shape", default="30x4x32", help="problems x seeds x sequences at a time (default: 30x4x32)")
    parser.add_argument("--median", type=int, default=64, help="median tokens per answer (default: 64)")
    parser.add_argument("--repeats", type=int, default=2, help="draws of lengths (default: 2)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="tail-") as folder:
        seconds = asyncio.run(measure(args, Path(folder)))
    ratios = {
        name: statistics.median(one / least for one, least in zip(got, seconds[BARE], strict=True))
        for name, got in seconds.items()
    }
    print(f"\n{args.shape} (problems x seeds x sequences), median answer {args.median} tokens")
    print(f"{'order':<36}{'seconds':>9}{'to bare':>9}")
    for name, got in seconds.items():
        print(f"{name:<36}{statistics.median(got):>9.1f}{ratios[name]:>9.2f}")
    machine = {"cores": len(os.sched_getaffinity(0)), "date": time.strftime("%Y-%m-%d"), "repeats": args.repeats}
    shape = {"shape": args.shape, "median": args.median}
    write_json(RESULT, json.loads(json.dumps(machine | shape | {"seconds": seconds, "to_bare": ratios})))
    return 0


if __name__ == "__main__":
    sys.exit(main())
