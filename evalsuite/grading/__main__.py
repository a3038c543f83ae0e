"""Grade a file of answers: one JSON object per line with `gold`, `response` and `kind` (latex, expr, mcq).

    python -m evalsuite.grading answers.jsonl --jobs 4 > graded.jsonl

Writes the lines in the order of the input, with `verdict` (true or false), `extracted` and `reason` added to their
fields. A line may also have `finish_reason`, `tolerance` and `unit`. Each case is limited to 10 seconds and 1 GiB; one
that exceeds a limit is false, and its reason says so. Lines that cannot be graded are reported on stderr, and the exit
code is then 1.
"""

import argparse
import contextlib
import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import IO, Any

from evalsuite.bounded import BoundedError, BoundedMemory, BoundedTimeout
from evalsuite.errors import EXIT_FAILED, EXIT_OK, UserError, command
from evalsuite.files import printable
from evalsuite.grading.parallel import in_order
from evalsuite.grading.verify import KINDS, verify

SECONDS, MEMORY_BYTES = 10.0, 1 << 30


class BadLine(ValueError):
    """A line that cannot be graded, and why."""


@command("evalsuite.grading")
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m evalsuite.grading", description=__doc__.split("\n\n")[0])
    parser.add_argument("file", metavar="FILE.jsonl", help="lines with gold, response, kind; - reads standard input")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cases to grade in parallel (default: 1)")
    arguments = parser.parse_args(argv)
    if arguments.jobs < 1:
        raise UserError(f"--jobs {arguments.jobs}: give a number of at least 1")
    bad = 0
    with _opened(arguments.file) as lines:
        for number, graded in grade_lines(lines, arguments.jobs):
            if isinstance(graded, BadLine):
                bad += 1
                print(f"{arguments.file} line {number}: {printable(str(graded))}", file=sys.stderr)
            else:
                sys.stdout.buffer.write(graded + b"\n")
    sys.stdout.buffer.flush()
    return EXIT_FAILED if bad else EXIT_OK


@contextlib.contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; give a file of JSON lines") from error
    with os.fdopen(handle, "rb") as stream:
        yield stream


def grade_lines(lines: Iterable[bytes], jobs: int = 1) -> Iterator[tuple[int, bytes | BadLine]]:
    """Yield (line number, graded line or BadLine) for every line that is not blank, in order."""
    waiting: deque[tuple[int, bytes]] = deque()

    def arguments() -> Iterator[tuple[bytes]]:
        for number, line in enumerate(lines, 1):
            if line.strip():
                waiting.append((number, line))
                yield (line,)

    for outcome in in_order(graded_line, arguments(), jobs=jobs, seconds=SECONDS, memory_bytes=MEMORY_BYTES):
        number, line = waiting.popleft()
        yield number, _ungraded(line, outcome) if isinstance(outcome, BoundedError) else outcome


def graded_line(line: bytes) -> bytes | BadLine:
    """One line with its verdict added, or a BadLine that says what is wrong with it."""
    try:
        fields = fields_of(line)
    except BadLine as error:
        return error
    options = {name: fields[name] for name in ("finish_reason", "tolerance", "unit") if fields.get(name) is not None}
    verdict = verify(fields["gold"], fields["response"], fields["kind"], **options)
    return _line(fields, verdict.correct, verdict.extracted, verdict.reason)


def _ungraded(line: bytes, error: BoundedError) -> bytes | BadLine:
    """The line of a case that exceeded its limits, with a false verdict and no answer."""
    named = {BoundedTimeout: f"took more than {SECONDS:g} s", BoundedMemory: "took too much memory"}
    reason = f"grading {named.get(type(error), f'failed: {error}')}"
    try:
        return _line(fields_of(line), False, None, reason)
    except BadLine as bad:
        return bad


def _line(fields: dict[str, Any], correct: bool, extracted: str | None, reason: str) -> bytes:
    told = {**fields, "verdict": correct, "extracted": extracted, "reason": reason}
    try:
        return json.dumps(told, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # the text contains lone surrogates
        return json.dumps(told).encode()


def fields_of(line: bytes) -> dict[str, Any]:
    """The fields of a line. Raises BadLine if it is not a JSON object with valid fields."""
    try:
        fields = json.loads(line.decode("utf-8-sig"), parse_constant=_no_number)
    except RecursionError as error:
        raise BadLine("JSON nested too deeply") from error
    except ValueError as error:
        raise BadLine(f"not JSON in UTF-8: {error}") from error
    if not isinstance(fields, dict):
        raise BadLine("not a JSON object")
    _check(fields)
    return fields


def _no_number(name: str) -> None:
    raise BadLine(f"{name} is not a JSON number")


def _check(fields: dict[str, Any]) -> None:
    gold = fields.get("gold")
    if not isinstance(gold, str) and not (
        isinstance(gold, list) and gold and all(isinstance(one, str) for one in gold)
    ):
        raise BadLine("`gold` must be a string or a list of strings")
    if not isinstance(fields.get("response"), str):
        raise BadLine("`response` must be a string")
    if fields.get("kind") not in KINDS:
        raise BadLine(f"`kind` must be one of {', '.join(KINDS)}")
    tolerance = fields.get("tolerance")
    if tolerance is not None and (
        isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or tolerance < 0
    ):
        raise BadLine("`tolerance` must be a number of at least 0")
    for name in ("finish_reason", "unit"):
        if not isinstance(fields.get(name), str | None):
            raise BadLine(f"`{name}` must be a string")


if __name__ == "__main__":
    sys.exit(main())
