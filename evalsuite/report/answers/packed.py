"""The files that the answers' page loads: scripts that hand over packed JSON, for a page on disk cannot fetch.

Packed means: JSON, gzip, base64. A script holds nothing else than one call with names of our own making.
"""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from evalsuite.files import replacing

RECEIVER = "evalsuiteReceive"
LEVEL = 5  # gzip's: three times smaller at some 60 MB a second
_CALL = re.compile(rb'^%b\("[^"]*","([^"]*)"\);\s*$' % RECEIVER.encode())


def name(text: str) -> str:
    """A folder's name for a task or a configuration: readable, and told apart by its hash.

    >>> name("gpqa:diamond <x>")
    'gpqa_diamond_x_-c8e4aa'
    """
    slug = re.sub(r"[^A-Za-z0-9.-]+", "_", text)[:40].lstrip(".")
    return f"{slug}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:6]}"


def write(folder: Path, place: str, value: Any) -> int:
    """Write a value for the page, under `folder`/`place`.js; returns the characters of its JSON."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    packed = base64.b64encode(gzip.compress(text.encode(), LEVEL, mtime=0)).decode()
    with replacing(folder / f"{place}.js", sync=False) as stream:
        stream.write(f'{RECEIVER}("{place}","{packed}");\n')
    return len(text)


def read(folder: Path, place: str) -> Any:
    """What `write` wrote; raises OSError or ValueError."""
    found = _CALL.match((folder / f"{place}.js").read_bytes())
    if not found:
        raise ValueError("not a file of the answers' page")
    return json.loads(gzip.decompress(base64.b64decode(found[1])))
