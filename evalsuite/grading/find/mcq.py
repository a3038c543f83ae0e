"""Multiple choice: the letter that a response chooses."""

import re

from evalsuite.grading.read.delimiters import boxes

# The letter of a choice with the markup around it; no letter may follow that would make it one of several
_WRAP = r"[\s*_(\[{$\"'`<]{0,8}(?:\\(?:text|textbf|mathrm|mathbf|boxed|mbox|textit)\s{0,3}\{\s{0,3}){0,3}[({\[*\s]{0,4}"
_LETTER = r"([A-J])"
_AFTER = r"(?![A-Za-z0-9'’]|\s*[-=+^]\s*\w|\s*(?:,|/|&|\band\b|\bor\b)\s*(?:or\s+|and\s+)?\(?[A-J]\b)"
_ANSWER = re.compile(  # `the answer is (C)`, `Answer: C`
    rf"answers?(?:\s+(?:choice|option|letter))?(?:\s+(?:to|for)\b[^.\n:]{{0,80}}?)?[\s*_]{{0,8}}(?:\bis\b|\bwould\s+be\b|\bshould\s+be\b|\bmust\s+be\b|:|=|-|(?=\())[\s:]{{0,8}}"
    rf"(?:(?!not\b|either\b|neither\b|[a-j]\s+(?:or|and)\b)[a-z]+\s+){{0,3}}?{_WRAP}{_LETTER}{_AFTER}",
    re.IGNORECASE,
)
_CHOICE = re.compile(  # `option C`, `I choose C`, `it is C`
    rf"(?:\b(?i:option|choice|choose|pick|select|go\s+with|it'?s|it\s+is|is|letter)\b|\b(?i:ans|correct)\s*:|=>|\\to\b)[\s:]*(?:option\s+|choice\s+)?{_WRAP}{_LETTER}{_AFTER}"
)
_CORRECT = re.compile(rf"{_WRAP}{_LETTER}[)}}\]*.]*\s+(?:is|would\s+be)\s+(?:the\s+)?(?:correct|right|best)")
_CONCLUDED = re.compile(  # `Therefore C` at the end of a line, `only C satisfies`
    rf"\b(?i:therefore|thus|hence|so),?\s+{_WRAP}{_LETTER}[)}}\]*$.\s]*$"
    rf"|\bonly\s+{_WRAP}{_LETTER}[)}}\]*.]*\s+(?:satisf|works|fits|meets|match|holds|remains|is\s+(?:left|valid|consistent))",
    re.MULTILINE,
)
_ALONE = re.compile(rf"^{_WRAP}{_LETTER}(?:[\s)}}\]*$.,:\"'`>]|\\[)\]])*(?:$|(?<=[).:\]])\s)")
_LEADING = re.compile(rf"^{_WRAP}{_LETTER}(?:[)\]}}*$]*[).:\]}}*][)\]}}*$.:]*\s|\s+(?!and\b|or\b)[A-Za-z\d\\$]{{2,}})")
_BOLD = re.compile(rf"\*\*\(?{_LETTER}\)?\.?\*\*")
_LINE_END = re.compile(r"[)\]}*$.\s]{0,8}(?:\n|$)")
_BRACKETED = re.compile(rf"\({_LETTER}\)")
_SEVERAL = re.compile(r"^[\s({\[$]*[A-J](?:\s*(?:,|and|&|;|/)\s*[A-J])+[\s)}\]$.]*$", re.IGNORECASE)
_ELEMENT = re.compile(r"<\s*answer\s*>(.*?)(?:<\s*/\s*answer\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_END = 100_000  # characters from the end in which a choice is looked for
_MARKUP = re.compile(r"\\(?:text(?:bf|rm|it)?|mathrm|mathbf|mbox|left|right)\b|[{}$\\]")


def gold_letter(gold: str) -> str | None:
    r"""The letter (or letters) of a gold, in whatever brackets and markup.

    >>> gold_letter(r"$\text{(C)}$"), gold_letter("D"), gold_letter("A, C"), gold_letter("42")
    ('C', 'D', 'AC', None)
    """
    held = boxes(gold)
    bare = (held[-1][2] if held else gold).strip()
    return leading_letter(bare) or _stated(bare)


def leading_letter(text: str) -> str | None:
    r"""The letter that a short text starts with, in brackets or not, followed by nothing or by the text of the choice.

    Several letters are returned in alphabetical order. The article in `A cat` is no choice.

    >>> leading_letter(r"\text{(B)}"), leading_letter("B. 12 cm"), leading_letter("Because"), leading_letter("A cat")
    ('B', 'B', None, None)
    """
    text = re.sub(r"\\[ ,;:!]|\\q?quad\b|~", " ", text)
    several = _SEVERAL.match(_MARKUP.sub("", text))
    if several:
        return "".join(sorted(set(re.findall(r"[A-J]", text.upper().replace("AND", "")))))
    match = _ALONE.match(text.strip()) or _LEADING.match(text.strip())
    if match is None:
        return None
    letter = match.group(1)
    article = letter in "AI" and re.match(rf"^\W*{letter}\s+[a-z]", text.strip())
    return None if article else letter


def chosen_letter(text: str, *, truncated: bool = False) -> str | None:
    """The letter that a response chooses: in an element, in a box, in a statement, or at its end.

    The thinking must have been removed. A truncated response needs one of the first three.

    >>> chosen_letter("A is wrong. So the answer is (B), 12."), chosen_letter("I'd go with C."), chosen_letter("A dog")
    ('B', 'C', None)
    """
    for match in reversed(list(_ELEMENT.finditer(text))):
        letter = gold_letter(match.group(1)) or _small(match.group(1))
        if letter:
            return letter
    for _, _, content in reversed(boxes(text)):
        letter = leading_letter(content) or _small(content)
        if letter:
            return letter
    text = text[-_END:]
    stated = _stated(text)
    if stated or truncated:
        return stated
    if _small(text):
        return _small(text)
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if not lines:
        return None
    return (
        leading_letter(lines[-1])
        or _choice(text)
        or (leading_letter(lines[0]) if len(lines) > 1 else None)
        or _last_bracketed(lines)
    )


def _small(text: str) -> str | None:
    """The choice of a text that is a single lower-case letter."""
    match = re.fullmatch(r"\W*([a-j])\W*", _MARKUP.sub("", text))
    return match.group(1).upper() if match else None


def _stated(text: str) -> str | None:
    for match in reversed(list(_ANSWER.finditer(text))):
        if match.group(1).isupper() or _LINE_END.match(text, match.end()):  # lower case only at the end of a line
            return match.group(1).upper()
    return None


def _choice(text: str) -> str | None:
    """The letter in the last phrase that chooses one, such as `option C` or `C is correct`."""
    found = (match for pattern in (_CHOICE, _CORRECT, _CONCLUDED) for match in pattern.finditer(text))
    for match in sorted(found, key=lambda match: match.end(), reverse=True):
        return match.group(match.lastindex)
    return None


def _last_bracketed(lines: list[str]) -> str | None:
    """The letter that is alone in brackets, or in bold type, on the last line."""
    letters = set(_BRACKETED.findall(lines[-1]) or _BOLD.findall(lines[-1]))
    return letters.pop() if len(letters) == 1 else None
