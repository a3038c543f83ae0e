"""The vendored libraries are the published files, and the docs name every flag."""

import hashlib
import re
from pathlib import Path

from evalsuite.report import __main__ as command
from evalsuite.report import assets

DOCS = Path(__file__).resolve().parents[2] / "docs" / "report.md"


def test_vendored_files_are_the_published_ones():
    table = (assets.VENDOR / "README.md").read_text()
    for name in ("echarts.min.js", "katex.min.js", "katex.min.css"):
        assert hashlib.sha256((assets.VENDOR / name).read_bytes()).hexdigest() in table
    fonts = b"".join(path.read_bytes() for path in sorted((assets.VENDOR / "fonts").iterdir()))
    assert hashlib.sha256(fonts).hexdigest() in table
    texts = ("LICENSE", "NOTICE", "LICENSE-d3", "LICENSE-zrender")
    for name in (*(f"echarts.{text}" for text in texts), "katex.LICENSE", "katex-fonts.LICENSE"):
        assert (assets.VENDOR / name).stat().st_size > 100 and name in table


def test_katex_style_embeds_its_fonts():
    style = assets.katex_style()
    assert style.count("url(data:font/woff2;base64,") == 20 and "url(fonts" not in style


def test_templates_are_short_and_never_create_markup_from_text():
    for path in assets.TEMPLATES.iterdir():
        assert len(path.read_text().splitlines()) < 250, path.name
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|\|\s*safe", path.read_text()), (
            path.name
        )


def test_every_flag_is_documented():
    flags = set(re.findall(r'"(--[a-z-]+)"', Path(command.__file__).read_text()))
    assert len(flags) >= 5 and all(f"`{flag}`" in DOCS.read_text() for flag in flags)


def test_the_pages_hold_the_notices_that_licences_ask_for() -> None:
    charts, formulas = assets.notices("echarts"), assets.notices("katex")
    for words in ("Apache License", "This product includes software developed at", "Redistribution and use in source"):
        assert words in charts
    for words in ("The MIT License", "SIL OPEN FONT LICENSE Version 1.1", "Copyright (c) 2013-2020 Khan Academy"):
        assert words in formulas
