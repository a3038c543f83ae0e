r"""One way of writing for what can be written in many: Unicode to LaTeX, double escapes, digit groups, delimiters.

Everything here is a linear pass over a string; no meaning is decided yet.
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
_CIRCLED = re.compile(r"[①-⑳](?:\s*[①-⑳])+")  # numbers of statements
_OVERLINE = re.compile(r"((?:[0-9]\u0305)+)")
_ROOT = re.compile(r"\\sqrt \s*(\([^()]*\)|[A-Za-z0-9.]+)")
_GROUP = r"(?:\{\s?,\s?\}|,\\!\s*|\\!,|\\,|\\;|\\:|\\ |\{\\,\}|\{\\ \}|~|\\thinspace\s)"
_GROUPED = re.compile(rf"(?<![\d.])\d{{1,3}}(?:\s*{_GROUP}\s*\d{{3}})+(?!\d)")
_GROUP_MARK = re.compile(rf"\s*{_GROUP}\s*")
_SPACED = re.compile(r"(?<![\d.,/^_] )(?<![\d.,/^_}])\d{1,3}(?: \d{3})+(?![\d/]| \d)")
_DOTTED = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3}){2,}(?![\d.])")
_DOUBLED = re.compile(
    r"\\\\(?=(?:[dt]?frac|left|right|boxed|sqrt|text|mathrm|mathbf|pi|cdot|times|infty|cup|cap|in|pm|le|ge|leq|geq|begin|end"
    r"|circ|angle|theta|alpha|beta|sin|cos|tan|log|ln|binom|overline|mathbb|quad|dots|ldots|cdots|sum|prod|int|[(){}\[\]%$,!;])(?![A-Za-z]))"
)


def plain(text: str) -> str:
    r"""Unicode mathematics as LaTeX and doubled backslashes single.

    >>> plain("x² ≤ 2½ − √5"), plain(r"\\frac{1}{5}")
    ('x^{2} \\le  2\\frac{1}{2} - \\sqrt{5}', '\\frac{1}{5}')
    """
    if "\\\\" in text and "\\begin" not in text.replace("\\\\begin", ""):
        text = text.replace("\\\\", "\\") if "\\\\begin" in text else _DOUBLED.sub(lambda _: "\\", text)
    if text.isascii():
        return text
    text = _OVERLINE.sub(lambda m: rf"\overline{{{m.group().replace(chr(0x305), '')}}}", text)
    text = _SUPERSCRIPTS.sub(lambda m: f"^{{{m.group().translate(_SUPERSCRIPT)}}}", text)
    text = _SUBSCRIPTS.sub(lambda m: f"_{{{m.group().translate(_SUBSCRIPT)}}}", text)
    text = _CIRCLED.sub(lambda m: ", ".join(re.sub(r"\s", "", m.group())), text)
    text = _VULGAR.sub(_fraction, text).translate(_TABLE)
    text = "".join(
        unicodedata.normalize("NFKC", c) if "\uff01" <= c <= "\uff5e" or c >= "\U0001d400" else c for c in text
    )
    return _ROOT.sub(lambda m: rf"\sqrt{{{m.group(1)}}}", text)


def _fraction(match: re.Match) -> str:
    over, under = unicodedata.normalize("NFKC", match.group()).split("\u2044")
    return rf"\frac{{{over}}}{{{under}}}"


def joined_digits(text: str) -> str:
    r"""Digit groups joined where the mark cannot mean a list; `1,234` is left for the parser.

    >>> joined_digits(r"1{,}234 + 12\,345,\!678"), joined_digits("1 234"), joined_digits("x^2 345")
    ('1234 + 12345678', '1234', 'x^2 345')
    """
    text = re.sub(r"\bper\s+cent\b", "percent", text)
    text = _GROUPED.sub(lambda m: _GROUP_MARK.sub("", m.group()), text)
    text = _DOTTED.sub(lambda m: m.group().replace(".", ""), text)
    text = _SPACED.sub(lambda m: m.group().replace(" ", ""), text)
    return re.sub(r"(?<=\d)\{,\}(?=\d)", ".", text)  # a decimal comma: it is not followed by groups of three


def undelimited(text: str) -> str:
    r"""Without the marks that only say "mathematics here".

    >>> undelimited(r"$-1$,$2$"), undelimited(r"\(x\)"), undelimited(r"\$5")
    ('-1,2', ' x ', '\\$5')
    """
    text = re.sub(r"\\\[(?!\s*\d+\s*(?:pt|em|ex)\])|\\\]|\\\(|\\\)", " ", text)
    return re.sub(r"(?<!\\)\$", "", text)
