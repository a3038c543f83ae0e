"""Calls of main.py within the tests' own process, so that all of them share one forkserver with lighteval loaded."""

import atexit
import contextlib
import functools
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.support.fake_hub import running_hub
from tests.support.sweeps import Suite, running_server

KEYS = {"MY_KEY": "sk-abcdefgh12345678", "WISE_KEY": "sk-ofthejudge5678", "OPENAI_API_KEY": "sk-another999"}
PARTS = ("ensure_running", "connect_to_new_process", "get_inherited_fds", "set_forkserver_preload")


@functools.cache
def service_environment() -> dict[str, str]:
    """The variables by which workers find services. They get them from the forkserver, so they are the same for all
    tests: the tests' own hub, Weights & Biases without a network, and keys that must not be written anywhere."""
    home = tempfile.TemporaryDirectory(prefix="evalsuite-home-")
    atexit.register(home.cleanup)
    hub = {"HF_ENDPOINT": running_hub().url, "HF_TOKEN": "hf_x", "HF_HOME": home.name}
    return hub | {"WANDB_MODE": "offline"} | KEYS


class SharedForkserver(forkserver.ForkServer):
    """A forkserver with that environment."""

    def ensure_running(self) -> None:
        with patch.dict(os.environ, service_environment()):
            super().ensure_running()


_shared = SharedForkserver()


@dataclass(frozen=True)
class Outcome:
    """The exit code of a call and what it printed; `err` does not include the warnings."""

    code: int
    out: str
    err: str
    warnings: tuple[str, ...] = ()


@contextlib.contextmanager
def shared_forkserver() -> Iterator[None]:
    """In the block, all workers come from one forkserver for all test modules, because loading lighteval takes 10 s.

    It is not multiprocessing's own, which the conversion to CSV uses to start processes without lighteval.
    """
    with patch.multiple(forkserver, _forkserver=_shared, **{name: getattr(_shared, name) for name in PARTS}):
        yield


def start_forkserver() -> None:
    """Start the shared forkserver if it is not running."""
    from evalsuite.pipeline.pool import Workers

    with shared_forkserver():
        workers = Workers(1)
        workers.warm_up()
        workers.kill()


def call(*arguments: str, **environment: str) -> Outcome:
    """Call main.py's main with these arguments. If argparse exits, its exit code counts."""
    from main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(shared_forkserver())
        stack.enter_context(patch.dict(os.environ, environment))
        stack.enter_context(patch.object(sys, "argv", ["main.py", *arguments]))  # what provenance records
        try:
            code = main(list(arguments))
        except SystemExit as end:
            code = end.code
    lines = err.getvalue().splitlines(keepends=True)
    warnings = [line for line in lines if line.startswith("main.py: warning: ")]
    return Outcome(code, out.getvalue(), "".join(line for line in lines if line not in warnings), tuple(warnings))


class Calls(Suite):
    """A model, data and the fake engine in one folder, and calls of main.py that use them."""

    def call(self, output: Path | str, *more: str, **environment: str) -> Outcome:
        """One call into the folder `output`, or a folder of that name, with the fake engine or with --base_url."""
        return call(*self.arguments(self.folder / output, *more), **self.fake.environment() | environment)

    def asked(self, output: Path | str, *more: str, **told: Any) -> tuple[Outcome, list[dict[str, Any]]]:
        """One call with the fake server, which is told `told`; returns its outcome and the requests that it sent."""
        self.fake.tell(**told)
        before = len(self.fake.events("request"))
        outcome = self.call(output, "--base_url", self.base_url, *more)
        return outcome, self.fake.events("request")[before:]

    base_url = ""


@contextlib.contextmanager
def served(calls: Calls, name: str = "fake") -> Iterator[Calls]:
    """The same with the fake server running at `base_url`."""
    with running_server(calls.fake, name) as calls.base_url:
        yield calls


def text_of(body: dict[str, Any]) -> str:
    """The prompt in a request for a completion, whose token ids are bytes."""
    return bytes(body["prompt"]).decode()


def by_problem(requests: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The bodies of requests, by the sum that they ask for."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in requests:
        body = one["body"]
        text = text_of(body) if "prompt" in body else body["messages"][-1]["content"]
        found.setdefault(text.partition("What is ")[2].partition("?")[0], []).append(body)
    return found
