"""A small OpenAI-compatible server whose answers follow from the prompt and the seed alone; it records every request.

python tests/slurm_server.py RECORD [SECONDS]    prints its port; RECORD gets a line (prompt, seed) a completion
"""

import hashlib
import json
import sys
import threading
import time
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
        time.sleep(self.server.seconds)
        key = json.dumps([asked["prompt"], asked["seed"]])
        digest = hashlib.sha256(key.encode()).digest()
        text = f"Working it out step by step, the result is \\boxed{{{digest[0] % 12}}}."
        with LOCK, open(self.server.record, "a", encoding="utf-8") as stream:
            stream.write(key + "\n")
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


def main() -> None:
    server = Server(("127.0.0.1", 0), Handler)
    server.record, server.seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
