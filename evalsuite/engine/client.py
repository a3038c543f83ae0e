"""Request one completion from a server: the body that is sent, the answer, and which failures are retried."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from evalsuite.experiment import Configuration
from evalsuite.store.journal import Completion

# Sampling fields that OpenAI's API does not have, with the value at which each of them changes nothing.
NEUTRAL: dict[str, Any] = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
RETRIED_STATUSES = (408, 409, 425, 429, 500, 502, 503, 504)
ABORT_REASONS = ("abort", "error")  # vLLM's finish reasons if it was stopped in the middle of an answer
LONGEST_WAIT = 120.0  # seconds; a longer Retry-After of a server is cut to this
_backoff = wait_random_exponential(multiplier=0.5, max=30)


class TransientError(Exception):
    """A failure that may pass: a dropped connection, a timeout, HTTP 429 or 5xx. `wait` is the server's Retry-After in
    seconds."""

    def __init__(self, message: str, status: int = 0, wait: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.wait = status, wait


class RefusedError(Exception):
    """The server refuses this particular request (any other 4xx status), so it is not retried."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Request:
    """One completion to request: with `prompt_ids` from /v1/completions, or with `messages` from /v1/chat/completions.

    `model` is the server's name for an adapter; None requests the endpoint's model itself.
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
    """Where and how to send requests. `model` is the model's name on the server. A `strict` server accepts only the
    fields of OpenAI's own API. `eos_texts` are the end tokens that are stripped from answers."""

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
        """Where completions are requested."""
        return f"{self.base_url}/v1/{'chat/completions' if self.chat else 'completions'}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        return {"Authorization": self.authorization} if self.authorization else {}


def request_body(request: Request, configuration: Configuration, endpoint: Endpoint) -> dict[str, Any]:
    """The JSON body of a request. It has every sampling field, so that no default of a server can change an answer."""
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
        keep = {} if endpoint.strict else {"skip_special_tokens": False}  # graders read them; see strip_end
        return fields | keep | {"prompt": list(request.prompt_ids)}
    fields["messages"] = list(request.messages)
    if kwargs := json.loads(configuration.chat_template_kwargs):
        fields["chat_template_kwargs"] = kwargs
    return fields


def unsupported_flag(configuration: Configuration) -> str | None:
    """A flag of ours that cannot be expressed with OpenAI's own fields; None if there is none."""
    for name, neutral in NEUTRAL.items():
        if getattr(configuration, name) != neutral:
            return f"--{name} {getattr(configuration, name)}"
    kwargs = configuration.chat_template_kwargs
    return f"--chat_template_kwargs '{kwargs}'" if configuration.endpoint == "chat" and json.loads(kwargs) else None


class Client:
    """Sends requests over one session. If the endpoint streams, `on_tokens(count)` is called as tokens arrive."""

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
        """Request one completion. Raises RefusedError immediately, and TransientError after the last attempt."""
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self.endpoint.attempts if retry else 1),
            wait=_seconds_to_wait,
            before_sleep=self._count_retry,
            reraise=True,
        )
        endpoint = replace(self.endpoint, strict=strict or self.endpoint.strict)
        return await attempts(self._send, request, configuration, endpoint)

    def _count_retry(self, _: RetryCallState) -> None:
        self.retries += 1

    async def _send(self, request: Request, configuration: Configuration, endpoint: Endpoint) -> Completion:
        began = time.time()
        fields = request_body(request, configuration, endpoint)
        try:
            async with self.session.post(
                endpoint.url, json=fields, headers=endpoint.headers, timeout=self.timeout
            ) as response:
                if response.status != 200:
                    raise await _failure(response, endpoint)
                answer = await (self._merged_stream(response) if endpoint.stream else response.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"{type(error).__name__}: {error}") from error
        except ValueError as error:
            raise TransientError(f"the server's answer is not JSON: {error}") from error
        return _completion(request, answer, endpoint, began)

    async def _merged_stream(self, response: aiohttp.ClientResponse) -> dict[str, Any]:
        """A streamed answer in the form of an unstreamed one."""
        merged: dict[str, Any] = {
            "choices": [{"text": "", "message": {"content": "", "reasoning": ""}, "token_ids": []}]
        }
        choice = merged["choices"][0]
        async for line in response.content:
            if not line.startswith(b"data:") or line.strip() == b"data: [DONE]":
                continue
            event = json.loads(line[5:])
            if event.get("error"):
                raise TransientError(f"the server aborted its answer: {str(event['error'])[:400]}")
            merged["usage"] = event.get("usage") or merged.get("usage")
            for part in event.get("choices") or []:
                _merge(choice, part)
                self.on_tokens(len(part.get("token_ids") or ()) or 1)
        if not choice.get("finish_reason"):
            raise TransientError("the server's stream ended in the middle of an answer")
        return merged


def _seconds_to_wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: random, growing exponentially, and no shorter than the server's Retry-After."""
    error = state.outcome.exception() if state.outcome else None
    return max(_backoff(state), min(getattr(error, "wait", 0.0), LONGEST_WAIT))


def _merge(choice: dict[str, Any], part: dict[str, Any]) -> None:
    """Add one piece of a stream, in the form of either endpoint, to the choice being put together."""
    delta = part.get("delta") or {}
    choice["text"] += part.get("text") or ""
    choice["message"]["content"] += delta.get("content") or ""
    choice["message"]["reasoning"] += delta.get("reasoning_content") or delta.get("reasoning") or ""
    choice["token_ids"] += part.get("token_ids") or []
    choice["finish_reason"] = part.get("finish_reason") or choice.get("finish_reason")


async def _failure(response: aiohttp.ClientResponse, endpoint: Endpoint) -> Exception:
    """The exception for a response with another status than 200."""
    text = (await response.text(errors="replace"))[:400]
    if endpoint.authorization:  # some servers quote the key that they reject
        text = text.replace(endpoint.authorization.partition(" ")[2], "***")
    message = f"HTTP {response.status}: {text}"
    if response.status in RETRIED_STATUSES and "insufficient_quota" not in text:
        retry_after = response.headers.get("Retry-After", "")
        return TransientError(message, response.status, float(retry_after) if retry_after.isdecimal() else 0.0)
    return RefusedError(message, response.status)


def _completion(request: Request, answer: dict[str, Any], endpoint: Endpoint, began: float) -> Completion:
    try:
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        message = choice.get("message") or {}
        text = (message.get("content") if endpoint.chat else choice.get("text")) or ""
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        raise TransientError(f"the server's answer has no choices: {str(answer)[:200]}") from error
    if choice.get("finish_reason") in ABORT_REASONS:
        raise TransientError(f"the server aborted its answer: finish_reason {choice['finish_reason']}")
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
    """The text without its final end-of-sequence token. Other special tokens are kept, because graders read them.

    >>> strip_end("<|channel|>final<|message|>7<|return|>", ("<|return|>",))
    '<|channel|>final<|message|>7'
    """
    for eos in eos_texts:
        if eos and text.endswith(eos):
            return text[: -len(eos)]
    return text
