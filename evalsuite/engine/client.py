"""Asking a server for one completion: what is sent, what comes back, and which failures are worth another try."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from evalsuite.errors import UserError
from evalsuite.identity import Configuration
from evalsuite.journal import Completion

# What a strict server may not know, with the value that leaves sampling as it is without the field.
NEUTRAL: dict[str, Any] = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
PRIVATE = ("return_token_ids", "skip_special_tokens")  # vLLM's own; never change what is generated
RETRIED = (408, 409, 425, 429, 500, 502, 503, 504)
MAX_LINE = 64 << 20


class TransientError(Exception):
    """A failure that may pass: a dropped connection, a timeout, 429 or 5xx."""


class RefusedError(Exception):
    """The server refuses this very request (another 4xx): asking again would not help."""


@dataclass(frozen=True)
class Request:
    """One completion to ask for. `prompt_ids` for /v1/completions, `messages` for /v1/chat/completions."""

    problem: str
    sample: int
    seed: int
    max_tokens: int
    prompt_ids: tuple[int, ...] = field(repr=False, default=())
    messages: tuple[dict[str, str], ...] = field(repr=False, default=())


@dataclass(frozen=True)
class Endpoint:
    """Where and how to ask. `model` is the name the server knows; `strict` servers get only OpenAI's own fields."""

    base_url: str
    model: str
    chat: bool = False
    strict: bool = False
    stream: bool = False
    api_key: str | None = field(repr=False, default=None)
    eos_texts: tuple[str, ...] = ()
    attempts: int = 6

    @property
    def url(self) -> str:
        return f"{self.base_url}/v1/{'chat/completions' if self.chat else 'completions'}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}


def body(request: Request, configuration: Configuration, endpoint: Endpoint) -> dict[str, Any]:
    """The request's JSON. Every sampling field is sent, so that no server's default can change an answer."""
    fields: dict[str, Any] = {
        "model": endpoint.model,
        "max_tokens": request.max_tokens,
        "temperature": configuration.temperature,
        "top_p": configuration.top_p,
        "presence_penalty": configuration.presence_penalty,
        "frequency_penalty": 0.0,
        "seed": request.seed,
        "n": 1,
        "stream": endpoint.stream,
    }
    if configuration.stop:
        fields["stop"] = list(configuration.stop)
    if endpoint.stream:
        fields["stream_options"] = {"include_usage": True}
    if not endpoint.strict:
        fields |= {name: getattr(configuration, name) for name in NEUTRAL}
        fields |= {"skip_special_tokens": False, "return_token_ids": True}
    if not endpoint.chat:
        return fields | {"prompt": list(request.prompt_ids)}
    fields["messages"] = list(request.messages)
    if (kwargs := json.loads(configuration.chat_template_kwargs)) and not endpoint.strict:
        fields["chat_template_kwargs"] = kwargs
    return fields


def check_strict(configuration: Configuration) -> None:
    """Raise UserError when a strict server is to be asked for sampling it cannot do."""
    for name, neutral in NEUTRAL.items():
        if getattr(configuration, name) != neutral:
            raise UserError(
                f"the server knows only OpenAI's fields, so --{name} {getattr(configuration, name)} cannot be sent"
            )


class Client:
    """Sends requests over one session. `on_tokens(count)` is called as tokens arrive where the endpoint streams."""

    def __init__(
        self, session: aiohttp.ClientSession, endpoint: Endpoint, request_seconds: float | None = None
    ) -> None:
        self.session, self.endpoint = session, endpoint
        self.timeout = aiohttp.ClientTimeout(total=request_seconds, sock_connect=30)
        self.on_tokens: Callable[[int], None] = lambda count: None
        self.retries = 0

    async def complete(self, request: Request, configuration: Configuration, *, retry: bool = True) -> Completion:
        """One completion. Raises TransientError after the last try, RefusedError at once."""
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self.endpoint.attempts if retry else 1),
            wait=wait_random_exponential(multiplier=0.5, max=30),
            before_sleep=self._count,
            reraise=True,
        )
        return await attempts(self._ask, request, configuration)

    def _count(self, state: RetryCallState) -> None:
        self.retries += 1

    async def _ask(self, request: Request, configuration: Configuration) -> Completion:
        began = time.time()
        fields = body(request, configuration, self.endpoint)
        try:
            async with self.session.post(
                self.endpoint.url, json=fields, headers=self.endpoint.headers, timeout=self.timeout
            ) as response:
                if response.status != 200:
                    raise await _failure(response)
                answer = await (self._streamed(response) if self.endpoint.stream else _json(response))
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise TransientError(f"{type(error).__name__}: {error}") from error
        return _completion(request, answer, self.endpoint, began)

    async def _streamed(self, response: aiohttp.ClientResponse) -> dict[str, Any]:
        """Put a streamed answer together; fields as an unstreamed one has them."""
        merged: dict[str, Any] = {
            "choices": [{"text": "", "message": {"content": "", "reasoning": ""}, "token_ids": []}]
        }
        choice = merged["choices"][0]
        async for line in response.content:
            if not line.startswith(b"data:") or line.strip() == b"data: [DONE]":
                continue
            event = json.loads(line[5:])
            merged["usage"] = event.get("usage") or merged.get("usage")
            for part in event.get("choices") or []:
                _merge(choice, part)
                self.on_tokens(len(part.get("token_ids") or ()) or 1)
        return merged


def _merge(choice: dict[str, Any], part: dict[str, Any]) -> None:
    delta = part.get("delta") or {}
    choice["text"] += part.get("text") or ""
    choice["message"]["content"] += delta.get("content") or ""
    choice["message"]["reasoning"] += delta.get("reasoning_content") or delta.get("reasoning") or ""
    choice["token_ids"] += part.get("token_ids") or []
    choice["finish_reason"] = part.get("finish_reason") or choice.get("finish_reason")


async def _json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    raw = await response.read()
    try:
        return json.loads(raw)
    except ValueError as error:
        raise TransientError(f"the server's answer is not JSON: {error}") from error


async def _failure(response: aiohttp.ClientResponse) -> Exception:
    text = (await response.text(errors="replace"))[:400]
    message = f"HTTP {response.status}: {text}"
    if response.status in RETRIED:
        return TransientError(message)
    return RefusedError(message)


def _completion(request: Request, answer: dict[str, Any], endpoint: Endpoint, began: float) -> Completion:
    try:
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        message = choice.get("message") or {}
        text = (message.get("content") if endpoint.chat else choice.get("text")) or ""
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        raise TransientError(f"the server's answer has no choices: {str(answer)[:200]}") from error
    token_ids = tuple(choice.get("token_ids") or ())
    ended = time.time()
    return Completion(
        problem=request.problem,
        sample=request.sample,
        text=strip_end(text, endpoint.eos_texts),
        finish_reason=str(choice.get("finish_reason") or "unknown"),
        prompt_tokens=usage.get("prompt_tokens") or len(request.prompt_ids),
        output_tokens=usage.get("completion_tokens") or len(token_ids),
        token_ids=token_ids,
        reasoning=message.get("reasoning_content") or message.get("reasoning") or None,
        request_seed=request.seed,
        seconds=round(ended - began, 3),
        finished_at=round(ended, 3),
    )


def strip_end(text: str, eos_texts: tuple[str, ...]) -> str:
    """Text without the end-of-sequence token that closes it; other special tokens stay, graders read them.

    >>> strip_end("<|channel|>final<|message|>7<|return|>", ("<|return|>",))
    '<|channel|>final<|message|>7'
    """
    for eos in eos_texts:
        if eos and text.endswith(eos):
            return text[: -len(eos)]
    return text


async def generated_tokens(session: aiohttp.ClientSession, endpoint: Endpoint) -> dict[str, float] | None:
    """Sums of vLLM's counters (`generation`, `running`, `waiting`) from /metrics; None where the server has none."""
    wanted = {
        "vllm:generation_tokens_total": "generation",
        "vllm:num_requests_running": "running",
        "vllm:num_requests_waiting": "waiting",
    }
    try:
        async with session.get(
            f"{endpoint.base_url}/metrics", headers=endpoint.headers, timeout=aiohttp.ClientTimeout(10)
        ) as response:
            text = await response.text() if response.status == 200 else ""
    except (TimeoutError, aiohttp.ClientError, OSError):
        return None
    sums: dict[str, float] = {}
    for line in text.splitlines():
        name = line.split("{", 1)[0].split(" ", 1)[0]
        if name in wanted:
            sums[wanted[name]] = sums.get(wanted[name], 0.0) + float(line.rsplit(" ", 1)[1])
    return sums if "generation" in sums else None
