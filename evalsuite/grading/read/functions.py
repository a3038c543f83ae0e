"""Functions, roots, big operators, powers, subscripts and the units after a number."""

from evalsuite.grading.read.nodes import with_mark
from evalsuite.grading.read.tokens import Unreadable
from evalsuite.grading.read.units import is_unit, is_unit_word
from evalsuite.grading.read.vocabulary import BIG, FUNCTIONS, SAME_FUNCTION

Node = tuple
_BASES = {word: str(n) for n, word in enumerate("two three four five six seven eight nine ten".split(), 2)}


class Functions:
    """The part of the parser for functions and scripts. The methods that it calls but lacks are in its subclasses."""

    def root(self) -> Node:
        degree = self.number_node(2)
        if self.peek() == ("op", "["):
            self.next()
            degree = self.enclosed("]")
        return ("fn", "root", (self.argument(), degree))

    def big(self, name: str) -> Node:
        """A sum, product, integral or limit with its bounds and its body."""
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
        """A function with its exponent, its base, and its arguments with or without brackets."""
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
        r"""The argument of `\sin 2x`: adjacent factors up to a sign, a bracket or another function."""
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
        """The unit that starts here: factors joined by `*`, with exponent -1 after a slash or `per`."""
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

    def power(self, base: Node) -> Node:
        """What a circumflex makes of the node before it: a power, degrees, primes, or a name such as `x^*`."""
        self.next()
        token = self.peek()
        if token == ("cmd", "circ") or (
            token == ("op", "{") and self.peek(1) == ("cmd", "circ") and self.peek(2) == ("op", "}")
        ):
            self.index += 1 if token[0] == "cmd" else 3
            return with_mark("deg", base)
        if token == ("op", "'") or (token == ("op", "{") and self.peek(1) == ("op", "'")):
            return base if token[0] == "op" and token[1] == "'" else self.primes(base)
        if base == ("con", "e") or base[0] != "sym" or token not in (("op", "*"), ("op", "+"), ("op", "-")):
            return ("pow", base, self.argument(signed=True))
        if self.peek(1) is not None and self.starts_factor(self.peek(1)) and token[1] == "-":
            return ("pow", base, self.argument(signed=True))
        return ("sym", base[1] + "^" + self.next()[1])

    def primes(self, base: Node) -> Node:
        self.next()
        count = 0
        while self.peek() == ("op", "'"):
            self.next()
            count += 1
        self.expect("}")
        return ("sym", base[1] + "'" * count) if base[0] in ("sym", "con") else ("call", "prime", (base,))

    def subscript(self, base: Node) -> Node:
        """What a subscript makes of the node before it: a numeral in a base, or a longer name."""
        self.next()
        start = self.index
        if self.peek() == ("op", "{"):
            depth = 0
            while True:
                value = self.next()[1]
                depth += (value == "{") - (value == "}")
                if depth == 0:
                    break
            inside = self.tokens[start + 1 : self.index - 1]
        else:
            inside = [self.next()]
        name = "".join(value for _, value in inside)
        name = _BASES.get(name, name)
        if base[0] == "num" and name.isdigit() and len(name) < 4:
            return ("base", str(base[1].numerator), int(name)) if base[2] is None else base
        if base[0] == "num":
            raise Unreadable("a subscript on a number")
        named = ("sym", f"{base[1] if base[0] in ('sym', 'con', 'text') else base}_{name}")
        return self.application(named) or named
