"""The server that answers requests: its address and credentials, the model's name on it, its health, its counters."""

import base64
import contextlib
import socket
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from evalsuite.engine.client import Client, Endpoint, RefusedError, Request, TransientError, unsupported_flag
from evalsuite.engine.server import Server
from evalsuite.errors import RunError, UserError
from evalsuite.experiment import Configuration
from evalsuite.files import printable

PROBE_SECONDS = 120.0  # a server may have to load the model first
COUNTERS = {  # names in vLLM's /metrics, and ours
    "vllm:generation_tokens_total": "generation",
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
}


async def own_endpoint(server: Server, model: str, eos_texts: tuple[str, ...]) -> tuple[Endpoint, str | None]:
    """The endpoint of our own server, which serves `model`, and the version of vLLM if the server tells it."""
    async with aiohttp.ClientSession(connector=server.connector()) as session:
        version = await _get(session, f"{server.base_url}/version", {})
    return Endpoint(server.base_url, model, eos_texts=eos_texts), (version or {}).get("version")


async def open_endpoint(
    base_url: str, model: str, served_model: str | None, authorization: str | None, chat: bool,
    eos_texts: tuple[str, ...], configurations: Iterable[Configuration],
) -> tuple[Endpoint, str | None]:  # fmt: skip
    """The endpoint of a server that is already running, and the version of vLLM if the server tells it.

    `served_model` is the server's name for `model`; if it is None, the server is asked. Raises RunError if the server
    cannot be reached, and UserError if it rejects a sampling field that one of `configurations` needs.
    """
    endpoint = Endpoint(address(base_url), model, chat, eos_texts=eos_texts, authorization=authorization)
    async with aiohttp.ClientSession() as session:
        models = await _get(session, f"{endpoint.base_url}/v1/models", endpoint.headers, must=True)
        version = await _get(session, f"{endpoint.base_url}/version", endpoint.headers)
        counted = await counters(session, endpoint) is not None
        endpoint = replace(endpoint, model=served_model or _served_name(models, model), stream=not counted)
        await _check_fields(Client(session, endpoint, PROBE_SECONDS), configurations)
    return endpoint, version.get("version") if version else None


def connector() -> aiohttp.TCPConnector:
    """A connector to a server elsewhere, with any number of connections.

    An answer may take an hour without a byte being sent. TCP keepalive probes then keep routers from dropping the
    connection, and detect that the other end is gone.
    """
    return aiohttp.TCPConnector(limit=0, socket_factory=keepalive_socket)


def keepalive_socket(address: tuple) -> socket.socket:
    """A socket for an address from getaddrinfo, with keepalive probes after a minute of silence."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 6)):
        if hasattr(socket, name):  # some systems lack them
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


async def is_healthy(session: aiohttp.ClientSession, endpoint: Endpoint) -> bool:
    """Whether the server works: by /health, which on vLLM fails if the engine is dead, or else by /v1/models."""
    for path in ("/health", "/v1/models"):
        try:
            async with session.get(
                f"{endpoint.base_url}{path}", headers=endpoint.headers, timeout=aiohttp.ClientTimeout(10)
            ) as response:
                if response.status != 404:
                    return response.status < 500
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False
    return True


async def counters(session: aiohttp.ClientSession, endpoint: Endpoint) -> dict[str, float] | None:
    """vLLM's counters `generation` (tokens), `running` and `waiting` (requests), summed over engines, from /metrics.

    None if the server does not have them.
    """
    try:
        async with session.get(
            f"{endpoint.base_url}/metrics", headers=endpoint.headers, timeout=aiohttp.ClientTimeout(10)
        ) as response:
            text = await response.text(errors="replace") if response.status == 200 else ""
    except (TimeoutError, aiohttp.ClientError, OSError):
        return None
    sums: dict[str, float] = {}
    for line in text.splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if name in COUNTERS:
            sums[COUNTERS[name]] = sums.get(COUNTERS[name], 0.0) + _number(line.rpartition(" ")[2])
    return sums if "generation" in sums else None


def check_address(base_url: str) -> None:
    """Raise UserError if --base_url is not the address of a server."""
    try:
        parts = urlsplit(base_url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UserError("--base_url is not the address of a server; write it as in http://127.0.0.1:8000")


def without_credentials(url: str) -> str:
    """A URL without its user, password and query.

    >>> without_credentials("https://me:secret@host:1/v1?key=x")
    'https://host:1/v1'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def address(base_url: str) -> str:
    """The server's address: --base_url without credentials and without a final /v1.

    >>> address("https://me:secret@host:1/api/v1/")
    'https://host:1/api'
    """
    return without_credentials(base_url).rstrip("/").removesuffix("/v1")


def authorization(base_url: str, key: str | None) -> str | None:
    """The Authorization header. The user and password in the URL win over the key, which may be for another server."""
    parts = urlsplit(base_url)
    if parts.username is None:
        key = (key or "").strip()  # a key read from a file may end in a line break
        return f"Bearer {key}" if key else None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


async def _check_fields(client: Client, configurations: Iterable[Configuration]) -> None:
    """Raise UserError if the server accepts only OpenAI's own fields and a configuration needs another one.

    A request for one token tells. Any other failure is left to the run itself, which knows what to retry.
    """
    special = next(filter(unsupported_flag, configurations), None)
    if special is None:
        return
    prompt = {"messages": ({"role": "user", "content": "1"},)} if client.endpoint.chat else {"prompt_ids": (1,)}
    probe = Request("", 0, 0, 1, **prompt)
    try:
        await client.complete(probe, special, retry=False)
    except RefusedError as refusal:
        with contextlib.suppress(RefusedError, TransientError):
            await client.complete(probe, special, retry=False, strict=True)
            raise UserError(
                f"{client.endpoint.base_url} does not support {unsupported_flag(special)}; leave it out, or use "
                f"another server ({printable(str(refusal), 120)})"
            ) from refusal
    except TransientError:
        return


def _served_name(models: Any, wanted: str) -> str:
    """The server's name for the model: the same name if the server has it, else the only name it has."""
    entries = models.get("data") if models else None
    names = [entry.get("id") for entry in entries or [] if isinstance(entry, dict)]
    if wanted in names or not names:
        return wanted
    if len(names) == 1:
        return names[0]
    raise UserError(
        f"the server has {', '.join(map(str, names[:8]))}, but not {wanted}; choose one with --served_model"
    )


async def _get(session: aiohttp.ClientSession, url: str, headers: dict[str, str], must: bool = False) -> Any:
    """The JSON object at a URL; None if there is none. With `must`, raises RunError if the server cannot be reached or
    rejects the key."""
    try:
        async with session.get(url, headers=headers, timeout=aiohttp.ClientTimeout(20)) as response:
            if must and response.status in (401, 403):
                raise RunError(
                    f"{url} rejects the key (HTTP {response.status}); set the variable given by --api_key_env"
                )
            value = await response.json(content_type=None) if response.status == 200 else None
    except ValueError:
        return None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        if must:
            raise RunError(f"cannot reach {url}: {error}; is the server running?") from error
        return None
    return value if isinstance(value, dict) else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
