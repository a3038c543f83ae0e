"""The files that the page of answers loads: scripts that pass packed JSON to it, because a page on disk cannot fetch.

Packed means JSON, compressed with gzip, in base64. A script contains only one call, with a name chosen by this suite.
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
LEVEL = 5  # of gzip: a third of the size, at about 60 MB per second
_CALL = re.compile(rb'^%b\("[^"]*","([^"]*)"\);\s*$' % RECEIVER.encode())


def name(text: str) -> str:
    """A folder name for a task or a configuration: readable, and unique because of its hash.

    >>> name("gpqa:diamond <x>")
    'gpqa_diamond_x_-c8e4aa'
    """
    slug = re.sub(r"[^A-Za-z0-9.-]+", "_", text)[:40].lstrip(".")
    return f"{slug}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:6]}"


def write(folder: Path, name: str, value: Any) -> int:
    """Write a value for the page to `folder`/`name`.js; returns the number of characters of its JSON."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    packed = base64.b64encode(gzip.compress(text.encode(), LEVEL, mtime=0)).decode()
    with replacing(folder / f"{name}.js", sync=False) as stream:
        stream.write(f'{RECEIVER}("{name}","{packed}");\n')
    return len(text)


def read(folder: Path, name: str) -> Any:
    """Read a value that `write` wrote; raises OSError or ValueError."""
    found = _CALL.match((folder / f"{name}.js").read_bytes())
    if not found:
        raise ValueError("not a file of the page of answers")
    return json.loads(gzip.decompress(base64.b64decode(found[1])))
