"""Asking a server for one completion: what is sent, what comes back, and which failures are worth another try."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from evalsuite.experiment import Configuration
from evalsuite.store.journal import Completion

# What a strict server may not know, with the value that leaves sampling as it is without the field.
NEUTRAL: dict[str, Any] = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
RETRIED = (408, 409, 425, 429, 500, 502, 503, 504)
UNFINISHED = ("abort", "error")  # vLLM's reasons where it was stopped in the middle of an answer
LONGEST_WAIT = 120.0  # seconds that a server's Retry-After is heeded


class TransientError(Exception):
    """A failure that may pass: a dropped connection, a timeout, 429 or 5xx. `wait`: seconds the server asks for."""

    def __init__(self, message: str, status: int = 0, wait: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.wait = status, wait


class RefusedError(Exception):
    """The server refuses this very request (another 4xx): asking again would not help."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Request:
    """One completion to ask for. `prompt_ids` for /v1/completions, `messages` for /v1/chat/completions.

    `model` is the server's name for an adapter; None asks the endpoint's model itself.
    """

    problem: str
    sample: int
    seed: int
    max_tokens: int
    prompt_ids: tuple[int, ...] = field(repr=False, default=())
    messages: tuple[dict[str, str], ...] = field(repr=False, default=())
    model: str | None = None


@dataclass(frozen=True)
class Endpoint:
    """Where and how to ask. `model` is the name the server knows; `strict` servers get only OpenAI's own fields."""

    base_url: str
    model: str
    chat: bool = False
    strict: bool = False
    stream: bool = False
    authorization: str | None = field(repr=False, default=None)
    eos_texts: tuple[str, ...] = ()
    attempts: int = 6

    @property
    def url(self) -> str:
        return f"{self.base_url}/v1/{'chat/completions' if self.chat else 'completions'}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.authorization} if self.authorization else {}


def body(request: Request, configuration: Configuration, endpoint: Endpoint) -> dict[str, Any]:
    """The request's JSON. Every sampling field is sent, so that no server's default can change an answer."""
    fields: dict[str, Any] = {
        "model": request.model or endpoint.model,
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
        fields["return_token_ids"] = True
    if not endpoint.chat:
        whole = {} if endpoint.strict else {"skip_special_tokens": False}  # they are stripped here: see strip_end
        return fields | whole | {"prompt": list(request.prompt_ids)}
    fields["messages"] = list(request.messages)
    if kwargs := json.loads(configuration.chat_template_kwargs):
        fields["chat_template_kwargs"] = kwargs
    return fields


def unsendable(configuration: Configuration) -> str | None:
    """The flag that a server which knows only OpenAI's fields cannot be told; None where there is none."""
    for name, neutral in NEUTRAL.items():
        if getattr(configuration, name) != neutral:
            return f"--{name} {getattr(configuration, name)}"
    kwargs = configuration.chat_template_kwargs
    return f"--chat_template_kwargs '{kwargs}'" if configuration.endpoint == "chat" and json.loads(kwargs) else None


class Client:
    """Sends requests over one session. `on_tokens(count)` is called as tokens arrive where the endpoint streams."""

    def __init__(
        self, session: aiohttp.ClientSession, endpoint: Endpoint, request_seconds: float | None = None
    ) -> None:
        self.session, self.endpoint = session, endpoint
        self.timeout = aiohttp.ClientTimeout(total=request_seconds, sock_connect=30)
        self.on_tokens: Callable[[int], None] = lambda count: None
        self.retries = 0

    async def complete(
        self, request: Request, configuration: Configuration, *, retry: bool = True, strict: bool = False
    ) -> Completion:
        """One completion. Raises TransientError after the last try, RefusedError at once."""
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self.endpoint.attempts if retry else 1),
            wait=_wait,
            before_sleep=self._count,
            reraise=True,
        )
        endpoint = replace(self.endpoint, strict=strict or self.endpoint.strict)
        return await attempts(self._ask, request, configuration, endpoint)

    def _count(self, state: RetryCallState) -> None:
        self.retries += 1

    async def _ask(self, request: Request, configuration: Configuration, endpoint: Endpoint) -> Completion:
        began = time.time()
        fields = body(request, configuration, endpoint)
        try:
            async with self.session.post(
                endpoint.url, json=fields, headers=endpoint.headers, timeout=self.timeout
            ) as response:
                if response.status != 200:
                    raise await _failure(response, endpoint)
                answer = await (self._streamed(response) if endpoint.stream else response.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"{type(error).__name__}: {error}") from error
        except ValueError as error:
            raise TransientError(f"the server's answer is not JSON: {error}") from error
        return _completion(request, answer, endpoint, began)

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
            if event.get("error"):
                raise TransientError(f"the server broke off its answer: {str(event['error'])[:400]}")
            merged["usage"] = event.get("usage") or merged.get("usage")
            for part in event.get("choices") or []:
                _merge(choice, part)
                self.on_tokens(len(part.get("token_ids") or ()) or 1)
        if not choice.get("finish_reason"):
            raise TransientError("the server's stream ended in the middle of an answer")
        return merged


_backoff = wait_random_exponential(multiplier=0.5, max=30)


def _wait(state: RetryCallState) -> float:
    """Seconds until the next try: growing and random, and at least as long as the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    return max(_backoff(state), min(getattr(error, "wait", 0.0), LONGEST_WAIT))


def _merge(choice: dict[str, Any], part: dict[str, Any]) -> None:
    delta = part.get("delta") or {}
    choice["text"] += part.get("text") or ""
    choice["message"]["content"] += delta.get("content") or ""
    choice["message"]["reasoning"] += delta.get("reasoning_content") or delta.get("reasoning") or ""
    choice["token_ids"] += part.get("token_ids") or []
    choice["finish_reason"] = part.get("finish_reason") or choice.get("finish_reason")


async def _failure(response: aiohttp.ClientResponse, endpoint: Endpoint) -> Exception:
    text = (await response.text(errors="replace"))[:400]
    if endpoint.authorization:  # some servers quote the key that they refuse
        text = text.replace(endpoint.authorization.partition(" ")[2], "***")
    message = f"HTTP {response.status}: {text}"
    if response.status in RETRIED and "insufficient_quota" not in text:
        asked = response.headers.get("Retry-After", "")
        return TransientError(message, response.status, float(asked) if asked.isdecimal() else 0.0)
    return RefusedError(message, response.status)


def _completion(request: Request, answer: dict[str, Any], endpoint: Endpoint, began: float) -> Completion:
    try:
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        message = choice.get("message") or {}
        text = (message.get("content") if endpoint.chat else choice.get("text")) or ""
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        raise TransientError(f"the server's answer has no choices: {str(answer)[:200]}") from error
    if choice.get("finish_reason") in UNFINISHED:
        raise TransientError(f"the server broke off its answer: finish_reason {choice['finish_reason']}")
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
