"""A server that returns recorded answers, looked up by model, prompt and seed."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from aiohttp import web

Answers = dict[tuple[str, str, int | None], str]  # model, prompt, the request's seed (None: any) -> answer


def application(answers: Answers) -> web.Application:
    """/v1/models and /v1/chat/completions. A request without a recorded answer is refused, which fails the test."""
    models = [{"id": name} for name in dict.fromkeys(model for model, _, _ in answers)]

    async def complete(request: web.Request) -> web.Response:
        body = await request.json()
        model, prompt = body["model"], body["messages"][-1]["content"]
        text = answers.get((model, prompt, body["seed"]), answers.get((model, prompt, None)))
        if text is None:
            return web.json_response({"error": {"message": "not recorded"}}, status=404)
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        return web.json_response({"choices": [choice], "usage": usage})

    async def listed(request: web.Request) -> web.Response:
        return web.json_response({"data": models})

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(text="vllm:generation_tokens_total 0\n")

    app = web.Application(client_max_size=1 << 24)
    app.router.add_get("/v1/models", listed)
    app.router.add_get("/metrics", metrics)
    app.router.add_post("/v1/chat/completions", complete)
    return app


@contextlib.contextmanager
def replaying(answers: Answers) -> Iterator[str]:
    """Serve recorded answers from a thread; yields the base URL."""
    loop, runner = asyncio.new_event_loop(), web.AppRunner(application(answers), handle_signals=False)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return site._server.sockets[0].getsockname()[1]

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{asyncio.run_coroutine_threadsafe(start(), loop).result(600)}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(600)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(600)
        loop.close()
