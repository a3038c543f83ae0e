"""Ways of saying things that are rewritten before parsing: part labels, `all reals except 2`, `1 out of 6`."""

import re

_PARTS = re.compile(r"(?:^|(?<=[\s,;.]))(?:part\s+)?\(([a-e1-5]|i{1,3}|iv|v)\)\s*[:.]?\s*", re.IGNORECASE)
_LETTERS = (tuple("abcde"), tuple("12345"), ("i", "ii", "iii", "iv", "v"))
_EXCEPT = re.compile(
    r"^\s*(?:x\s*(?:\\in|can be|is)?\s*)?(?:the set of )?(?:all|any|every) (?:real|reals)\b"
    r"(?: numbers?| values?)?(?: (?:of )?[a-z])?,?"
    r" (?:except|other than|but|excluding|besides)(?: for)?\s+(.+)$",
    re.IGNORECASE,
)
_OUT_OF = re.compile(r"^\s*(\d+) (?:out of|in) (?:every )?(\d+)\s*\.?$")
_BASE = re.compile(r"(?<=[\dA-F])\s*(?:\\[,; ]|~)*\s*\(?(?:in )?base[ -](\w+)\)?[\s$]*$")
_REASON = re.compile(r"(?<=[\w})])\s*\((?:since|because|as|where)\b[^()]*(?:\([^()]*\)[^()]*)*\)[\s$]*$")
_UPRIGHT = r"\\(?:text|mathrm)\s*\{\s*[A-Za-z]{1,12}\s*\}(?:\^\{?[23]\}?)?"
_UNIT_FRACTION = re.compile(rf"\\[dt]?frac\s*\{{\s*({_UPRIGHT})\s*\}}\s*\{{\s*({_UPRIGHT})\s*\}}")
_TEXT = re.compile(r"\\(?:text|mbox|textrm|mathrm)\s*\{([^{}\\$]*)\}")
_BRACED_ARRAY = re.compile(
    r"\\(?:left\s*)?\\?\{\s*\\begin\{(array|aligned|matrix|gathered|split)\}(?:\s*\{[lcr|\s]*\})?(.*?)\\end\{\1\}"
    r"(?:\s*\\right\s*\.)?",
    re.DOTALL,
)
_SPACE = r"(?:\\[,;:! ]|[\s~])*"
_COUNTED = r"_\{?([3-9]|\d\d+)\}?\^\{?(\d+)\}?(?!\d)"  # C_1^2 may be a constant squared
_ABOUT = r"(?:approximately|about|roughly|exactly)"
_FORMS = (
    (re.compile(rf"(?<![A-Za-z\\])C{_COUNTED}"), r"\\binom{\1}{\2}"),
    (re.compile(rf"(?<![A-Za-z\\])[AP]{_COUNTED}"), r"\\frac{\1!}{(\1-\2)!}"),
    (re.compile(rf"^\s*(?:\\text\s?\{{\s*{_ABOUT}\s*\}}|{_ABOUT}\b)\s*(?=[-\d.\\$])", re.IGNORECASE), ""),
    (re.compile(r"(?<=[\d}])\s*\((?:measured )?in ([a-z]+)\)[\s$.]*$"), r"\\text{ \1}"),
    (re.compile(r"\s*\(([a-z]\s*\\(?:neq?|geq?|leq?|[gl]t)(?![a-z])[^()]*)\)(?=[\s$.]*$)"), r", \1"),
    (re.compile(rf"(?<=\d){_SPACE}\\[dt]?frac\{{(k?m)\}}\{{([sh])\}}"), r"\\text{ \1/\2}"),
    (re.compile(r"(?<![\d.])(\d+) and (?:a|one) half\b"), r"\1.5"),
    (re.compile(rf"(?:\{{\}}{_SPACE})?[_^]\{{?(\w+)\}}?{_SPACE}C_\{{?(\w+)\}}?"), r"\\binom{\1}{\2}"),
    (re.compile(r"(?:\\text\s?\{\s*)?\b(?:negative|minus)\s*\}?\s*(?=\d)"), "-"),
    (re.compile(r"^\s*(?:in|on|at|by)\s+(?=\d)", re.IGNORECASE), ""),
    (re.compile(rf"^[\s$]*([-+]?){_SPACE}\\\${_SPACE}([\d,.]*\d)[\s$]*$"), r"\1\2\\text{ dollars}"),
    (re.compile(r"(?<=\d)\$\s+([mgsNJWVLKFhtA])\b(?![$'])"), r"\\text{ \1}$"),  # a letter beside mathematics
    (re.compile(rf"(?<=\d){_SPACE}\\Omega[\s$]*$"), r"\\text{ ohm}"),
    (
        re.compile(rf"(\d+){_SPACE}\^{_SPACE}\{{?\\circ\s*\}}?{_SPACE}(\d+){_SPACE}(?:'|\^\{{?\\prime\}}?)(?!')"),
        r"(\1+\\frac{\2}{60})^{\\circ}",
    ),
)


def rewritten(text: str) -> str:
    r"""The same answer in a form that the grammar reads.

    >>> rewritten("(a) 5, (b) 7"), rewritten("1 out of 6"), rewritten("f(a) + (b)")
    ('5, 7', '\\frac{1}{6}', 'f(a) + (b)')
    >>> rewritten(r"\text{all real numbers except }2")
    '\\mathbb{R}\\setminus\\{2\\}'
    """
    if len(text) > 400:
        return text
    if "\\begin" in text:
        text = _BRACED_ARRAY.sub(r"\\begin{cases}\2\\end{cases}", text)
    for pattern, form in _FORMS:
        text = pattern.sub(form, text)
    text = _UNIT_FRACTION.sub(r"\1/\2", _without_parts(text))
    for pattern, instead in ((_BASE, r"_{\\text{\1}}"), (_REASON, "")):
        if pattern.search(bare := _TEXT.sub(r"\1", text)):
            text = pattern.sub(instead, bare)
    if "real" not in text and " out of " not in text and " in " not in text:
        return text
    plain = _TEXT.sub(r"\1", text)
    match = _EXCEPT.match(plain)
    if match:
        return rf"\mathbb{{R}}\setminus\{{{match.group(1).rstrip('.')}\}}"
    match = _OUT_OF.match(plain)
    return rf"\frac{{{match.group(1)}}}{{{match.group(2)}}}" if match else text


def _without_parts(text: str) -> str:
    """`(a) 5, (b) 7` without its labels, where they are the first ones of their kind, in order."""
    found = list(_PARTS.finditer(text))
    labels = tuple(match.group(1).lower() for match in found)
    if (
        len(found) < 2
        or text[: found[0].start()].strip()
        or not any(labels == kind[: len(labels)] for kind in _LETTERS)
    ):
        return text
    ends = [match.start() for match in found[1:]] + [len(text)]
    parts = [text[match.end() : end].strip().rstrip(",;.").strip() for match, end in zip(found, ends, strict=True)]
    return ", ".join(parts) if all(parts) else text
