"""Functions and what they apply to, roots, big operators, and the units after a number."""

from evalsuite.grading.read.tokens import Unreadable
from evalsuite.grading.read.units import is_unit, is_unit_word
from evalsuite.grading.read.vocabulary import BIG, FUNCTIONS, SAME_FUNCTION

Node = tuple


class Functions:
    """Needs of its subclasses: tokens and the index, `factor`, `argument`, `enclosed`, `additive`, `starts_factor`."""

    def root(self) -> Node:
        degree = self.number_node(2)
        if self.peek() == ("op", "["):
            self.next()
            degree = self.enclosed("]")
        return ("fn", "root", (self.argument(), degree))

    def big(self, name: str) -> Node:
        """A sum, product, integral or limit, with its limits; it is compared part by part, not evaluated."""
        parts = []
        while self.peek() in (("op", "_"), ("op", "^")):
            mark = self.next()[1]
            if self.peek() == ("op", "{"):
                self.next()
                parts.append(("call", mark, (self.enclosed("}"),)))
            else:
                parts.append(("call", mark, (self.argument(),)))
        return ("big", name, (*sorted(parts, key=lambda part: part[1]), self.additive()))

    def function(self, name: str) -> Node:
        """A function with its exponent, base and arguments, bracketed or not."""
        exponent = base = None
        while self.peek() in (("op", "^"), ("op", "_")):
            if self.next()[1] == "^":
                exponent = self.argument(signed=True)
            else:
                base = self.argument()
        arguments = self.arguments()
        name = SAME_FUNCTION.get(name, name)
        if name == "sqrt" or name == "cbrt":
            name, arguments = "root", (*arguments, self.number_node(2 if name == "sqrt" else 3))
        if name in ("log", "lg", "ln"):
            arguments = (
                *arguments,
                base or {"lg": self.number_node(10), "ln": ("con", "e"), "log": ("con", "logbase")}[name],
            )
            name = "log"
        if exponent == ("neg", self.number_node(1)) and f"a{name}" in ("asin", "acos", "atan"):
            return ("fn", f"a{name}", arguments)
        node = ("fn", name, arguments)
        return node if exponent is None else ("pow", node, exponent)

    def arguments(self) -> tuple[Node, ...]:
        token = self.peek()
        if token in (("op", "("), ("op", "["), ("op", "{"), ("op", "{{")):
            close = {"(": ")", "[": "]", "{": "}", "{{": "}}"}[self.next()[1]]
            inner = self.enclosed(close)
            return inner[2] if inner[0] == "seq" and inner[1] == "bare" else (inner,)
        if token is None:
            raise Unreadable("a function of nothing")
        return (self.unbracketed(),)

    def unbracketed(self) -> Node:
        r"""The argument of `\sin 2x`: what stands side by side, up to a sign, a bracket or another function."""
        if self.peek() == ("op", "-"):
            self.next()
            with self.deeper():
                return ("neg", self.unbracketed())
        factors = [self.factor()]
        while (token := self.peek()) is not None:
            constant = all(node[0] in ("num", "con", "inv") for node in factors)
            if token == ("op", "/") and constant and (self.peek(1) or ("",))[0] == "num":
                self.next()
                factors.append(("inv", self.factor()))
            elif (
                token[0] in ("num", "word", "cmd")
                and token[1] not in FUNCTIONS
                and token[1] not in BIG
                and self.starts_factor(token)
            ):
                if token[0] == "word" and is_unit_word(token[1]):
                    break
                factors.append(self.factor())
            else:
                break
        return factors[0] if len(factors) == 1 else ("mul", tuple(factors))

    def unit(self) -> str:
        """The unit that starts here, as factors joined by `*`, those below a slash or after `per` with exponent -1."""
        parts, sign, below = [], 1, False
        while (token := self.peek()) is not None:
            if token in (("op", "/"), ("text", "per"), ("word", "per")) and (self.peek(1) or ("",))[0] in (
                "text",
                "word",
            ):
                self.next()
                sign, below = -1, True
            elif token == ("op", "*") and (self.peek(1) or ("",))[0] == "text":
                self.next()
            elif token[0] in ("text", "word") and (self.starts_unit(token) or (below and is_unit(token[1]))):
                parts.append(self.next()[1] + self.unit_exponent(sign))
                below = below or parts[-1] in ("sq", "square", "cu", "cubic")
            elif token == ("op", ".") and parts:
                self.next()
            elif (
                token[0] == "op" and token[1] == "(" and parts and self.peek(1) and self.peek(1)[0] in ("text", "word")
            ):
                self.skip_bracket()
            else:
                break
        return "*".join(parts)

    def unit_exponent(self, sign: int) -> str:
        if self.peek() == ("op", "^"):
            self.next()
            exponent = self.argument(signed=True)
            negative = exponent[0] == "neg"
            value = exponent[1] if negative else exponent
            if value[0] != "num" or value[1].denominator != 1:
                raise Unreadable("an odd exponent on a unit")
            power = int(value[1]) * sign * (-1 if negative else 1)
            return "" if power == 1 else f"^{power}"
        return "" if sign == 1 else "^-1"

    def skip_bracket(self) -> None:
        while self.peek() is not None and self.next()[1] != ")":
            pass
