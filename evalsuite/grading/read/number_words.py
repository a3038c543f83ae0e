"""Read numbers in words."""

import re
from fractions import Fraction

_TEXT = re.compile(r"\\(?:text|mbox|textrm|textbf|mathrm)\s*\{([^{}\\$]*)\}")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SIMPLE = {word: n for n, word in enumerate(_ONES)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
_PARTS = {word: n for n, word in enumerate("half third fourth fifth sixth seventh eighth ninth tenth".split(), 2)}
_PARTS |= {"quarter": 4, "halve": 2}
_POWERS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def number_word(text: str) -> Fraction | None:
    r"""The whole number or fraction that a text gives in words; None if it does not.

    >>> number_word(r"\text{Seven}"), number_word("two hundred and thirty-one thousand"), number_word("seventh")
    (Fraction(7, 1), Fraction(231000, 1), None)
    >>> number_word("a million"), number_word("three four"), number_word("one and two")
    (Fraction(1000000, 1), None, None)
    >>> number_word("two-thirds"), number_word("one half"), number_word("third")
    (Fraction(2, 3), Fraction(1, 2), None)
    >>> number_word("minus three and a half"), number_word("ten minus two")
    (Fraction(-7, 2), None)
    """
    said = _TEXT.sub(r"\1", text[:120]).strip(" .$").casefold()
    if said.startswith(("minus ", "negative ")):
        positive = number_word(said.partition(" ")[2])
        return None if positive is None else -positive
    if said.endswith(" and a half"):
        whole = _whole(said.removesuffix(" and a half"))
        return None if whole is None else whole + Fraction(1, 2)
    above, _, part = said.replace("-", " ").rpartition(" ")
    count = 1 if above in ("a", "an", "") else _whole(above)
    if said == "half" or (above and count and part.removesuffix("s") in _PARTS and part.endswith("s") == (count > 1)):
        return Fraction(count, _PARTS[part.removesuffix("s")])
    whole = _whole(said)
    return None if whole is None else Fraction(whole)


def _whole(said: str) -> int | None:
    found = re.sub(r"^a(?= hundred| thousand| million| billion)", "one", said).replace("-", " ").split()
    total, group, room = 0, 0, 100  # room: the next number must be smaller
    for place, word in enumerate(found):
        number = _SIMPLE.get(word, 0)
        if word == "and" and 0 < place < len(found) - 1 and found[place - 1] in ("hundred", *_POWERS):
            continue
        if 0 < number < room:
            group, room = group + number, 10 if number >= 20 else 0
        elif word == "hundred" and 0 < group < 100:
            group, room = 100 * group, 100
        elif word in _POWERS and group and total % (1000 * _POWERS[word]) == 0:
            total, group, room = total + group * _POWERS[word], 0, 100
        else:
            return 0 if found == ["zero"] else None
    return total + group if found else None
