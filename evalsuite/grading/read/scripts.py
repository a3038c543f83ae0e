"""What stands above and below: powers, degrees, primes, subscripts, number bases."""

from evalsuite.grading.read.nodes import marked
from evalsuite.grading.read.tokens import Unreadable

Node = tuple
_BASES = {
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
}


class Scripts:
    """Needs of its subclasses: tokens and the index, `argument`, `application`, `starts_factor`."""

    def power(self, base: Node) -> Node:
        self.next()
        token = self.peek()
        if token == ("cmd", "circ") or (
            token == ("op", "{") and self.peek(1) == ("cmd", "circ") and self.peek(2) == ("op", "}")
        ):
            self.index += 1 if token[0] == "cmd" else 3
            return marked("deg", base)
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
