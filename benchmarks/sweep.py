#!/usr/bin/env python3
"""Measure what the fused sweep saves against one process per experiment, and its overhead over a bare server.

    python benchmarks/sweep.py [--rounds 2] [--model FOLDER]

Compares (1) one main.py process per experiment, (2) one fused main.py, and (3) a minimal client that sends the same
token ids to a bare vLLM server: 2 tasks x 3 seeds x 16 problems, at most 256 tokens each. (2) and (3) alternate, and
the medians of their generation phases are compared. Prints a table and writes benchmarks/results/sweep.json.
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
TASKS, SEEDS, PROBLEMS, TOKENS, LENGTH, PARALLEL = ("demo_arithmetic", "demo_words"), 3, 16, 256, 1024, 128


def main_py(model: str, output: Path, tasks: tuple[str, ...], seeds: str) -> float:
    """Run main.py once; returns the wall seconds."""
    command = [sys.executable, str(ROOT / "main.py"), "--model", model, "--task", *tasks, "--seed", seeds]
    command += ["--use_chat_template", "--max_samples", str(PROBLEMS), "--max_new_tokens", str(TOKENS)]
    command += ["--max_model_length", str(LENGTH), "--max_num_seqs", str(PARALLEL), "--output_dir", str(output)]
    began = time.monotonic()
    subprocess.run([*command, "--allow_broken"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def completions(output: Path) -> list[dict]:
    """All journaled completions of an output folder."""
    import pyarrow as pa

    lines = []
    for path in output.rglob("completions.jsonl.zst"):
        with pa.input_stream(path, compression="zstd") as stream:
            lines += [json.loads(line) for line in stream.read().splitlines()]
    return lines


def rate(done: list[dict]) -> dict[str, float]:
    """Tokens per second, from the start of the first request to the end of the last answer."""
    began = min(one["finished_at"] - one["seconds"] for one in done)
    seconds = max(one["finished_at"] for one in done) - began
    tokens = sum(one["output_tokens"] for one in done)
    return {"seconds": seconds, "tokens": tokens, "tokens_per_second": tokens / seconds}


def phases(output: Path, wall: float, generation: float) -> dict[str, float]:
    """Split the wall time of a fused run into engine start, generation and the rest."""
    progress = [json.loads(path.read_text()) for path in (output / "logs").glob("progress-*.json")]
    start = progress[0]["engine_start_seconds"]
    return {"wall": wall, "engine_start": start, "generation": generation, "rest": wall - start - generation}


async def bare(model: str, requests: list[dict]) -> dict[str, float]:
    """Send the same token ids with the same sampling to a bare server, all at the same time, by a minimal client."""
    import aiohttp

    from evalsuite.engine.command import EngineOptions, detect_device
    from evalsuite.engine.server import Server

    options = EngineOptions(model, "bare", max_model_length=LENGTH, max_num_seqs=PARALLEL, device=detect_device())
    folder = Path(tempfile.mkdtemp(prefix="bare-"))
    server = Server(options, folder / "engine.log")
    server.launch()
    await server.ready()
    done: list[dict] = []

    async def ask(session: aiohttp.ClientSession, request: dict) -> None:
        began = time.time()
        async with session.post("http://engine/v1/completions", json=request) as response:
            answer = await response.json()
        ended = time.time()
        tokens = answer["usage"]["completion_tokens"]
        done.append({"finished_at": ended, "seconds": ended - began, "output_tokens": tokens})

    try:
        async with aiohttp.ClientSession(
            connector=server.connector(), timeout=aiohttp.ClientTimeout(total=None)
        ) as session:
            await asyncio.gather(*(ask(session, request) for request in requests))
    finally:
        server.stop()
        shutil.rmtree(folder)
    return rate(done)


def bare_requests(model: str) -> list[dict]:
    """The requests of the fused sweep, in its order, with its prompts and request seeds."""
    from evalsuite.experiment import request_seed
    from evalsuite.pipeline.render import RenderJob, render
    from evalsuite.plan.arguments import parse
    from evalsuite.plan.plan import plan

    argv = ["--model", model, "--task", *TASKS, "--seed", f"0-{SEEDS - 1}", "--use_chat_template", "--max_samples"]
    args = parse([*argv, str(PROBLEMS), "--max_new_tokens", str(TOKENS), "--max_model_length", str(LENGTH)])
    sweep = plan(args)
    job = RenderJob(
        tuple(task.spec for task in sweep.tasks), args.custom_tasks_directory, None, sweep.selection,
        sweep.model.folder, True, sweep.prompts.system, {}, False,
    )  # fmt: skip
    prompts = render(job).prompts
    requests = []
    for one in sweep.experiments:
        for prompt in prompts[sweep.task_of(one).spec]:
            seed = request_seed(one.seed, one.task, prompt.problem)
            fields = {"model": "bare", "prompt": list(prompt.ids), "max_tokens": TOKENS, "seed": seed}
            sampling = {"temperature": one.configuration.temperature, "top_p": one.configuration.top_p}
            requests.append(fields | sampling | {"return_token_ids": True, "skip_special_tokens": False})
    return requests


def measure(model: str, rounds: int) -> dict:
    """Run all three; (2) and (3) alternate."""
    folder = Path(tempfile.mkdtemp(prefix="sweep-"))
    try:
        separate = sum(main_py(model, folder / "one", (task,), str(seed)) for seed in range(SEEDS) for task in TASKS)
        requests, fused, bares = bare_requests(model), [], []
        for number in range(rounds):
            output = folder / f"fused{number}"
            wall = main_py(model, output, TASKS, f"0-{SEEDS - 1}")
            speed = rate(completions(output))
            fused.append(speed | phases(output, wall, speed["seconds"]))
            bares.append(asyncio.run(bare(model, requests)))
    finally:
        shutil.rmtree(folder)
    return {"one_process_each_seconds": separate, "fused": fused, "bare": bares}


def summary(result: dict) -> dict[str, float]:
    """The figures that the documentation quotes."""
    wall = statistics.median(one["wall"] for one in result["fused"])
    fused = statistics.median(one["tokens_per_second"] for one in result["fused"])
    bare_rate = statistics.median(one["tokens_per_second"] for one in result["bare"])
    return {
        "one process per experiment, s": result["one_process_each_seconds"],
        "fused sweep, s": wall,
        "times faster": result["one_process_each_seconds"] / wall,
        "fused generation, tokens/s": fused,
        "bare server, tokens/s": bare_rate,
        "share of the bare server": fused / bare_rate,
        "engine start, s": statistics.median(one["engine_start"] for one in result["fused"]),
        "everything else but generation, s": statistics.median(one["rest"] for one in result["fused"]),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model",
        default=str(ROOT / "models" / "SmolLM2-135M-Instruct"),
        help="folder of the model (default: the embedded one)",
    )
    parser.add_argument("--rounds", type=int, default=2, help="runs of (2) and of (3) (default: 2)")
    args = parser.parse_args(argv)
    result = measure(args.model, args.rounds)
    figures = summary(result)
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:8.2f}")
    machine = {
        "machine": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "date": time.strftime("%F"),
    }
    out = ROOT / "benchmarks" / "results" / "sweep.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(machine | {"figures": figures} | result, indent=1))
    print(f"wrote {out.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
