"""Compare answers in words, which are never compared by parts of words."""

import re

_WRAPPER = re.compile(
    r"\\(?:text(?:bf|it|rm|normal|sf|tt)?|mathrm|mathbf|mbox|hbox|emph|operatorname|textcolor\{\w+\})\s*(?=\{)"
)
_MATHS = re.compile(
    r"\\(?!text|mathrm|mathbf|mbox|hbox|emph|quad|qquad|[,;:! ])[A-Za-z]|[\^_=<>+*|\[\]]|\d\s*[-/]|[-/(]\s*\d"
)
_AGREES = re.compile(r"\W*(yes|no)\s*[,.;:]", re.IGNORECASE)
_COMMAND = re.compile(r"\\([A-Za-z]+)|\\[,;:! ()\[\]]")
_NOT_WORDS = re.compile(r"[^\w+\-'<>=/.]+")
_ARTICLES = frozenset(("the", "a", "an"))
_SYNONYMS = {
    "true": "yes", "false": "no", "correct": "yes", "incorrect": "no",
    "does not exist": "undefined", "dne": "undefined", "doesn't exist": "undefined", "not defined": "undefined",
    "none": "no solution",
}  # fmt: skip
_NEGATIONS = frozenset("not no never neither nor cannot none without nobody isn't doesn't don't won't can't".split())
_COPULA = frozenset(("is", "are", "was", "were", "be", "equals"))
_VERBS = frozenset(
    "will is are was wins won has have had can could gets got does did must should would always loses lost".split()
)


def words(text: str) -> list[str]:
    r"""The words of a text without markup and articles, in lower case except for single letters.

    >>> words(r"\text{The Number} is $E$.")
    ['number', 'is', 'E']
    """
    bare = _COMMAND.sub(lambda m: f" {m.group(1) or ''} ", _WRAPPER.sub("", text))
    found = (word.strip("'.-") if word.strip("'.") not in ("-",) else "" for word in _NOT_WORDS.split(bare))
    return [word if len(word) == 1 else word.casefold() for word in found if word and word.casefold() not in _ARTICLES]


def is_in_words(text: str) -> bool:
    r"""Whether a text is in words rather than mathematics: it has a word of two letters and nothing to compute.

    >>> is_in_words("great circle"), is_in_words(r"\text{no}"), is_in_words("x + 1"), is_in_words("[3, oo)")
    (True, True, False, False)
    """
    return _MATHS.search(text) is None and any(len(word) > 1 and word.isalpha() for word in words(text))


def same_words(gold: str, answer: str) -> bool:
    r"""Whether two texts have the same words or the same meaning, or one is the subject or predicate of the other.

    >>> same_words("The function is odd.", "odd"), same_words("odd", "oddly")
    (True, False)
    >>> same_words("The function is not odd.", "odd"), same_words("Vera does not win.", "Vera")
    (False, False)
    >>> same_words("Vera won it all.", "Vera")
    True
    """
    left, right = words(gold), words(answer)
    if not left or not right:
        return False
    if not is_in_words(gold) and not is_in_words(answer):
        return False
    if left == right or ("".join(left) == "".join(right) and not re.search(r"\d", gold)):
        return is_in_words(gold) and is_in_words(answer)
    if _agreement(gold) == meaning(answer) or _agreement(answer) == meaning(gold):
        return True
    one, two = meaning(gold), meaning(answer)
    if one == two or len(left) == len(right) == 1:
        return one == two and len(one) > 1
    return (is_in_words(answer) and _states(left, right, gold)) or (is_in_words(gold) and _states(right, left, answer))


def _agreement(text: str) -> str:
    """`yes` or `no` if a sentence begins with it; else "neither"."""
    match = _AGREES.match(_WRAPPER.sub("", text))
    return match.group(1).casefold() if match else "neither"


def meaning(text: str) -> str:
    r"""The words of a text as one string; synonyms such as `DNE` and `undefined` give the same string.

    >>> meaning(r"\text{True}"), meaning("DNE"), meaning("the empty set")
    ('yes', 'undefined', 'empty set')
    """
    said = " ".join(words(text))
    return _SYNONYMS.get(said, said)


def _states(sentence: list[str], short: list[str], written: str) -> bool:
    """Whether a short answer is what a sentence says about its subject, or is its subject."""
    if (
        len(sentence) < 2 + (sentence[-1] not in ("wins", "won"))
        or not 0 < len(short) <= 3
        or len(short) >= len(sentence)
    ):
        return False
    if _NEGATIONS & set(sentence) and not _NEGATIONS & set(short):
        return False
    if not any(word.isalpha() and len(word) > 2 for word in short):
        return False
    before, after = sentence[: -len(short)], sentence[-len(short) :]
    if after == short and before[-1] in _COPULA:
        return True
    if sentence[: len(short)] == short and len(short) > 1 and sentence[len(short)].endswith(("ed", "s")):
        return True
    name = re.match(r"\W*(?:The\s+)?([A-Z]\w*)", _WRAPPER.sub("", written))
    if not name or name.group(1).casefold() != short[0].casefold() or sentence[: len(short)] != short:
        return False
    return sentence[len(short)] in _VERBS or (len(short) <= 2 and sentence[len(short)].endswith(("ed", "s")))
