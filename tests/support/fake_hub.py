"""A fake hub on loopback with what lighteval's push needs: data sets can be created, committed to, listed and read."""

import base64
import functools
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

COMMIT = "0" * 40


class FakeHub(ThreadingHTTPServer):
    """`private` says whether each data set is private, `files` what was committed: {"org/name": {path: bytes}}."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.private: dict[str, bool] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.refused = False  # answer everything with 403

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """The routes of the hub's API that are needed."""

    server: FakeHub

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def answer(self, value: object, status: int = 200, **headers: str) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = urlsplit(self.path).path
        if self.server.refused:
            self.answer({"error": "you may not"}, 403)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/(preupload|commit|paths-info)/.*", path):
            getattr(self, "_" + found[2].replace("-", "_"))(found[1], body)
        else:
            self.answer({"error": path}, 404)

    def _create(self, asked: dict) -> None:
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        self.server.private[name] = asked.get("visibility") == "private" or asked.get("private", False)
        self.server.files.setdefault(name, {})
        self.answer({"url": f"{self.server.url}/datasets/{name}"})

    def _preupload(self, name: str, body: bytes) -> None:
        paths = [one["path"] for one in json.loads(body)["files"]]
        files = [{"path": path, "uploadMode": "regular", "shouldIgnore": False, "oid": None} for path in paths]
        self.answer({"files": files})

    def _commit(self, name: str, body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                self.server.files[name][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        self.answer({"commitOid": COMMIT, "commitUrl": f"{self.server.url}/datasets/{name}/commit/{COMMIT}"})

    def _paths_info(self, name: str, body: bytes) -> None:
        self.answer([])

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(/revision/[^/]+)?", path):
            self._info(found[1])
        elif found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/tree/[^/]+", path):
            self._tree(found[1])
        elif found := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/[^/]+/(.*)", path):
            self._file(found[1], found[2])
        else:
            self.answer({"error": path}, 404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET

    def _info(self, name: str) -> None:
        siblings = [{"rfilename": path} for path in self.server.files.get(name, {})]
        self.answer({"id": name, "sha": COMMIT, "siblings": siblings, "private": True, "tags": []})

    def _tree(self, name: str) -> None:
        files = self.server.files[name].items()
        self.answer([{"type": "file", "path": path, "size": len(data), "oid": COMMIT} for path, data in files])

    def _file(self, name: str, path: str) -> None:
        data = self.server.files.get(name, {}).get(path)
        if data is None:
            self.answer({"error": path}, 404, X_Error_Code="EntryNotFound")
        else:
            self.answer(data, ETag=f'"{abs(hash(data))}"', X_Repo_Commit=COMMIT)


@functools.cache
def running_hub() -> FakeHub:
    """The only one of this process, which runs until the process ends."""
    hub = FakeHub()
    Thread(target=hub.serve_forever, daemon=True).start()
    return hub
