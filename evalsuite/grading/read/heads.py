"""What stands before and after an answer proper: names that it defines, conditions in words."""

from evalsuite.grading.read.atoms import CLOSING, OPENING
from evalsuite.grading.read.tokens import Unreadable
from evalsuite.grading.read.vocabulary import CONDITIONS, FUNCTIONS

Node = tuple


class Heads:
    """Needs of its subclasses: tokens and the index."""

    def definition(self) -> Node | None:
        """`f(x, y)` or `P(x)` before an equals sign: a name for what follows, not a product."""
        index = self.index
        if (
            index >= len(self.tokens)
            or self.tokens[index][0] not in ("word", "cmd", "text")
            or self.peek(1) != ("op", "(")
        ):
            return None
        name = self.tokens[index][1]
        close = index + 2
        while close < len(self.tokens) and (
            self.tokens[close][0] in ("word", "cmd", "num") or self.tokens[close] == ("op", ",")
        ):
            close += 1
        if name in ("P", "Pr"):  # of an event, however it is written
            close = self.closing(index + 1)
            if close and self.tokens[close + 1 : close + 2] == [("op", "=")]:
                self.index = close + 1
                return ("call", name, ())
            return None
        if name in FUNCTIONS or self.tokens[close : close + 2] != [("op", ")"), ("op", "=")]:
            return None
        arguments = tuple(("sym", value) for _, value in self.tokens[index + 2 : close] if value != ",")
        self.index = close + 1
        return ("call", name, arguments)

    def closing(self, index: int) -> int | None:
        """The index of the bracket that closes the one at `index`."""
        depth = 0
        for place in range(index, len(self.tokens)):
            depth += (self.tokens[place][1] in OPENING) - (self.tokens[place][1] in CLOSING)
            if depth == 0:
                return place
        return None

    def condition(self) -> str | None:
        """The words after `where`, `if` and the like, as text: up to `or`, a semicolon, or a comma with `and`."""
        index = self.index + (self.peek() == ("op", ","))
        if index >= len(self.tokens) or self.tokens[index][0] not in ("word", "text"):
            return None
        if self.tokens[index][1].lower() not in CONDITIONS:
            return None
        if self.nested:
            raise Unreadable("a condition inside brackets")
        end = len(self.tokens)
        if self.tokens[index][1].lower() not in ("is", "are", "which", "since", "because"):
            end = self.condition_end(index)
        words = " ".join(value for _, value in self.tokens[index:end])
        self.index = end
        return words

    def condition_end(self, index: int) -> int:
        depth = 0
        while index < len(self.tokens):
            value = self.tokens[index][1]
            depth += (value in OPENING) - (value in CLOSING)
            following = self.tokens[index + 1][1] if index + 1 < len(self.tokens) else ""
            if not depth and (value in ("or", ";") or (value == "," and following == "and")):
                break
            index += 1
        return index
