"""Renders pages from templates, with inlined scripts and styles and escaped data.

The content security policy lists each script by its hash, so that no other script can run and no request can be made.
"""

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evalsuite.files import printable
from evalsuite.summary.tables import percent
from evalsuite.summary.verdicts import format_p

HERE = Path(__file__).parent
VENDOR, TEMPLATES = HERE / "vendor", HERE / "templates"


def render(template: str, scripts: list[str], policy: str = "", **values: Any) -> str:
    """Render a page. `scripts` are the bodies of its script elements, `policy` further permitted sources of scripts."""
    hashes = " ".join(f"'sha256-{_sha(script)}'" for script in scripts)
    csp = (
        f"default-src 'none'; script-src {hashes} {policy}; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return _environment().get_template(template).render(csp=csp, scripts=[Markup(s) for s in scripts], **values)


def script(*names: str) -> str:
    """The body of one script element: the concatenated scripts, which share their names."""
    return '"use strict";\n(() => {\n' + "".join(_text(TEMPLATES / name) for name in names) + "})();\n"


def vendored(name: str) -> str:
    """The text of a bundled library, unchanged."""
    text = _text(VENDOR / name)
    if "</script" in text.lower() or "</style" in text.lower():
        raise ValueError(f"{name} would end its own element")
    return text


def notices(library: str) -> str:
    """The licences and notices of a library; they require anyone who distributes the page to include them."""
    files = sorted(path for path in VENDOR.glob(f"{library}*") if re.search("LICENSE|NOTICE", path.name))
    return "\n\n".join(f"{path.name}\n\n{_text(path).strip()}" for path in files)


def style(*names: str) -> Markup:
    return Markup("".join(_text(TEMPLATES / name) for name in names))


@cache
def katex_style() -> str:
    """KaTeX's style sheet with its fonts inlined, in the one of three formats that all browsers support."""
    css = vendored("katex.min.css")
    for path in sorted((VENDOR / "fonts").glob("*.woff2")):
        data = base64.b64encode(path.read_bytes()).decode()
        css = css.replace(f"url(fonts/{path.name})", f"url(data:font/woff2;base64,{data})")
        for other in (".woff", ".ttf"):
            kind = {".woff": "woff", ".ttf": "truetype"}[other]
            css = css.replace(f',url(fonts/{path.stem}{other}) format("{kind}")', "")
    return css


def embedded(value: Any) -> Markup:
    """Format JSON for a script element, so that nothing in it can end the element or begin a comment.

    >>> embedded({"name": "</script><!--"})
    Markup('{"name":"\\\\u003c/script\\\\u003e\\\\u003c!--"}')
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _sha(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    made.filters |= {"percent": percent, "probability": format_p, "clean": lambda text: printable(str(text), 2000),
                     "thousands": thousands, "hours": hours}  # fmt: skip
    return made


def thousands(value: float | None) -> str:
    """Format a large count.

    >>> thousands(28867706), thousands(950), thousands(12345), thousands(None)
    ('28.9 M', '950', '12.3 k', '')
    """
    if value is None or value != value:
        return ""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if value >= limit:
            return f"{value / (limit if unit != ' k' else 1e3):.1f}{unit}"
    return f"{value:.0f}"


def hours(value: float | None) -> str:
    """Format a number of hours, in minutes or seconds if it is small.

    >>> hours(2.345), hours(0.3), hours(None)
    ('2.3 h', '18 min', '')
    """
    if value is None or value != value:
        return ""
    return f"{value:.1f} h" if value >= 1 else f"{60 * value:.0f} min" if value >= 1 / 60 else f"{3600 * value:.0f} s"


def is_private(task: str) -> bool:
    """Whether a task is one of GPQA's, in any notation; its problems must not be published.

    >>> is_private("gpqa:diamond"), is_private("lighteval|GPQA_extended|0"), is_private("aime24")
    (True, True, False)
    """
    return "gpqa" in task.casefold()
