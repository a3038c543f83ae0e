"""Headless Chromium for tests of pages, with pages that record their console output, requests and dialogs."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
# Every part of the page is shown for two frames, after which the browser has noticed which figures are near.
SCROLL = """async () => { for (let y = 0; y < document.body.scrollHeight; y += innerHeight) { scrollTo(0, y);
 await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); } scrollTo(0, 0); }"""


def chromium() -> Iterator[Any]:
    """A started browser; the test is skipped without one."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium: apt-get install chromium, or set CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@contextlib.contextmanager
def quiet(browser: Any) -> Iterator[Callable[..., Any]]:
    """A function that opens a file in a new page. At the end, no page may have logged, requested or shown anything."""
    noise, contexts = [], []

    def visit(path: Path, fragment: str = "", scheme="light", width=1280, height=900, **options):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(600_000)
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("dialog", lambda dialog: noise.append(dialog.message))
        page.on("request", lambda one: None if one.url.startswith(("file:", "data:")) else noise.append(one.url))
        page.goto(path.as_uri() + (f"#{fragment}" if fragment else ""))
        return page

    yield visit
    for context in contexts:
        context.close()
    assert noise == []
