"""A server that answers instantly, because it generates all responses before the first request.

    python benchmarks/instant_server.py --problems 500 --tokens 4000 --variants 4      # prints its port

Answers are long texts of prose and formulas that end in the gold of their problem, or in another answer, in one of many
forms. GET /times returns when the first request came, when the last answer was sent, and how many requests were open at
the same time. It implements only as much HTTP as one client needs, because anything more would distort the timing.
"""

import argparse
import asyncio
import json
import re
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.report import reasoning

VOCABULARY = 150_000
PIECES = re.compile(r" ?\w{1,6}|\W")
PROMPT = b'"prompt": '
SEED = re.compile(rb'"seed": (\d+)')


def problem(number: int) -> dict[str, str]:
    """A problem of one of ten kinds, with its gold answer and other ways to write it (`forms`)."""
    rng = np.random.default_rng(number)
    a, b, c = (int(one) for one in rng.integers(2, 60, 3))
    quadratic = f"x^2+{a - b}x-{a * b}".replace("+-", "-")
    kinds = (
        ("Write {a}/97 + {b}/97 as one fraction.", rf"\frac{{{a + b}}}{{97}}", rf"{a + b}/97;\dfrac{{{a + b}}}{{97}}"),
        ("Find {a}^2 x {b}.", f"{a * a * b}", f"{a * a * b:,};x = {a * a * b}"),
        ("Expand (x+{a})(x-{b}).", quadratic, f"(x+{a})(x-{b});-{a * b}+x^2+({a}-{b})x"),
        ("For which x is {a} <= x < {a}+{b}?", f"[{a},{a + b})", rf"{a} \le x < {a + b};x\in[{a}, {a + b})"),
        ("Where do x = {a} and y = -{b}/2 meet?", rf"\left({a}, -\frac{{{b}}}{{2}}\right)", f"({a}, {-b / 2})"),
        ("Simplify {a} times the root of 12.", rf"{2 * a}\sqrt{{3}}", rf"\sqrt{{{12 * a * a}}};{2 * a}\cdot\sqrt 3"),
        ("Solve (x-{a})(x+{b}) = 0.", f"{a}, -{b}", rf"-{b}, {a};\{{-{b}, {a}\}};x = {a} \text{{ or }} x = -{b}"),
        ("What share of 400 are {a}?", rf"{a / 4:g}\%", rf"{a / 4:g};{a / 4:g} \text{{ percent}}"),
        ("Give the matrix of {a}, 1, 1, {b}.", matrix("p", a, b), matrix("b", a, b)),
        ("Give {a} times {c} degrees in radians.", rf"\frac{{{a * c}\pi}}{{180}}", rf"{a * c}\pi/180"),
    )
    text, gold, forms = kinds[number % len(kinds)]
    asked = f"Problem {number}. " + text.format(a=a, b=b, c=c)
    return {"id": f"p{number}", "problem": asked, "answer": gold, "forms": [gold, *forms.split(";")]}


def matrix(brackets: str, a: int, b: int) -> str:
    return rf"\begin{{{brackets}matrix}} {a} & 1 \\ 1 & {b} \end{{{brackets}matrix}}"


def ending(number: int, variant: int) -> tuple[str, str]:
    """The end of an answer, in one of several phrasings and right in about 60% of cases, and its finish reason."""
    rng = np.random.default_rng([number, variant])
    forms = problem(number if rng.random() < 0.6 else number + 10)["forms"]
    said = forms[int(rng.integers(len(forms)))]
    shapes = (
        rf"Hence the result is \boxed{{{said}}}.", rf"\[\boxed{{{said}}}\]", rf"</think>We get $\boxed{{{said}}}$.",
        f"<answer>{said}</answer>", f"The answer is ${said}$.", f"**Answer:** {said}", f"and so it must be ${said}$",
        rf"First \boxed{{0}}, but that was wrong: \boxed{{{said}}}", f"therefore we find {said}.", "and now we",
    )  # fmt: skip
    shape = int(rng.integers(len(shapes)))
    return "\n\n" + shapes[shape], "length" if shape == len(shapes) - 1 else "stop"


def answer(number: int, variant: int, tokens: int) -> dict[str, Any]:
    """A response of exactly `tokens` tokens: its text, token ids and finish reason."""
    last, finish = ending(number, variant)
    rng = np.random.default_rng([number, variant, 1])
    end = PIECES.findall(last)
    body = PIECES.findall(reasoning(rng, 6 * tokens, None))[: max(0, tokens - len(end))]
    pieces = [*body, *end][:tokens]
    return {"text": "".join(pieces), "ids": [zlib.crc32(one.encode()) % VOCABULARY for one in pieces], "finish": finish}


def response(number: int, variant: int, tokens: int, name: str) -> bytes:
    """The HTTP response with a completion."""
    made = answer(number, variant, tokens)
    choice = {"index": 0, "text": made["text"], "finish_reason": made["finish"], "token_ids": made["ids"]}
    usage = {"prompt_tokens": 100, "completion_tokens": len(made["ids"])}
    return http(json.dumps({"id": "x", "model": name, "choices": [choice], "usage": usage}))


def http(body: str, kind: str = "application/json") -> bytes:
    data = body.encode()
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


class Instant:
    """All responses by problem and variant, and statistics of the requests."""

    def __init__(self, count: int, variants: int, tokens: int, name: str) -> None:
        self.name, self.variants = name, variants
        self.ready = [[response(number, one, tokens, name) for one in range(variants)] for number in range(count)]
        self.numbers: dict[bytes, int] = {}  # the JSON of a prompt -> its problem
        self.count = self.tokens = self.open = self.most_open = 0
        self.each = tokens
        self.first = self.last = 0.0

    def complete(self, body: bytes) -> bytes:
        """The response to a completion request, found by the problem number in its prompt of byte tokens."""
        prompt = body[body.rindex(PROMPT) + len(PROMPT) :]
        if (number := self.numbers.get(prompt)) is None:
            text = bytes(one for one in json.loads(body)["prompt"] if one < 256).decode()
            number = self.numbers[prompt] = int(re.search(r"Problem (\d+)\.", text)[1])
        self.first = self.first or time.time()
        self.last = time.time()
        self.count += 1
        return self.ready[number][int(SEED.search(body)[1]) % self.variants]

    def get(self, path: bytes) -> bytes:
        """The response to a GET request."""
        if path == b"/metrics":
            return http(f"vllm:generation_tokens_total {float(self.count * self.each)}\n", "text/plain")
        if path == b"/times":
            names = ("first", "last", "count", "most_open")
            return http(json.dumps({name: getattr(self, name) for name in names}))
        return http(json.dumps({"version": "instant", "data": [{"id": self.name}]}))


class Connection(asyncio.Protocol):
    """Reads requests and answers them in the next iteration of the event loop, so that waiting ones are counted."""

    def __init__(self, instant: Instant) -> None:
        self.instant, self.buffer = instant, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        method, path, _ = head.split(b" ", 2)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            return
        self.buffer = rest[size:]
        if method == b"GET":
            self.transport.write(self.instant.get(path))
            return
        self.instant.open += 1
        self.instant.most_open = max(self.instant.most_open, self.instant.open)
        asyncio.get_running_loop().call_soon(self._answer, rest[:size])

    def _answer(self, body: bytes) -> None:
        self.instant.open -= 1
        self.transport.write(self.instant.complete(body))


async def serve(instant: Instant) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(instant), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=500)
    parser.add_argument("--tokens", type=int, default=4000)
    parser.add_argument("--variants", type=int, default=8)
    args = parser.parse_args(argv)
    asyncio.run(serve(Instant(args.problems, args.variants, args.tokens, "instant")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
