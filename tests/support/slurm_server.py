"""A small OpenAI-compatible server whose answers depend only on the prompt and the seed, and which records them.

python tests/support/slurm_server.py RECORD [SECONDS [HOLD]]    prints its port; RECORD gets one line per answer

With HOLD, each model gets that many answers; further ones wait until a file RECORD.go exists.
"""

import hashlib
import json
import os
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.answer({"data": []})
        elif self.path == "/metrics":
            self.answer("vllm:generation_tokens_total 1\n")
        else:
            self.answer({"version": "fake"})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with LOCK:
            self.server.asked[asked["model"]] += 1
            held = self.server.hold and self.server.asked[asked["model"]] > self.server.hold
        time.sleep(self.server.seconds)
        while held and not os.path.exists(f"{self.server.record}.go"):
            time.sleep(0.1)
        key = json.dumps([asked["prompt"], asked["seed"]])
        digest = hashlib.sha256(key.encode()).digest()
        text = f"Working it out step by step, the result is \\boxed{{{digest[0] % 4}}}."
        with LOCK, open(self.server.record, "a", encoding="utf-8") as stream:
            stream.write(json.dumps([asked["model"], key]) + "\n")
        choice = {"text": text, "finish_reason": "stop", "token_ids": list(digest[:16])}
        usage = {"prompt_tokens": len(asked["prompt"]), "completion_tokens": 16}
        self.answer({"choices": [choice], "usage": usage})

    def answer(self, value: object) -> None:
        data = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Do not report clients that were killed while they waited."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    server = Server(("127.0.0.1", 0), Handler)
    server.record, server.asked = sys.argv[1], Counter()
    server.seconds, server.hold = float([*sys.argv, 0][2]), int([*sys.argv, 0, 0][3])
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
