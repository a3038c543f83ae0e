r"""Answers as trees: lists, relations, sets, sums and products. What stands inside a product is in atoms.py.

A node is a tuple whose first entry names it:
    ("num", Fraction, places)   places: digits after the point as written, None for an integer
    ("sym", name)  ("con", "pi"|"e"|"i"|"inf"|"dots")  ("text", words)  ("set", "R"|"Z"|"N"|"Q"|"C"|"R+"|"empty")
    ("add", nodes)  ("mul", nodes)  ("inv", node)  ("neg", node)  ("pow", base, exponent)
    ("pm", left or None, right, "pm"|"mp")  ("fn", name, nodes)  ("call", name, nodes)  ("big", name, nodes)
    ("pct", node)  ("deg", node)  ("unit", node, unit)  ("base", digits, base)  ("ratio", nodes)  ("mod", node, modulus)
    ("rel", nodes, operators)  ("seq", "bare"|"paren"|"brack"|"brace", nodes, ","|"and"|"or")  ("mat", rows)
    ("ival", low, high, low closed, high closed)  ("setop", "|"|"&"|"-", left, right)  ("build", head, condition)
    ("label", words, node)  ("cond", node, words)
"""

from evalsuite.grading.read.atoms import Atoms, Node, Unreadable
from evalsuite.grading.read.heads import Heads
from evalsuite.grading.read.nodes import declared, has_number, label_words, listed, marked, product, summed
from evalsuite.grading.read.surface import joined_digits, plain, undelimited
from evalsuite.grading.read.tokens import tokens
from evalsuite.grading.read.units import MULTIPLIERS, is_unit_word
from evalsuite.grading.read.vocabulary import CONDITIONS, FUNCTIONS, RELATIONS, SET_WORDS

MAX_LENGTH = 8000
_TO = (("word", "to"), ("text", "to"))  # 3 to 2 is 3 : 2


def parse(text: str, *, lists: bool = False) -> Node:
    r"""The tree of an answer. `lists` reads `1,234` as two numbers. Raises Unreadable.

    >>> parse(r"x = \frac12")
    ('rel', (('sym', 'x'), ('mul', (('num', Fraction(1, 1), None), ('inv', ('num', Fraction(2, 1), None))))), ('=',))
    """
    if len(text) > MAX_LENGTH:
        raise Unreadable("too long")
    parser = Parser(tokens(joined_digits(undelimited(plain(text)))), lists)
    try:
        node = parser.sequence()
    except (IndexError, RecursionError) as error:
        raise Unreadable("ends too early or is too deep") from error
    if parser.peek() is not None:
        raise Unreadable(f"unexpected {parser.peek()[1]!r}")
    return node


class Parser(Heads, Atoms):
    """Recursive descent over tokens, loosest binding first."""

    def sequence(self, stops: frozenset[str] = frozenset()) -> Node:
        """Items between commas, semicolons, `and`, `or` and line breaks; a single item is itself."""
        items: list[Node] = []
        joins: list[str] = []  # one between each two items
        join = self.separators(stops)
        while self.peek() is not None and not self.at(stops):
            if items:
                if not join:
                    raise Unreadable(f"unexpected {self.peek()[1]!r}")
                joins.append(join)
            items.append(self.item())
            tail = self.condition() if items[-1][0] not in ("text", "label") else None
            if tail is not None:
                items[-1] = ("cond", items[-1], tail)
            join = self.separators(stops)
        return items[0] if len(items) == 1 else listed(items, joins)

    def separators(self, stops: frozenset[str]) -> str:
        """Consume what separates two items; the strongest of `or`, `and`, `;`, `,`, or nothing."""
        found = set()
        while (token := self.peek()) is not None and not self.at(stops):
            kind, value = token
            if kind == "op" and value in (",", ";", "\\\\", "&", "."):
                found.add("," if value != ";" else ";")
            elif kind != "num" and value.lower() in ("and", "or"):
                found.add(value.lower())
            else:
                break
            self.next()
        return next((join for join in ("or", "and", ";", ",") if join in found), "")

    def item(self) -> Node:
        """A relation or chain of relations between set expressions; a definition `f(x) = ...` keeps its head whole."""
        operands, operators = [self.definition() or self.labelled()], []
        while (operator := self.relation()) is not None:
            operators.append(operator)
            operands.append(self.labelled())
        if operators and operands[-1][0] == "cond":
            return ("cond", ("rel", (*operands[:-1], operands[-1][1]), tuple(operators)), operands[-1][2])
        return ("rel", tuple(operands), tuple(operators)) if operators else operands[0]

    def relation(self) -> str | None:
        token = self.peek()
        if token is None or token[0] == "num":
            return None
        negated = token == ("cmd", "not")
        operator = RELATIONS.get((self.peek(1) or ("", ""))[1] if negated else token[1])
        if operator is None or (token[0] == "op" and token[1] not in "=<>") or token in _TO:
            return None
        self.index += 2 if negated else 1
        if operator in "<>" and self.peek() == ("op", "="):
            self.next()
            operator += "="
        return {"=": "!=", "in": "notin"}.get(operator, operator) if negated else operator

    def labelled(self) -> Node:
        """A set expression, perhaps after a label (`Ann: 5`), perhaps a ratio (`1 : 2`), perhaps modulo something."""
        node = self.setexpr()
        if (self.peek() == ("op", ":") and not self.building) or self.peek() in _TO:
            self.next()
            if node[0] in ("text", "label"):
                with self.deeper():
                    return ("label", label_words(node), self.labelled())
            parts = [node, self.setexpr()]
            while self.peek() == ("op", ":") or self.peek() in _TO:
                self.next()
                parts.append(self.setexpr())
            return ("ratio", tuple(parts))
        modulus = self.modulus()
        return node if modulus is None else ("mod", node, modulus)

    def setexpr(self) -> Node:
        node = self.additive()
        while (token := self.peek()) is not None and token[0] in ("cmd", "word") and token[1] in ("over", "choose"):
            self.next()
            below = self.additive()
            node = ("mul", (node, ("inv", below))) if token[1] == "over" else ("fn", "binom", (node, below))
        while (token := self.peek()) is not None and token[0] != "num" and token[1] in SET_WORDS:
            if token == ("op", "-"):
                break
            self.next()
            node = ("setop", SET_WORDS[token[1]], node, self.additive())
        return node

    def additive(self) -> Node:
        """Terms with signs; a unit after the last one belongs to the sum where no other term has one."""
        with self.deeper():
            terms: list[Node] = []
            while True:
                sign = self.sign()
                if sign in ("pm", "mp"):
                    terms = [("pm", summed(terms), self.term(), sign)]
                else:
                    term = self.term()
                    terms.append(("neg", term) if sign == "-" else term)
                token = self.peek()
                if terms[-1][0] == "unit" and token is not None and token[0] == "num":
                    continue  # 5 ft 3 in
                if token is None or not (
                    token in (("op", "+"), ("op", "-")) or token in (("cmd", "pm"), ("cmd", "mp"))
                ):
                    return summed(terms)

    def sign(self) -> str:
        """Consume signs; an even number of minuses is none."""
        sign = "+"
        while (token := self.peek()) in (("op", "+"), ("op", "-"), ("cmd", "pm"), ("cmd", "mp")):
            self.next()
            if token[0] == "cmd":
                return token[1]
            if token[1] == "-":
                sign = "+" if sign == "-" else "-"
        return sign

    def term(self) -> Node:
        """Factors, multiplied or divided, explicitly or by standing side by side; then perhaps a unit."""
        factors: list[Node] = [self.factor()]
        while (token := self.peek()) is not None:
            if token in (("op", "*"), ("op", "/")) or self.times_letter(token) or self.divides(token, factors[-1]):
                self.next()
                sign = self.sign()
                right = self.factor() if sign == "+" else ("neg", self.factor())
                factors.append(("inv", right) if token[1] in "/:" else right)
            elif token[0] in ("text", "word") and token[1].lower() in MULTIPLIERS and not self.is_text(factors[-1]):
                self.next()
                factors.append(self.number_node(MULTIPLIERS[token[1].lower()]))
            elif self.starts_unit(token, factors) and not self.is_text(factors[-1]):
                return marked("unit", product(factors), self.unit())
            elif self.is_text(factors[-1]) and len(factors) == 1 and self.starts_factor(token):
                return ("label", factors[0][1], self.additive())
            elif self.starts_factor(token):
                factor = self.factor()
                if factor[0] == "rel" and "in" in factor[2]:  # `(k \in \mathbb{Z})` after what it speaks of
                    return ("cond", product(factors), declared(factor) if factor[2] == ("in",) else "")
                factors.append(factor)
            else:
                break
        return product(factors)

    def divides(self, token: tuple[str, str], before: Node) -> bool:
        """A colon inside brackets divides."""
        return token == ("op", ":") and self.nested > 0 and not self.building and not self.is_text(before)

    def starts_unit(self, token: tuple[str, str], after: list[Node] | None = None) -> bool:
        """Whether a unit begins; bare words are one only after something with a number in it."""
        kind, value = token
        if kind not in ("text", "word") or value.lower() in ("and", "or") or value.lower() in CONDITIONS:
            return False
        if value == "in" and kind == "text" and (self.peek(1) is None or self.peek(1)[1] in (",", "^")):
            return True
        if value == "min" and (self.peek(1) or ("op", ""))[1] not in ("(", "{", "_", "[", "{{"):
            return True
        if value in FUNCTIONS or value in RELATIONS or value in SET_WORDS:
            return False
        if kind == "text" or is_unit_word(value):
            return True
        return self.is_word(value) and (after is None or any(has_number(node) for node in after))
