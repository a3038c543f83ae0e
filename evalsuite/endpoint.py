"""How to ask the server: its model's name, whether it streams, and the key, which is never written anywhere."""

import argparse
import os
from typing import TYPE_CHECKING, Any

import aiohttp

from evalsuite.engine.client import Endpoint, generated_tokens
from evalsuite.engine.server import Server
from evalsuite.errors import RunError, UserError
from evalsuite.provenance import without_credentials

if TYPE_CHECKING:
    from evalsuite.plan import Sweep


async def open_endpoint(
    args: argparse.Namespace, sweep: "Sweep", server: Server | None, eos_texts: tuple[str, ...]
) -> tuple[Endpoint, str | None]:
    """The endpoint of our own server or of --base_url, and the server's version where it tells."""
    if server is not None:
        async with aiohttp.ClientSession(connector=server.connector()) as session:
            version = await _get(session, f"{server.base_url}/version", {})
        return Endpoint(server.base_url, sweep.engine.served_name, eos_texts=eos_texts), (version or {}).get("version")
    base_url = args.base_url.rstrip("/").removesuffix("/v1")
    endpoint = Endpoint(base_url, sweep.model.source, sweep.chat, api_key=os.environ.get(args.api_key_env) or None)
    async with aiohttp.ClientSession() as session:
        models = await _get(session, f"{base_url}/v1/models", endpoint.headers, must=True)
        version = await _get(session, f"{base_url}/version", endpoint.headers) or {}
        counted = await generated_tokens(session, endpoint) is not None
    name = args.served_model or _served_name(models, sweep.model.source)
    return Endpoint(
        base_url, name, sweep.chat, stream=not counted, api_key=endpoint.api_key, eos_texts=eos_texts
    ), version.get("version")


def _served_name(models: Any, wanted: str) -> str:
    """The server's name for the model: the same, else the only one it has."""
    entries = models.get("data") if isinstance(models, dict) else None
    names = [entry.get("id") for entry in entries or [] if isinstance(entry, dict)]
    if wanted in names or not names:
        return wanted
    if len(names) == 1:
        return names[0]
    raise UserError(f"the server has {', '.join(map(str, names[:8]))}, not {wanted}; name one with --served_model")


async def _get(session: aiohttp.ClientSession, url: str, headers: dict[str, str], must: bool = False) -> Any:
    try:
        async with session.get(url, headers=headers, timeout=aiohttp.ClientTimeout(20)) as response:
            if must and response.status in (401, 403):
                raise RunError(
                    f"{without_credentials(url)} refuses the key ({response.status}); set the key's variable"
                )
            return await response.json(content_type=None) if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        if must:
            raise RunError(f"cannot reach {without_credentials(url)}: {error}; is the server running?") from error
        return None
