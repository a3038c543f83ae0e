"""Whether a server answers at all, and what its own counters say."""

import socket

import aiohttp

from evalsuite.engine.client import Endpoint

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
