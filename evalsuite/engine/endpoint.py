"""The server that answers: its address and credentials, its model's name, whether it is healthy, its counters."""

import base64
import contextlib
import socket
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from evalsuite.engine.client import Client, Endpoint, RefusedError, Request, TransientError, unsendable
from evalsuite.engine.server import Server
from evalsuite.errors import RunError, UserError
from evalsuite.experiment import Configuration
from evalsuite.files import printable

PROBE_SECONDS = 120.0  # a model that is loaded on demand takes its time


async def own_endpoint(server: Server, model: str, eos_texts: tuple[str, ...]) -> tuple[Endpoint, str | None]:
    """The endpoint of our own server, which serves `model`, and its version where it says."""
    async with aiohttp.ClientSession(connector=server.connector()) as session:
        version = await _get(session, f"{server.base_url}/version", {})
    return Endpoint(server.base_url, model, eos_texts=eos_texts), (version or {}).get("version")


async def open_endpoint(
    base_url: str, model: str, served_model: str | None, authorization: str | None, chat: bool,
    eos_texts: tuple[str, ...], configurations: Iterable[Configuration],
) -> tuple[Endpoint, str | None]:  # fmt: skip
    """The endpoint of a server that is already running, and the server's version where it says.

    `served_model` is the server's name for `model`; None asks the server. Raises RunError where the server cannot be
    reached, UserError where it does not know a sampling field that one of `configurations` needs.
    """
    endpoint = Endpoint(address(base_url), model, chat, eos_texts=eos_texts, authorization=authorization)
    async with aiohttp.ClientSession() as session:
        models = await _get(session, f"{endpoint.base_url}/v1/models", endpoint.headers, must=True)
        version = await _get(session, f"{endpoint.base_url}/version", endpoint.headers)
        counted = await counters(session, endpoint) is not None
        endpoint = replace(endpoint, model=served_model or _served_name(models, model), stream=not counted)
        await _check_fields(Client(session, endpoint, PROBE_SECONDS), configurations)
    return endpoint, version.get("version") if version else None


async def _check_fields(client: Client, configurations: Iterable[Configuration]) -> None:
    """Raise UserError where the server answers OpenAI's fields alone and something else was asked for.

    One token tells. Any other trouble is left to the run itself, which knows what can be waited for.
    """
    odd = next(filter(unsendable, configurations), None)
    if odd is None:
        return
    sent = {"messages": ({"role": "user", "content": "1"},)} if client.endpoint.chat else {"prompt_ids": (1,)}
    probe = Request("", 0, 0, 1, **sent)
    try:
        await client.complete(probe, odd, retry=False)
    except RefusedError as refusal:
        with contextlib.suppress(RefusedError, TransientError):
            await client.complete(probe, odd, retry=False, strict=True)
            raise UserError(
                f"{client.endpoint.base_url} does not know {unsendable(odd)}: leave it out, or ask a server that does "
                f"({printable(str(refusal), 120)})"
            ) from refusal
    except TransientError:
        return


def _served_name(models: Any, wanted: str) -> str:
    """The server's name for the model: the same, else the only one it has."""
    entries = models.get("data") if models else None
    names = [entry.get("id") for entry in entries or [] if isinstance(entry, dict)]
    if wanted in names or not names:
        return wanted
    if len(names) == 1:
        return names[0]
    raise UserError(f"the server has {', '.join(map(str, names[:8]))}, not {wanted}; name one with --served_model")


async def _get(session: aiohttp.ClientSession, url: str, headers: dict[str, str], must: bool = False) -> Any:
    """A page's JSON, None where it has none. With `must` a server that cannot be reached is a RunError."""
    try:
        async with session.get(url, headers=headers, timeout=aiohttp.ClientTimeout(20)) as response:
            if must and response.status in (401, 403):
                raise RunError(f"{url} refuses the key ({response.status}); set the variable that --api_key_env names")
            value = await response.json(content_type=None) if response.status == 200 else None
    except ValueError:
        return None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        if must:
            raise RunError(f"cannot reach {url}: {error}; is the server running?") from error
        return None
    return value if isinstance(value, dict) else None


def check_address(base_url: str) -> None:
    """Raise UserError unless it is the address of a server."""
    try:
        parts = urlsplit(base_url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UserError("--base_url is not the address of a server; write it like http://127.0.0.1:8000")


def without_credentials(url: str) -> str:
    """A URL without user, password and query.

    >>> without_credentials("https://me:secret@host:1/v1?key=x")
    'https://host:1/v1'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def address(base_url: str) -> str:
    """The server's address: --base_url without credentials and without the /v1 that many write.

    >>> address("https://me:secret@host:1/api/v1/")
    'https://host:1/api'
    """
    return without_credentials(base_url).rstrip("/").removesuffix("/v1")


def authorization(base_url: str, key: str | None) -> str | None:
    """The header's value: the URL's own user and password before the key, which may be meant for another server."""
    parts = urlsplit(base_url)
    if parts.username is None:
        key = (key or "").strip()  # a file's line break came along
        return f"Bearer {key}" if key else None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


COUNTERS = {
    "vllm:generation_tokens_total": "generation",
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
}


def connector() -> aiohttp.TCPConnector:
    """Connections to a server elsewhere, without a limit of their own. An answer may take an hour without a byte:
    probes keep routers from forgetting the connection, and tell when the other end is gone."""
    return aiohttp.TCPConnector(limit=0, socket_factory=kept_alive)


def kept_alive(address: tuple) -> socket.socket:
    """A socket for an address as getaddrinfo gives it, probed after a minute of silence."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 6)):
        if hasattr(socket, name):  # not on every system
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


async def answers(session: aiohttp.ClientSession, endpoint: Endpoint) -> bool:
    """Whether the server is well: vLLM's /health, which fails when its engine is dead; elsewhere any answer will do."""
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
    """Sums of vLLM's counters (`generation`, `running`, `waiting`) from /metrics; None where the server has none."""
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


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
