"""A server's address as a user gives it: checked, and kept apart from the credentials in it."""

import base64
from urllib.parse import unquote, urlsplit, urlunsplit

from evalsuite.errors import UserError


def check(base_url: str) -> None:
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
