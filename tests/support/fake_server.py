"""A small OpenAI-compatible server for tests: its answers are a pure function of prompt, seed and temperature.

    python tests/support/fake_server.py --port 0 --control FILE --log FILE      prints the port, or
    python tests/support/fake_server.py --uds PATH ...                          as the engine (see fake_engine)

FILE of --control is JSON and is read again for every request, so a test can change the server under way:

    latency: seconds per answer             tokens: its approximate length       metrics: false: no /metrics
    strict: refuse fields that OpenAI does not have       hang: answer nothing   empty: answers without text
    burst: {"id": any, "status": 429, "count": 3}         the next requests get this status
    refuse: {"status": 401, "text": "..."}                every request does
    drop: {"id": any, "count": 2}                         connections are cut without an answer
    hold: {"id": any, "count": 4}                         that many are answered; others wait until told otherwise
    cut: {"id": any, "count": 8}                          that many streams end without a finish reason
    garbage: answer with something that is not JSON
    kill_on: the worker dies of a prompt that holds this  kill_after: seconds it takes to
    abort_on: a prompt that holds this is answered as by a vLLM that is being stopped
    opened: answers begin within thinking that the prompt opened, and that begins with the answer
    reasoning: put the thinking into a separate field with this name
    fail_start: print this and exit                       stubborn: the worker ignores SIGTERM
"""

import argparse
import asyncio
import hashlib
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

END = 256  # the token that ends an answer; every other token is a byte
END_TEXT = "<end>"
OPENAI = set(
    "model prompt messages max_tokens max_completion_tokens temperature top_p presence_penalty frequency_penalty "
    "seed n stream stream_options stop logprobs user".split()
)
WORDS = "so we add both and check the sum again then carry one over which gives the result once more".split()


def draw(*parts: Any) -> int:
    """A pseudorandom number that depends only on its arguments."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:6])


def answer(prompt: str, seed: int, temperature: float, tokens: int) -> str:
    """The server's answer: some words, then a boxed number that is right about six times in ten."""
    key = (prompt, seed if temperature > 0 else 0, temperature)
    sums = re.findall(r"(\d+) \+ (\d+)", prompt)
    right = sum(map(int, sums[-1])) if sums else 7
    number = right if draw("right", *key) % 10 < 6 else right + 1 + draw("wrong", *key) % 5
    count = max(1, tokens // 5 + draw("length", *key) % (tokens // 5 + 1))
    words = " ".join(WORDS[draw("word", index, *key) % len(WORDS)] for index in range(count))
    return f"<think>{words}</think>\nThe sum is \\boxed{{{number}}}."


class FakeServer:
    """The server and its state."""

    def __init__(self, control: Path | None, log: Path | None, model: str) -> None:
        self.control, self.log, self.model = control, log, model
        self.generated = self.running = 0
        self.spent: dict[str, int] = {}  # how often a burst or drop was applied, by its id
        self.worker = 0

    def told(self) -> dict[str, Any]:
        try:
            return json.loads(self.control.read_text()) if self.control else {}
        except (OSError, ValueError):  # being rewritten
            return {}

    def note(self, **what: Any) -> None:
        if self.log:
            with self.log.open("a") as stream:
                stream.write(json.dumps(what) + "\n")

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        told = self.told()
        self.note(event="request", path=request.path, body=body, authorization=request.headers.get("Authorization"))
        if (refusal := self._refusal(told, body, request)) is not None:
            return refusal
        prompt = prompt_of(body)
        self.running += 1
        try:
            told["cut"] = "cut" in told and self._due("cut", told["cut"])
            await self._suffer(told, prompt)
            return await self._answer(request, body, told, prompt)
        finally:
            self.running -= 1

    def _refusal(self, told: dict, body: dict, request: web.Request) -> web.Response | None:
        refuse, burst, drop = (told.get(name, {}) for name in ("refuse", "burst", "drop"))
        if refuse and refuse.get("on", "") in prompt_of(body):
            return failure(refuse["status"], refuse.get("text", "no"))
        if burst and self._due("burst", burst):
            return failure(burst["status"], "busy")
        if drop and self._due("drop", drop):
            request.transport.abort()
            return web.Response()
        if told.get("strict") and (unknown := sorted(set(body) - OPENAI)):
            return failure(400, f"Unknown parameter: {unknown[0]}")
        return web.Response(text="<html>oops") if told.get("garbage") else None

    def _due(self, kind: str, what: dict) -> bool:
        key = f"{kind}-{what['id']}"
        self.spent[key] = self.spent.get(key, 0) + 1
        return self.spent[key] <= what["count"]

    async def _suffer(self, told: dict, prompt: str) -> None:
        if told.get("kill_on") and told["kill_on"] in prompt:
            await asyncio.sleep(told.get("kill_after", 0.0))
            os.kill(self.worker, signal.SIGKILL)
            await asyncio.sleep(60)
        await self._wait()
        await asyncio.sleep(told.get("latency", 0.0))

    async def _wait(self) -> None:
        """Return when the answer may be sent, which may change when the server is told something else."""
        held_by = None
        while True:
            told = self.told()
            hold = told.get("hold")
            if not told.get("hang"):
                if hold is None:
                    return
                if hold != held_by and self._due("hold", hold):
                    return
                held_by = hold
            await asyncio.sleep(0.02)

    async def _answer(self, request: web.Request, body: dict, told: dict, prompt: str) -> web.StreamResponse:
        text = (
            ""
            if told.get("empty")
            else answer(prompt, body.get("seed", 0), body["temperature"], told.get("tokens", 60))
        )
        if told.get("opened"):
            thought, _, said = text.removeprefix("<think>").partition("</think>")
            text = f"{said} {thought}</think>{said}"
        ids, limit = [*text.encode(), END], body.get("max_tokens") or body.get("max_completion_tokens")
        finish = "length" if len(ids) > limit else "stop"
        ids = ids[:limit]
        if told.get("abort_on") and told["abort_on"] in prompt:
            ids, finish = ids[:5], "abort"
        self.generated += len(ids)
        text = bytes(one for one in ids if one != END).decode()
        ends = finish == "stop" and not body.get("skip_special_tokens", True)
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(ids)}
        ids = ids if body.get("return_token_ids") else None
        return await reply(request, body, told, text + END_TEXT * ends, ids, finish, usage)

    async def metrics(self, request: web.Request) -> web.Response:
        if self.told().get("metrics") is False:
            return failure(404, "no metrics")
        values = {"generation_tokens_total": self.generated, "num_requests_running": self.running}
        values["num_requests_waiting"] = 0
        return web.Response(text="".join(f'vllm:{k}{{engine="0"}} {float(v)}\n' for k, v in values.items()))

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    def application(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/health", lambda request: asyncio.sleep(0, web.Response()))
        app.router.add_get("/version", lambda request: asyncio.sleep(0, web.json_response({"version": "0.0.fake"})))
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_post("/v1/completions", self.complete)
        app.router.add_post("/v1/chat/completions", self.complete)
        return app


def prompt_of(body: dict) -> str:
    """The text of a prompt given as byte tokens or as messages."""
    if "messages" in body:
        return "\n".join(message["content"] for message in body["messages"])
    return bytes(one for one in body["prompt"] if one < END).decode("utf-8", "replace")


def failure(status: int, text: str) -> web.Response:
    return web.json_response({"error": {"message": text, "code": status}}, status=status)


async def reply(request: web.Request, body: dict, told: dict, text: str, ids: list | None, finish: str, usage: dict):
    """Send the answer in the form that the request's path and `stream` ask for."""
    chat, thought = request.path.endswith("chat/completions"), told.get("reasoning")
    thinking, _, rest = text.removeprefix("<think>").partition("</think>")
    message = {"content": rest, thought: thinking} if thought else {"content": text}
    if not body.get("stream"):
        choice = {"message": {"role": "assistant"} | message} if chat else {"text": text}
        choice |= {"index": 0, "finish_reason": finish} | ({"token_ids": ids} if ids is not None else {})
        return web.json_response({"choices": [choice], "usage": usage})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    parts = [{"delta": {name: value}} for name, value in message.items()] if chat else halves(text, ids)
    for part in parts:
        await send(response, {"choices": [{"index": 0, "finish_reason": None} | part]})
        await asyncio.sleep(told.get("latency", 0.0) / 4)
    if not told.get("cut"):
        await send(response, {"choices": [{"index": 0, "text": "", "delta": {}, "finish_reason": finish}]})
        await send(response, {"choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")
    return response


def halves(text: str, ids: list[int] | None) -> list[dict]:
    middle = len(text) // 2
    parts = [{"text": text[:middle]}, {"text": text[middle:]}]
    if ids is not None:
        parts[0]["token_ids"], parts[1]["token_ids"] = ids[: len(ids) // 2], ids[len(ids) // 2 :]
    return parts


async def send(response: web.StreamResponse, event: dict) -> None:
    await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")


def start_worker(stubborn: bool) -> int:
    """Start a child that outlives its parent, as an engine's worker may; a stubborn one ignores SIGTERM."""
    pid = os.fork()
    if pid == 0:
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
    return pid


async def end_with(worker: int) -> None:
    """End the server when its worker dies, as vLLM does."""
    while os.waitpid(worker, os.WNOHANG)[0] == 0:
        await asyncio.sleep(0.02)
    print("ERROR EngineCore died: the fake worker was killed", flush=True)
    os._exit(1)


async def serve(server: FakeServer, options: argparse.Namespace) -> None:
    runner = web.AppRunner(server.application(), handle_signals=False, shutdown_timeout=0.2)
    await runner.setup()
    if options.uds:
        await web.UnixSite(runner, options.uds).start()
    else:
        site = web.TCPSite(runner, "127.0.0.1", options.port)
        await site.start()
        print(site._server.sockets[0].getsockname()[1], flush=True)
    await (end_with(server.worker) if server.worker else asyncio.Event().wait())


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--uds")
    parser.add_argument("--control", type=Path)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--served-model-name", default="fake")
    options, _ = parser.parse_known_args(argv)
    server = FakeServer(options.control, options.log, options.served_model_name)
    told = server.told()
    server.note(event="start", argv=argv or sys.argv[1:], environment=dict(os.environ), pid=os.getpid())
    if told.get("fail_start"):
        print(told["fail_start"], flush=True)
        return 1
    server.worker = start_worker(told.get("stubborn", False)) if options.uds else 0
    server.note(event="worker", pid=server.worker)
    asyncio.run(serve(server, options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
