"""Parse the factors of a product: numbers, letters, functions, brackets, matrices, units."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from evalsuite.grading.read.brackets import Brackets
from evalsuite.grading.read.functions import Functions
from evalsuite.grading.read.nodes import with_mark
from evalsuite.grading.read.primaries import CONSTANTS, Primaries
from evalsuite.grading.read.tokens import Token, Unreadable
from evalsuite.grading.read.vocabulary import (
    CLOSING_COMMANDS,
    CONDITIONS,
    GREEK,
    RELATIONS,
    SET_WORDS,
    splits_into_letters,
)

Node = tuple[Any, ...]
MAX_DEPTH = 100  # each pair of brackets takes three levels
OPENING, CLOSING = frozenset(("(", "[", "{{", "{", "|(")), frozenset((")", "]", "}}", "}", "|)"))


class Factors(Primaries, Functions, Brackets):
    """The lower half of the parser; `sequence`, `item`, `additive` and `setexpr` are in its subclass."""

    def __init__(self, found: list[Token], lists: bool):
        self.tokens, self.index, self.lists = found, 0, lists
        self.nested = self.bars = self.building = self.depth = 0
        self.after_power = False

    def peek(self, ahead: int = 0) -> Token | None:
        index = self.index + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def next(self) -> Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def at(self, stops: frozenset[str]) -> bool:
        token = self.peek()
        if token is None or token[0] not in ("op", "endenv", "cmd") or token[1] not in stops:
            return False
        return token[1] != "[" or self.closes_here()

    def expect(self, value: str) -> None:
        if self.index >= len(self.tokens) or self.next()[1] != value:
            raise Unreadable(f"expected {value!r}")

    @contextlib.contextmanager
    def deeper(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deeply")
        yield
        self.depth -= 1

    # ---- products

    def factor(self) -> Node:
        """A primary expression with its powers, factorials, degrees and percent signs."""
        with self.deeper():
            node = self.primary()
            self.after_power = False
            for _ in range(12):
                token = self.peek()
                if token == ("op", "^"):
                    node = self.power(node)
                    self.after_power = node[0] == "pow"
                elif token == ("op", "_"):
                    node = self.subscript(node)
                elif token == ("op", "!"):
                    self.next()
                    double = self.peek() == ("op", "!")
                    self.index += double
                    node = ("fn", "factorial2" if double else "factorial", (node,))
                elif token == ("op", "%") or (
                    token and token[1] in ("percent", "pct", "percentage") and token[0] != "cmd"
                ):
                    self.next()
                    node = with_mark("pct", node)
                elif token == ("op", "'"):
                    self.next()
                    node = ("sym", f"{node[1]}'") if node[0] in ("sym", "con") else ("call", "prime", (node,))
                    node = self.application(node) or node
                elif token == ("cmd", "circ") or (
                    token and token[1] in ("degree", "degrees", "deg") and token[0] != "cmd"
                ):
                    self.next()
                    node = with_mark("deg", node)
                else:
                    return node
            raise Unreadable("too many marks on one factor")

    def argument(self, signed: bool = False, digit: bool = False) -> Node:
        """The argument of a command or a circumflex: a group, or one factor. With `digit`, it is one digit."""
        token = self.peek()
        if token == ("op", "{"):
            return self.group()
        if signed and token in (("op", "-"), ("op", "+")):
            self.next()
            inner = self.argument()
            return ("neg", inner) if token[1] == "-" else inner
        if digit and token is not None and token[0] == "num" and len(token[1]) > 1 and token[1].isdigit():
            self.tokens[self.index] = ("num", token[1][1:])
            return self.number_node(int(token[1][0]))
        with self.deeper():
            node = self.primary()
            if signed and self.peek() == ("op", "^"):
                return ("pow", node, (self.next(), self.argument(signed=True))[1])
            return node

    def group(self) -> Node:
        """The content of a TeX group; if that is a list, a set."""
        self.expect("{")
        node = self.enclosed("}")
        return ("seq", "brace", *node[2:]) if node[0] == "seq" and node[1] == "bare" and node[3] != "or" else node

    def enclosed(self, close: str) -> Node:
        """The sequence up to the closing bracket, which is consumed."""
        with self.deeper(), self.nesting():
            node = self.sequence(frozenset((close,)))
            self.expect(close)
            return node

    @contextlib.contextmanager
    def nesting(self) -> Iterator[None]:
        saved = self.bars, self.building, self.lists
        self.bars = self.building = 0
        self.lists = self.lists or not self.comma_ahead()
        self.nested += 1
        yield
        self.nested -= 1
        self.bars, self.building, self.lists = saved

    def comma_ahead(self) -> bool:
        """Whether the bracket that was just opened has a comma between items. If so, `1,234` inside it is a number."""
        depth = 0
        for kind, value in self.tokens[self.index : self.index + 400]:
            if kind != "op":
                continue
            depth += (value in OPENING) - (value in CLOSING)
            if depth < 0:
                return False
            if depth == 0 and value in (",", ";"):
                return True
        return False

    def times_letter(self, token: Token) -> bool:
        """Whether a token is the letter x between two numbers, which is a multiplication sign."""
        before, after = self.tokens[self.index - 1], self.peek(1)
        return (
            token in (("word", "x"), ("word", "X")) and before[0] == "num" and after is not None and after[0] == "num"
        )

    def starts_factor(self, token: Token) -> bool:
        kind, value = token
        if kind == "num":
            return self.index == 0 or self.tokens[self.index - 1][0] != "num" or self.after_power
        if kind in ("word", "text"):
            return (
                value.lower() not in ("and", "or", "in", "to", "mod", "modulo", "choose")
                and value.lower() not in CONDITIONS
                and value not in SET_WORDS
            )
        if kind == "env":
            return True
        if kind == "cmd":
            return (
                value not in RELATIONS
                and value not in SET_WORDS
                and value not in ("and", "or", "pm", "mp", "mid", "pmod", "bmod", "mod", "choose", "over", "not")
                and value not in CLOSING_COMMANDS
            )
        if value == "|":
            return not self.bars and not self.building
        if value == "[":  # in some countries it also closes an open interval
            return not self.nested or not self.closes_here()
        return value in ("(", "{", "{{", "|(")

    def closes_here(self) -> bool:
        """Whether the next square bracket closes an interval: it is the last token, or a connective follows it."""
        following = self.peek(1)
        return (
            following is None
            or following[1] in SET_WORDS
            or following[1] in ("and", "or", ",", "}", "}}", ")", ".", ";")
        )

    @staticmethod
    def is_word(value: str) -> bool:
        """Whether bare letters can only be words."""
        return len(value) > 2 and value not in CONSTANTS and value not in GREEK and not splits_into_letters(value)

    @staticmethod
    def is_text(node: Node) -> bool:
        return node[0] == "text"

    @staticmethod
    def number_node(value: int) -> Node:
        return ("num", Fraction(value), None)

    # ---- primaries

    def primary(self) -> Node:
        kind, value = self.next()
        if kind == "num":
            return self.number(value)
        if kind in ("word", "text"):
            return self.word(kind, value)
        if kind == "cmd":
            return self.command(value)
        if kind == "env":
            return self.environment(value)
        if kind == "op" and value in ("(", "[", "{{", "{", "]"):
            return self.bracket(value)
        if value in ("|", "|("):
            return self.absolute(value)
        if value == '"' and self.peek() is not None:
            return self.primary()
        raise Unreadable(f"unexpected {value!r}")
