r"""Rewrite the text of an answer before it is parsed, so that one thing is written in one way.

First the notation: Unicode to LaTeX, doubled backslashes, digit groups, delimiters. Each is a linear pass over the
string. Then a few phrases that the grammar does not know: part labels, `all reals except 2`, `17 (base 8)`.
"""

import re
import unicodedata

_SYMBOLS = {
    "−": "-", "–": "-", "—": "-", "﹣": "-", "‐": "-", "‑": "-", "‒": "-",
    "×": r"\times ", "✕": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "∗": "*",
    "÷": r"\div ", "⁄": "/", "∕": "/",
    "√": r"\sqrt ", "∛": r"\sqrt[3]", "π": r"\pi ", "∞": r"\infty ", "≤": r"\le ", "⩽": r"\le ", "≦": r"\le ",
    "≥": r"\ge ", "⩾": r"\ge ", "≧": r"\ge ",
    "≠": r"\ne ", "≈": r"\approx ", "≡": r"\equiv ", "∈": r"\in ", "∉": r"\notin ", "∪": r"\cup ", "∩": r"\cap ",
    "∖": r"\setminus ", "∅": r"\emptyset ",
    "±": r"\pm ", "∓": r"\mp ", "°": r"^\circ ", "º": r"^\circ ", "∘": r"\circ ", "…": r"\ldots ", "⋯": r"\cdots ",
    "′": "'", "’": "'", "‘": "'", "″": "''", "“": '"', "”": '"', "∣": "|",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}",
    "⟨": r"\langle ", "⟩": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ",
    "∠": r"\angle ", "→": r"\to ", "⇒": r"\Rightarrow ", "∧": r"\land ", "∨": r"\lor ", "¬": r"\neg ",
    "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "ε": r"\epsilon ", "θ": r"\theta ",
    "λ": r"\lambda ", "μ": r"\mu ", "µ": r"\mu ",
    "ρ": r"\rho ", "σ": r"\sigma ", "τ": r"\tau ", "φ": r"\phi ", "ϕ": r"\phi ", "ω": r"\omega ", "Δ": r"\Delta ",
    "Ω": r"\Omega ",
    "\u00a0": " ", "\u2002": " ", "\u2003": " ", "\u2004": " ", "\u2005": " ", "\u2007": r"\,", "\u2009": r"\,",
    "\u200a": r"\,", "\u202f": r"\,", "\u3000": " ",
    "\u200b": "", "\u2061": "", "\u2062": "", "\ufeff": "", "\u00ad": "", "，": ", ", "、": ", ", "。": ".", "：": ":",
    "；": "; ", "（": "(", "）": ")", "％": "%", "€": "", "£": "", "¥": "", "₹": "", "¢": r"\text{ cents}",
    "⟶": r"\to ",
}  # fmt: skip
_TABLE = str.maketrans(_SYMBOLS)
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵏˣ", "0123456789+-=()nikx")
_SUBSCRIPT = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙᵢₖₓₘ", "0123456789+-=()nikxm")
_SUPERSCRIPTS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵏˣ]+")
_SUBSCRIPTS = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙᵢₖₓₘ]+")
_VULGAR = re.compile("[¼½¾⅐-⅞↉]")
_OVERLINE = re.compile(r"((?:[0-9]\u0305)+)")
_ROOT = re.compile(r"\\sqrt \s*(\([^()]*\)|[A-Za-z0-9.]+)")
_GROUP = r"(?:\{\s?,\s?\}|,\\!\s*|\\!,|\\,|\\;|\\:|\\ |\{\\,\}|\{\\ \}|~|\\thinspace\s)"
_GROUPED = re.compile(rf"(?<![\d.])\d{{1,3}}(?:\s*{_GROUP}\s*\d{{3}})+(?!\d)")
_GROUP_MARK = re.compile(rf"\s*{_GROUP}\s*")
_SPACED = re.compile(r"(?<![\d.,/^_] )(?<![\d.,/^_}])\d{1,3}(?: \d{3})+(?![\d/]| \d)")
_DOUBLED = re.compile(
    r"\\\\(?=(?:[dt]?frac|left|right|boxed|sqrt|text|mathrm|mathbf|pi|cdot|times|infty|cup|cap|in|pm|le|ge|leq|geq|begin|end"
    r"|circ|angle|theta|alpha|beta|sin|cos|tan|log|ln|binom|overline|mathbb|quad|dots|ldots|cdots|sum|prod|int|[(){}\[\]%$,!;])(?![A-Za-z]))"
)


def as_latex(text: str) -> str:
    r"""The text with Unicode mathematics as LaTeX and with doubled backslashes made single.

    >>> as_latex("x² ≤ 2½ − √5"), as_latex(r"\\frac{1}{5}")
    ('x^{2} \\le  2\\frac{1}{2} - \\sqrt{5}', '\\frac{1}{5}')
    """
    if "\\\\" in text and "\\begin" not in text.replace("\\\\begin", ""):
        text = text.replace("\\\\", "\\") if "\\\\begin" in text else _DOUBLED.sub(lambda _: "\\", text)
    if text.isascii():
        return text
    text = _OVERLINE.sub(lambda m: rf"\overline{{{m.group().replace(chr(0x305), '')}}}", text)
    text = _SUPERSCRIPTS.sub(lambda m: f"^{{{m.group().translate(_SUPERSCRIPT)}}}", text)
    text = _SUBSCRIPTS.sub(lambda m: f"_{{{m.group().translate(_SUBSCRIPT)}}}", text)
    text = _VULGAR.sub(_fraction, text).translate(_TABLE)
    text = "".join(
        unicodedata.normalize("NFKC", c) if "\uff01" <= c <= "\uff5e" or c >= "\U0001d400" else c for c in text
    )
    return _ROOT.sub(lambda m: rf"\sqrt{{{m.group(1)}}}", text)


def _fraction(match: re.Match) -> str:
    over, under = unicodedata.normalize("NFKC", match.group()).split("\u2044")
    return rf"\frac{{{over}}}{{{under}}}"


def join_digit_groups(text: str) -> str:
    r"""The text with digit groups joined, except for `1,234`, which may be a list and is left to the parser.

    >>> join_digit_groups(r"1{,}234 + 12\,345,\!678"), join_digit_groups("1 234"), join_digit_groups("x^2 345")
    ('1234 + 12345678', '1234', 'x^2 345')
    """
    text = re.sub(r"\bper\s+cent\b", "percent", text)
    text = _GROUPED.sub(lambda m: _GROUP_MARK.sub("", m.group()), text)
    return _SPACED.sub(lambda m: m.group().replace(" ", ""), text)


def without_delimiters(text: str) -> str:
    r"""The text without the delimiters of mathematics.

    >>> without_delimiters(r"$-1$,$2$"), without_delimiters(r"\(x\)"), without_delimiters(r"\$5")
    ('-1,2', ' x ', '\\$5')
    """
    text = re.sub(r"\\\[(?!\s*\d+\s*(?:pt|em|ex)\])|\\\]|\\\(|\\\)", " ", text)
    return re.sub(r"(?<!\\)\$", "", text)


_PARTS = re.compile(r"(?:^|(?<=[\s,;.]))(?:part\s+)?\(([a-e1-5]|i{1,3}|iv|v)\)\s*[:.]?\s*", re.IGNORECASE)
_PART_LABELS = (tuple("abcde"), tuple("12345"), ("i", "ii", "iii", "iv", "v"))
_EXCEPT = re.compile(
    r"^\s*(?:x\s*(?:\\in|can be|is)?\s*)?(?:the set of )?(?:all|any|every) (?:real|reals)\b"
    r"(?: numbers?| values?)?(?: (?:of )?[a-z])?,?"
    r" (?:except|other than|but|excluding|besides)(?: for)?\s+(.+)$",
    re.IGNORECASE,
)
_BASE = re.compile(r"(?<=[\dA-F])\s*(?:\\[,; ]|~)*\s*\(?(?:in )?base[ -](\w+)\)?[\s$]*$")
_UPRIGHT = r"\\(?:text|mathrm)\s*\{\s*[A-Za-z]{1,12}\s*\}(?:\^\{?[23]\}?)?"
_UNIT_FRACTION = re.compile(rf"\\[dt]?frac\s*\{{\s*({_UPRIGHT})\s*\}}\s*\{{\s*({_UPRIGHT})\s*\}}")
_TEXT = re.compile(r"\\(?:text|mbox|textrm|mathrm)\s*\{([^{}\\$]*)\}")
_BRACED_ARRAY = re.compile(
    r"\\(?:left\s*)?\\?\{\s*\\begin\{(array|aligned|matrix|gathered|split)\}(?:\s*\{[lcr|\s]*\})?(.*?)\\end\{\1\}"
    r"(?:\s*\\right\s*\.)?",
    re.DOTALL,
)
_SPACE = r"(?:\\[,;:! ]|[\s~])*"
_ABOUT = r"(?:approximately|about|roughly|exactly)"
_LONGEST_PHRASE = 400
_PHRASES = (
    (re.compile(rf"^\s*(?:\\text\s?\{{\s*{_ABOUT}\s*\}}|{_ABOUT}\b)\s*(?=[-\d.\\$])", re.IGNORECASE), ""),
    (re.compile(r"(?:\\text\s?\{\s*)?\b(?:negative|minus)\s*\}?\s*(?=\d)"), "-"),
    (re.compile(rf"^[\s$]*([-+]?){_SPACE}\\\${_SPACE}([\d,.]*\d)[\s$]*$"), r"\1\2\\text{ dollars}"),
    (re.compile(rf"(?<=\d){_SPACE}\\Omega[\s$]*$"), r"\\text{ ohm}"),
    (  # degrees and minutes
        re.compile(rf"(\d+){_SPACE}\^{_SPACE}\{{?\\circ\s*\}}?{_SPACE}(\d+){_SPACE}(?:'|\^\{{?\\prime\}}?)(?!')"),
        r"(\1+\\frac{\2}{60})^{\\circ}",
    ),
)


def rewrite_phrases(text: str) -> str:
    r"""The answer with the phrases rewritten that the grammar does not know; a long text is returned unchanged.

    >>> rewrite_phrases("(a) 5, (b) 7"), rewrite_phrases("f(a) + (b)"), rewrite_phrases("17 (base 8)")
    ('5, 7', 'f(a) + (b)', '17_{\\text{8}}')
    >>> rewrite_phrases(r"\text{all real numbers except }2")
    '\\mathbb{R}\\setminus\\{2\\}'
    """
    if len(text) > _LONGEST_PHRASE:
        return text
    if "\\begin" in text:
        text = _BRACED_ARRAY.sub(r"\\begin{cases}\2\\end{cases}", text)
    for pattern, replacement in _PHRASES:
        text = pattern.sub(replacement, text)
    text = _UNIT_FRACTION.sub(r"\1/\2", _without_parts(text))
    bare = _TEXT.sub(r"\1", text)
    if _BASE.search(bare):
        return _BASE.sub(r"_{\\text{\1}}", bare)
    match = _EXCEPT.match(bare)
    return rf"\mathbb{{R}}\setminus\{{{match.group(1).rstrip('.')}\}}" if match else text


def _without_parts(text: str) -> str:
    """`(a) 5, (b) 7` as `5, 7`. The labels must start with the first of their kind and be in order."""
    found = list(_PARTS.finditer(text))
    labels = tuple(match.group(1).lower() for match in found)
    if (
        len(found) < 2
        or text[: found[0].start()].strip()
        or not any(labels == kind[: len(labels)] for kind in _PART_LABELS)
    ):
        return text
    ends = [match.start() for match in found[1:]] + [len(text)]
    parts = [text[match.end() : end].strip().rstrip(",;.").strip() for match, end in zip(found, ends, strict=True)]
    return ", ".join(parts) if all(parts) else text
