"""Multiple choice: which letter a response chooses."""

import re

from evalsuite.grading.read.boxes import boxes

_WRAP = r"[\s*_(\[{$\"'`<]{0,8}(?:\\(?:text|textbf|mathrm|mathbf|boxed|mbox|textit)\s{0,3}\{\s{0,3}){0,3}[({\[*\s]{0,4}"
_LETTER = r"([A-J])"
_AFTER = r"(?![A-Za-z0-9'’]|\s*[-=+^]\s*\w|\s*(?:,|/|&|\band\b|\bor\b)\s*(?:or\s+|and\s+)?\(?[A-J]\b)"
_ANSWER = re.compile(
    rf"answers?(?:\s+(?:choice|option|letter))?(?:\s+(?:to|for)\b[^.\n:]{{0,80}}?)?[\s*_]{{0,8}}(?:\bis\b|\bwould\s+be\b|\bshould\s+be\b|\bmust\s+be\b|:|=|-|(?=\())[\s:]{{0,8}}"
    rf"(?:(?!not\b|either\b|neither\b|[a-j]\s+(?:or|and)\b)[a-z]+\s+){{0,3}}?{_WRAP}{_LETTER}{_AFTER}",
    re.IGNORECASE,
)
_CHOICE = re.compile(
    rf"(?:\b(?i:option|choice|choose|pick|select|go\s+with|it'?s|it\s+is|is|letter)\b|\b(?i:ans|correct)\s*:|=>|\\to\b)[\s:]*(?:option\s+|choice\s+)?{_WRAP}{_LETTER}{_AFTER}"
)
_CORRECT = re.compile(rf"{_WRAP}{_LETTER}[)}}\]*.]*\s+(?:is|would\s+be)\s+(?:the\s+)?(?:correct|right|best)")
_CONCLUDED = re.compile(
    rf"\b(?i:therefore|thus|hence|so),?\s+{_WRAP}{_LETTER}[)}}\]*$.\s]*$"
    rf"|\bonly\s+{_WRAP}{_LETTER}[)}}\]*.]*\s+(?:satisf|works|fits|meets|match|holds|remains|is\s+(?:left|valid|consistent))",
    re.MULTILINE,
)
_ALONE = re.compile(rf"^{_WRAP}{_LETTER}(?:[\s)}}\]*$.,:\"'`>]|\\[)\]])*(?:$|(?<=[).:\]])\s)")
_LEADING = re.compile(rf"^{_WRAP}{_LETTER}(?:[)\]}}*$]*[).:\]}}*][)\]}}*$.:]*\s|\s+(?!and\b|or\b)[A-Za-z\d\\$]{{2,}})")
_LETTERED = re.compile(
    r"[\s$]*\\(?:text(?:bf|rm)?|mathrm|mathbf|mbox)\s?\{\s*\(([A-J])\)[\s~]*\}(?:\\[,;:! ]|\\q?quad|[\s~$])*(.+)",
    re.DOTALL,
)
_BOLD = re.compile(rf"\*\*\(?{_LETTER}\)?\.?\*\*")
_LINE_END = re.compile(r"[)\]}*$.\s]{0,8}(?:\n|$)")
_DENIED = re.compile(r"\bnot\s*$")
_SMALL_WORD = re.compile(r"\s+[a-z]")
_BRACKETED = re.compile(rf"\({_LETTER}\)")
_SEVERAL = re.compile(r"^[\s({\[$]*[A-J](?:\s*(?:,|and|&|;|/)\s*[A-J])+[\s)}\]$.]*$", re.IGNORECASE)
_ELEMENT = re.compile(r"<\s*answer\s*>(.*?)(?:<\s*/\s*answer\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_END = 100_000  # characters; a choice stands no further from the end
_MARKUP = re.compile(r"\\(?:text(?:bf|rm|it)?|mathrm|mathbf|mbox|left|right)\b|[{}$\\]")


def gold_letter(gold: str) -> str | None:
    r"""The letter (or letters) of a gold, however it is dressed.

    >>> gold_letter(r"$\text{(C)}$"), gold_letter("D"), gold_letter("A, C"), gold_letter("42")
    ('C', 'D', 'AC', None)
    """
    held = boxes(gold)
    bare = (held[-1][2] if held else gold).strip()
    return leading_letter(bare) or _stated(bare)


def lettered(gold: str) -> tuple[str, str] | None:
    r"""The letter and the content of a choice; None for anything else.

    >>> lettered(r"$\textbf{(B)}\ 7$"), lettered(r"\textbf{(B) }7"), lettered("(B)")
    (('B', '7'), ('B', '7'), None)
    """
    match = _LETTERED.match(gold)
    return (match.group(1), match.group(2).strip(" $~")) if match and match.group(2).strip(" $~") else None


def leading_letter(text: str) -> str | None:
    r"""The choice that a short text is: one letter, with or without brackets or what the choice says.

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


def chosen_letter(text: str, *, cut: bool = False) -> str | None:
    """The letter a response without thinking chooses: by element, box, statement, else how it ends.

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
    if stated or cut:
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
    """A small letter that is all there is."""
    match = re.fullmatch(r"\W*([a-j])\W*", _MARKUP.sub("", text))
    return match.group(1).upper() if match else None


def _stated(text: str) -> str | None:
    for match in reversed(list(_ANSWER.finditer(text))):
        if match.group(1).isupper() or _LINE_END.match(text, match.end()):  # a small letter only where its line ends
            return match.group(1).upper()
    return None


def _choice(text: str) -> str | None:
    """The letter of the last phrase that chooses one."""
    found = (match for pattern in (_CHOICE, _CORRECT, _CONCLUDED) for match in pattern.finditer(text))
    for match in sorted(found, key=lambda match: match.end(), reverse=True):
        letter = match.group(match.lastindex)
        denied = _DENIED.search(text, max(0, match.start(match.lastindex) - 8), match.start(match.lastindex))
        article = letter in "AI" and _SMALL_WORD.match(text, match.end())
        if not denied and not article:
            return letter
    return None


def _last_bracketed(lines: list[str]) -> str | None:
    letters = set(_BRACKETED.findall(lines[-1]) or _BOLD.findall(lines[-1]))
    return letters.pop() if len(letters) == 1 else None
