r"""Parse answers into trees: lists, relations, sets, sums and products. The factors of a product are in factors.py.

A node is a tuple whose first entry is its kind:
    ("num", Fraction, places)   places: digits after the point as written, None for an integer
    ("sym", name)  ("con", "pi"|"e"|"i"|"inf"|"dots")  ("text", words)  ("set", "R"|"Z"|"N"|"Q"|"C"|"R+"|"empty")
    ("add", nodes)  ("mul", nodes)  ("inv", node)  ("neg", node)  ("pow", base, exponent)
    ("pm", left or None, right, "pm"|"mp")  ("fn", name, nodes)  ("call", name, nodes)  ("big", name, nodes)
    ("pct", node)  ("deg", node)  ("unit", node, unit)  ("base", digits, base)  ("ratio", nodes)  ("mod", node, modulus)
    ("rel", nodes, operators)  ("seq", "bare"|"paren"|"brack"|"brace", nodes, ","|"and"|"or")  ("mat", rows)
    ("ival", low, high, low closed, high closed)  ("setop", "|"|"&"|"-", left, right)  ("build", head, condition)
    ("label", words, node)  ("cond", node, words)
"""

from evalsuite.grading.read.factors import CLOSING, OPENING, Factors, Node
from evalsuite.grading.read.nodes import declaration, has_number, label_words, list_of, product_of, sum_of, with_mark
from evalsuite.grading.read.normalize import as_latex, join_digit_groups, without_delimiters
from evalsuite.grading.read.tokens import Unreadable, tokens
from evalsuite.grading.read.units import MULTIPLIERS, is_unit_word
from evalsuite.grading.read.vocabulary import CONDITIONS, FUNCTIONS, RELATIONS, SET_WORDS

MAX_LENGTH = 8000
_TO = (("word", "to"), ("text", "to"))  # `3 to 2` is the ratio 3:2


def parse(text: str, *, lists: bool = False) -> Node:
    r"""The tree of an answer. With `lists`, `1,234` is two numbers. Raises Unreadable if the grammar does not fit.

    >>> parse(r"x = \frac12")
    ('rel', (('sym', 'x'), ('mul', (('num', Fraction(1, 1), None), ('inv', ('num', Fraction(2, 1), None))))), ('=',))
    """
    if len(text) > MAX_LENGTH:
        raise Unreadable("too long")
    parser = Parser(tokens(join_digit_groups(without_delimiters(as_latex(text)))), lists)
    try:
        node = parser.sequence()
    except (IndexError, RecursionError) as error:
        raise Unreadable("ends too early or is too deep") from error
    if parser.peek() is not None:
        raise Unreadable(f"unexpected {parser.peek()[1]!r}")
    return node


class Parser(Factors):
    """A recursive descent parser. Its methods are in the order of binding strength, the loosest first."""

    def sequence(self, stops: frozenset[str] = frozenset()) -> Node:
        """A list of items, separated by commas, semicolons, `and`, `or` or line breaks, or a single item."""
        items: list[Node] = []
        joins: list[str] = []  # the separators, one less than items
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
        return items[0] if len(items) == 1 else list_of(items, joins)

    def separators(self, stops: frozenset[str]) -> str:
        """Consume the separators between two items and return the strongest of `or`, `and`, `;` and `,`, or ""."""
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
        """A relation or a chain of relations between set expressions; `f(x)` in a definition `f(x) = ...` is a call."""
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
        """A set expression, which may have a label (`Ann: 5`), be part of a ratio (`1 : 2`), or have a modulus."""
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
        """Unions, intersections and differences of sets; also fractions with `over` and binomials with `choose`."""
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
        """A sum of terms with signs."""
        with self.deeper():
            terms: list[Node] = []
            while True:
                sign = self.sign()
                if sign in ("pm", "mp"):
                    terms = [("pm", sum_of(terms), self.term(), sign)]
                else:
                    term = self.term()
                    terms.append(("neg", term) if sign == "-" else term)
                token = self.peek()
                if terms[-1][0] == "unit" and token is not None and token[0] == "num":
                    continue  # as in `5 ft 3 in`
                if token is None or not (
                    token in (("op", "+"), ("op", "-")) or token in (("cmd", "pm"), ("cmd", "mp"))
                ):
                    return sum_of(terms)

    def sign(self) -> str:
        """Consume the signs before a term; an even number of minus signs cancels out."""
        sign = "+"
        while (token := self.peek()) in (("op", "+"), ("op", "-"), ("cmd", "pm"), ("cmd", "mp")):
            self.next()
            if token[0] == "cmd":
                return token[1]
            if token[1] == "-":
                sign = "+" if sign == "-" else "-"
        return sign

    def term(self) -> Node:
        """A product of factors, with or without signs between them, which may be followed by a unit."""
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
                return with_mark("unit", product_of(factors), self.unit())
            elif self.is_text(factors[-1]) and len(factors) == 1 and self.starts_factor(token):
                return ("label", factors[0][1], self.additive())
            elif self.starts_factor(token):
                factor = self.factor()
                if factor[0] == "rel" and "in" in factor[2]:  # a declaration such as `(k \in \mathbb{Z})`
                    return ("cond", product_of(factors), declaration(factor) if factor[2] == ("in",) else "")
                factors.append(factor)
            else:
                break
        return product_of(factors)

    def divides(self, token: tuple[str, str], before: Node) -> bool:
        """Whether a token is a colon that divides, as it does inside brackets."""
        return token == ("op", ":") and self.nested > 0 and not self.building and not self.is_text(before)

    def starts_unit(self, token: tuple[str, str], after: list[Node] | None = None) -> bool:
        """Whether a unit starts here. Bare words are a unit only if there is a number before them."""
        kind, value = token
        if kind not in ("text", "word") or value.lower() in ("and", "or", "mod", "modulo", *CONDITIONS):
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

    def definition(self) -> Node | None:
        """`f(x, y)` or `P(X > 1)` before an equals sign, which is a name and not a product; None if there is none."""
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
        if name in ("P", "Pr"):  # the probability of an event, which may be any expression
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
        """Consume a condition (`where`, `if`, ...) and return its words; None if there is none."""
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
        """The index at which a condition ends: at `or`, at a semicolon, or at a comma with `and`."""
        depth = 0
        while index < len(self.tokens):
            value = self.tokens[index][1]
            depth += (value in OPENING) - (value in CLOSING)
            following = self.tokens[index + 1][1] if index + 1 < len(self.tokens) else ""
            if not depth and (value in ("or", ";") or (value == "," and following == "and")):
                break
            index += 1
        return index
