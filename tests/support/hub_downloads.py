"""A fake hub on loopback that serves folders as repositories, with what huggingface_hub and datasets need.

The folders are ROOT/models/ORG/NAME and ROOT/datasets/ORG/NAME. Each has one revision, with its own commit.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/[^/]+)?(?:/(.*))?$")
FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/[^/]+/(.+)$")


def commit_of(folder: Path) -> str:
    """The commit of a repository's only revision, 40 hex digits."""
    return hashlib.sha1(folder.name.encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if found := API.match(path):
            self.repository(self.server.root / found[1] / found[2], found[2], found[3], found[4] or "")
        elif found := FILE.match(path):
            self.file(self.server.root / ("datasets" if found[1] else "models") / found[2], found[3])
        else:
            self.missing("RepoNotFound")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.asked = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.do_GET()

    def repository(self, folder: Path, name: str, what: str | None, below: str) -> None:
        if not folder.is_dir():
            self.missing("RepoNotFound")
        elif what == "tree":
            self.value([self.entry(folder, path) for path in sorted((folder / below).iterdir())])
        elif what == "paths-info":
            paths = [path for path in sorted(folder.rglob("*")) if str(path.relative_to(folder)) in self.asked]
            self.value([self.entry(folder, path) for path in paths])
        else:
            names = [{"rfilename": str(path.relative_to(folder))} for path in folder.rglob("*") if path.is_file()]
            facts = {"private": False, "gated": False, "tags": [], "downloads": 0, "likes": 0}
            facts |= {"id": name, "sha": commit_of(folder), "lastModified": "2026-01-01T00:00:00.000Z"}
            self.value(facts | {"siblings": names})

    def entry(self, folder: Path, path: Path) -> dict:
        kind = "directory" if path.is_dir() else "file"
        size = path.stat().st_size if path.is_file() else 0
        return {"type": kind, "path": str(path.relative_to(folder)), "size": size, "oid": commit_of(path)}

    def file(self, folder: Path, name: str) -> None:
        path = folder / name
        if not path.is_file():
            return self.missing("EntryNotFound", commit_of(folder))
        data = path.read_bytes()
        self.answer(200, data, {"X-Repo-Commit": commit_of(folder), "ETag": f'"{hashlib.sha1(data).hexdigest()}"'})

    def missing(self, code: str, commit: str = "") -> None:
        self.answer(404, b"", {"X-Error-Code": code, "X-Repo-Commit": commit})

    def value(self, value: object) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serve the repositories in a folder; yields the hub's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.root = root
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
