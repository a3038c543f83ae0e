"""How to ask the server: its model's name, whether it streams, and the key, which is never written anywhere."""

import argparse
import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp

from evalsuite.address import address, authorization
from evalsuite.engine.client import Client, Endpoint, RefusedError, Request, TransientError, unsendable
from evalsuite.engine.health import counters
from evalsuite.engine.server import Server
from evalsuite.errors import RunError, UserError
from evalsuite.files import printable

if TYPE_CHECKING:
    from evalsuite.plan import Sweep

PROBE_SECONDS = 120.0  # a model that is loaded on demand takes its time


async def open_endpoint(
    args: argparse.Namespace, sweep: "Sweep", server: Server | None, eos_texts: tuple[str, ...]
) -> tuple[Endpoint, str | None]:
    """The endpoint of our own server or of --base_url, and the server's version where it tells."""
    if server is not None:
        async with aiohttp.ClientSession(connector=server.connector()) as session:
            version = await _get(session, f"{server.base_url}/version", {})
        there = Endpoint(server.base_url, sweep.engine.served_name, eos_texts=eos_texts)
        return there, (version or {}).get("version")
    endpoint = Endpoint(
        address(args.base_url), sweep.model.source, sweep.chat, eos_texts=eos_texts,
        authorization=authorization(args.base_url, os.environ.get(args.api_key_env)),
    )  # fmt: skip
    async with aiohttp.ClientSession() as session:
        models = await _get(session, f"{endpoint.base_url}/v1/models", endpoint.headers, must=True)
        version = await _get(session, f"{endpoint.base_url}/version", endpoint.headers)
        counted = await counters(session, endpoint) is not None
        name = args.served_model or _served_name(models, sweep.model.source)
        endpoint = replace(endpoint, model=name, stream=not counted)
        await _check_fields(Client(session, endpoint, PROBE_SECONDS), sweep)
    return endpoint, version.get("version") if version else None


async def _check_fields(client: Client, sweep: "Sweep") -> None:
    """Raise UserError where the server answers OpenAI's fields alone and something else was asked for.

    One token tells. Any other trouble is left to the run itself, which knows what can be waited for.
    """
    odd = next((one.configuration for one in sweep.experiments if unsendable(one.configuration)), None)
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
