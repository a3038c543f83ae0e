"""Parse primary expressions, the smallest parts of an answer: numbers, letters, words and commands."""

import re
from fractions import Fraction

from evalsuite.grading.read.tokens import Unreadable
from evalsuite.grading.read.vocabulary import (
    ACCENTS,
    BIG,
    CALLED,
    CLOSING_COMMANDS,
    FUNCTIONS,
    GREEK,
    INFINITE,
    NUMBER_SETS,
    PHRASES,
    RELATIONS,
    splits_into_letters,
)

Node = tuple
MAX_EXPONENT_DIGITS = 4  # of a number such as 1e4000
CONSTANTS = {
    "pi": "pi",
    "e": "e",
    "i": "i",
    "infty": "inf",
    "ldots": "dots",
    "infinity": "inf",
    "Infinity": "inf",
    "oo": "inf",
}
_REPEATS = re.compile(r"(\d)\1{2,}$|^(\d{1,6}?)\2+$|(\d{2,3}?)\3+$")
_MOST_SHOWN = 60  # digits before the dots
_ORDINALS = frozenset(("st", "nd", "rd", "th"))


def literal(written: str) -> Node:
    """The node of a number. The last entry is the number of decimals: negative for 3e2, None for a whole number.

    >>> literal("1,234.50"), literal("3e2")
    (('num', Fraction(2469, 2), 2), ('num', Fraction(300, 1), -2))
    """
    digits = written.replace(",", "").lower()
    mantissa, _, exponent = digits.partition("e")
    if len(exponent.lstrip("+-")) > MAX_EXPONENT_DIGITS or len(digits) > 4000:
        raise Unreadable("a number of absurd size")
    places = len(mantissa.partition(".")[2]) - int(exponent or 0) if "." in mantissa.rstrip(".") or exponent else None
    return ("num", Fraction(digits.rstrip(".") if digits[-1] == "." else digits), places)


class Primaries:
    """The part of the parser for primary expressions. The methods that it calls but lacks are in its subclasses."""

    def number(self, written: str) -> Node:
        """A number with what belongs to it: a fraction, repeating digits, or the ending of an ordinal."""
        if "," in written and self.lists:
            first, _, rest = written.partition(",")
            self.tokens[self.index : self.index] = [("op", ","), ("num", rest)]
            return literal(first)
        node = literal(written)
        following = self.peek()
        if following == ("cmd", "ldots") and written[-1].isdigit() and "." in written:
            return self.with_dots(written, node)
        if following is None or node[2] is not None:
            return self.repeating(written, node) if following == ("cmd", "overline") and "." in written else node
        if following == ("cmd", "overline") and written.endswith("."):
            return self.repeating(written, node)
        if following[0] in ("word", "text") and following[1] in _ORDINALS:
            self.next()
        return self.mixed(node, following)

    def mixed(self, whole: Node, following: tuple[str, str]) -> Node:
        r"""The mixed number `2\frac{3}{8}` or `2 3/8`, if its fraction is a proper one; else the whole number alone."""
        start = self.index
        if following == ("cmd", "frac"):
            self.next()
            over, under = self.argument(digit=True), self.argument(digit=True)
        elif following[0] == "num" and self.peek(1) == ("op", "/") and (self.peek(2) or ("", ""))[0] == "num":
            over, under = literal(following[1]), literal(self.peek(2)[1])
            self.index += 3
        else:
            return whole
        proper = over[0] == under[0] == "num" and over[2] is under[2] is None and 0 < over[1] < under[1]
        if proper and (self.peek() is None or self.peek() != ("op", "^")):
            return ("add", (whole, ("mul", (over, ("inv", under)))))
        self.index = start
        return whole

    def with_dots(self, written: str, node: Node) -> Node:
        """`0.1666...`: a repeating decimal if its last digits already repeat, else the decimal without the dots."""
        self.next()
        digits = written.partition(".")[2]
        match = _REPEATS.search(digits[-_MOST_SHOWN:])
        if match is None or 2 * len(match.group()) < len(digits):
            return node
        period = next(filter(None, match.groups()))
        return ("num", node[1] + Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(digits)), None)

    def repeating(self, written: str, node: Node) -> Node:
        r"""`0.8\overline{4}`, in which the digits under the bar repeat."""
        self.next()
        digits = self.argument()
        count = self.index - 2
        if digits[0] != "num" or digits[2] is not None:
            raise Unreadable("a bar over something other than digits")
        shown = self.tokens[count][1] if self.tokens[count][0] == "num" else str(digits[1])
        places = len(written.partition(".")[2])
        tail = Fraction(int(shown), (10 ** len(shown) - 1) * 10**places)
        return ("num", node[1] + tail, None)

    def word(self, kind: str, value: str) -> Node:
        """A function, a constant, a letter, the first letter of a product, or a phrase."""
        if value in ("min", "max") and (self.peek() or ("", ""))[1] in ("", "=", ":"):
            return ("text", value)
        if value in FUNCTIONS:
            return self.function(value)
        if value in CONSTANTS and (kind == "word" or len(value) > 1 or value in "ei"):
            return ("con", CONSTANTS[value])
        if value in GREEK:
            return self.application(("sym", value)) or ("sym", value)
        if len(value) == 1:
            return self.letter(value)
        following = self.peek()
        alone = (self.index == 1 or self.tokens[self.index - 2][0] in ("op", "cmd")) and (
            following is None or following[0] in ("op", "cmd")
        )
        if kind == "word" and splits_into_letters(value) and (alone or len(value) < 4):
            self.tokens[self.index : self.index] = [("word", letter) for letter in value[1:]]
            return self.letter(value[0])
        return self.phrase(value)

    def letter(self, name: str) -> Node:
        chosen = self.chosen_number() if name == "C" else None
        return chosen or self.application(("sym", name)) or ("sym", name)

    def phrase(self, first: str) -> Node:
        """The words up to the next connective, mark or mathematics; some phrases mean a set or infinity."""
        words = [first]
        while (
            (token := self.peek()) is not None
            and token[0] in ("word", "text")
            and token[1].lower() not in ("and", "or")
        ):
            if token[1] in FUNCTIONS:
                break
            words.append(self.next()[1])
            if self.peek() == ("op", "'"):
                self.next()
        phrase = " ".join(words)
        known = PHRASES.get(phrase.lower())
        if phrase.lower() in INFINITE:
            return ("con", "inf")
        return ("set", known) if known else ("text", phrase)

    def application(self, named: Node) -> Node | None:
        """A letter applied to an argument, or None: `f(x)` for names of functions, `T(10)` and `P(A)` for others."""
        name = named[1]
        if self.peek() != ("op", "("):
            return None
        numeric = self.peek(1) is not None and self.peek(1)[0] == "num" and self.peek(2) == ("op", ")")
        argument = self.peek(1) is not None and self.peek(1)[0] == "word" and self.peek(2) == ("op", ")")
        single = len(name) == 1 and name.isupper() and argument and len(self.peek(1)[1]) == 1
        if not numeric and not single and name.rstrip("'").partition("_")[0] not in CALLED:
            return None
        self.next()
        inner = self.enclosed(")")
        arguments = inner[2] if inner[0] == "seq" and inner[1] == "bare" else (inner,)
        return ("call", name, arguments)

    def chosen_number(self) -> Node | None:
        """The binomial coefficient `C(10, 3)`, or None if the brackets do not hold two numbers or letters."""
        inside = self.tokens[self.index : self.index + 5]
        if [value for _, value in inside[::2]] != ["(", ",", ")"] or any(
            kind not in ("num", "word") for kind, _ in inside[1::2]
        ):
            return None
        self.next()
        return ("fn", "binom", self.enclosed(")")[2])

    def command(self, name: str) -> Node:
        if name == "frac":
            over = self.argument(digit=True)
            return ("mul", (over, ("inv", self.argument(digit=True))))
        if name == "sqrt":
            return self.root()
        if name == "binom":
            return ("fn", "binom", (self.argument(digit=True), self.argument(digit=True)))
        if name in FUNCTIONS and name not in ("Re", "Im"):
            return self.function(name)
        if name in CONSTANTS:
            return ("con", CONSTANTS[name])
        if name in BIG:
            return self.big(name)
        if name in ("lfloor", "lceil"):
            inner = self.enclosed("rfloor" if name == "lfloor" else "rceil")
            return ("fn", "floor" if name == "lfloor" else "ceil", (inner,))
        if name == "langle":
            inner = self.enclosed("rangle")
            return ("seq", "paren", inner[2], ",") if inner[0] == "seq" else inner
        return self.symbol(name)

    def symbol(self, name: str) -> Node:
        """A command for a letter, a set, or an accent, or one that only changes how its argument looks."""
        if name in ("mathbb", "Bbb"):
            inner = self.argument()
            if inner[0] == "sym" and inner[1] in NUMBER_SETS:
                return self.number_set(inner[1])
            return inner
        if name in ("emptyset",):
            return ("set", "empty")
        if name in ACCENTS:
            return self.accented(name)
        if name in ("boxed", "fbox", "mathclap", "substack", "operatornamewithlimits", "displaymath"):
            return self.argument()
        if name in ("textcolor", "color", "overset", "underset", "stackrel", "href", "colorbox"):
            self.argument()
            return self.argument() if name != "color" else self.factor()
        if name in ("underbrace", "overbrace", "cancel", "not"):
            return self.argument()
        if name in RELATIONS or name in CLOSING_COMMANDS:
            raise Unreadable(f"unexpected \\{name}")
        return self.application(("sym", name)) or ("sym", name)

    def number_set(self, name: str) -> Node:
        positive = False
        while self.peek() in (("op", "^"), ("op", "_")):
            self.next()
            inside = [self.next()]
            while inside[0] == ("op", "{") and inside[-1] != ("op", "}"):
                inside.append(self.next())
            marks = {value for _, value in inside}
            positive = positive or bool(marks & {"+", ">"})
            if marks & {"2", "3", "n"}:
                return ("sym", f"{name}{min(marks & {'2', '3', 'n'})}")
        return ("set", "R+" if name == "R" and positive else name)

    def accented(self, name: str) -> Node:
        inner = self.argument()
        letters = "".join(_letters(inner))
        if not letters:
            return inner
        if name == "hat" and letters in "ijk":
            return ("sym", f"unit{letters}")
        if name in ("vec", "overrightarrow"):
            return ("sym", f"unit{letters}") if letters in ("i", "j", "k") else ("sym", letters)
        named = ("sym", f"{name} {letters}")
        return self.application(named) or named


def _letters(node: Node) -> list[str]:
    if node[0] == "sym":
        return [node[1]]
    if node[0] == "con" and len(node[1]) == 1:
        return [node[1]]
    if node[0] == "mul":
        return [letter for part in node[1] for letter in _letters(part)]
    if node[0] == "text":
        return [node[1]]
    return []
