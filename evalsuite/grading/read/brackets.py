"""Parse brackets: groups, tuples, intervals, sets, set-builders, absolute values, matrices, moduli."""

from evalsuite.grading.read.tokens import Unreadable
from evalsuite.grading.read.vocabulary import MATRICES, WRAPPERS

Node = tuple


class Brackets:
    """The part of the parser for brackets. The methods that it calls but lacks are in its subclasses."""

    def bracket(self, opening: str) -> Node:
        if opening == "{":
            self.index -= 1
            return self.group()
        if opening == "{{":
            return self.braces()
        if opening == "]":
            return self.reversed_interval()
        return self.round_or_square(opening)

    def round_or_square(self, opening: str) -> Node:
        """`(...)`, `[...]`, or a mixture: a group, a tuple, a list, or a half-open interval."""
        empty = self.peek()
        if empty in (("op", ")"), ("op", "]")):
            self.next()
            return ("seq", "paren" if opening == "(" else "brack", (), ",")
        with self.deeper(), self.nesting():
            inner = self.sequence(frozenset((")", "]", "[")))
            closing = self.next()[1] if self.peek() else ""
        if closing not in (")", "]", "["):
            raise Unreadable("a bracket never closes")
        closing = ")" if closing == "[" else closing  # in [a, b[, the interval is open at b
        listed = inner[0] == "seq" and inner[1] == "bare" and inner[3] == ","
        if (opening, closing) in (("(", ")"), ("[", "]")):
            return ("seq", "paren" if opening == "(" else "brack", inner[2], ",") if listed else inner
        if listed and len(inner[2]) == 2:
            return ("ival", *inner[2], opening == "[", closing == "]")
        raise Unreadable("unmatched brackets")

    def reversed_interval(self) -> Node:
        """The open interval `]a, b[`, as it is written in some countries."""
        with self.deeper(), self.nesting():
            inner = self.sequence(frozenset(("[", "]")))
            closing = self.next()[1] if self.peek() else ""
        if inner[0] == "seq" and len(inner[2]) == 2 and closing in ("[", "]"):
            return ("ival", *inner[2], False, closing == "]")
        raise Unreadable("unmatched brackets")

    def braces(self) -> Node:
        r"""A set `\{...\}`, given by its members or by a condition."""
        if self.peek() == ("op", "}}"):
            self.next()
            return ("set", "empty")
        with self.deeper(), self.nesting():
            start = self.index
            builder = self.builder()
            if builder is not None:
                return builder
            self.index = start
            inner = self.sequence(frozenset(("}}",)))
            self.expect("}}")
        listed = inner[0] == "seq" and inner[1] == "bare"
        return ("seq", "brace", inner[2] if listed else (inner,), ",")

    def builder(self) -> Node | None:
        self.building += 1
        try:
            head = self.item()
        except Unreadable:
            return None
        finally:
            self.building -= 1
        if self.peek() not in (("op", "|"), ("cmd", "mid"), ("op", ":"), ("op", "|("), ("op", "|)")):
            return None
        self.next()
        condition = self.sequence(frozenset(("}}",)))
        self.expect("}}")
        return ("build", head, condition)

    def absolute(self, opening: str) -> Node:
        r"""An absolute value. \left| is closed by the matching \right|, a bare bar by the next bar at its level."""
        if opening == "|(":
            return ("fn", "abs", (self.enclosed("|)"),))
        with self.deeper():
            self.bars += 1
            inner = self.additive()
            self.bars -= 1
            if self.peek() not in (("op", "|"), ("op", "|)")):
                raise Unreadable("a bar never closes")
            self.next()
        return ("fn", "abs", (inner,))

    def environment(self, name: str) -> Node:
        """A matrix, a determinant, the cases of a definition, or displayed lines."""
        name = name.rstrip("*")
        if name not in MATRICES and name != "cases" and name not in WRAPPERS:
            raise Unreadable(f"environment {name}")
        if name == "array":
            self.column_format()
        if name in WRAPPERS:
            self.unaligned(name)
        with self.deeper(), self.nesting():
            rows = self.rows(name)
        if name == "cases":
            return ("seq", "bare", tuple(self.case(row) for row in rows), ",")
        if name in WRAPPERS:
            return _steps([entry for row in rows for entry in row])
        if len({len(row) for row in rows}) > 1:
            raise Unreadable("a ragged matrix")
        return ("mat", tuple(rows)) if name not in ("vmatrix", "Vmatrix") else ("fn", "det", (("mat", tuple(rows)),))

    def unaligned(self, name: str) -> None:
        """Drop the alignment marks of displayed lines, and the line breaks before a sign that continues a line."""
        end = next((n for n in range(self.index, len(self.tokens)) if self.tokens[n][0] == "endenv"), len(self.tokens))
        inside = [token for token in self.tokens[self.index : end] if token != ("op", "&")]
        kept = [
            token
            for token, after in zip(inside, (*inside[1:], ("", "")), strict=False)
            if token[1] != "\\\\" or after[1] not in ("=", "+", "-")
        ]
        self.tokens[self.index : end] = kept

    def rows(self, name: str) -> list[tuple[Node, ...]]:
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        while True:
            token = self.peek()
            if token is None:
                raise Unreadable("an environment never ends")
            if token[0] == "endenv" and token[1].rstrip("*") == name:
                self.next()
                break
            if name == "cases" and not row[:-1] and token[0] in ("text", "word") and token[1] in ("if", "when", "for"):
                self.next()
                continue
            if token in (("op", "&"), ("op", "\\\\"), ("op", ","), ("cmd", "hline"), ("op", ".")):
                self.next()
                if token[1] == "\\\\":
                    rows.append(tuple(row))
                    row = []
                continue
            row.append(self.item())
        rows.append(tuple(row))
        return [row for row in rows if row]

    def case(self, row: tuple[Node, ...]) -> Node:
        return row[0] if len(row) == 1 else ("seq", "paren", row, ",")

    def column_format(self) -> None:
        """Skip the column format, such as `{c|c}`, after \\begin{array}."""
        if self.peek() == ("op", "{"):
            while self.peek() is not None and self.next()[1] != "}":
                pass

    def modulus(self) -> Node | None:
        r"""The modulus in `\pmod{5}`, `\bmod 5`, `(mod 5)` or `mod 5`; None if there is none."""
        token = self.peek()
        if token in (("cmd", "pmod"), ("cmd", "bmod"), ("cmd", "mod")):
            self.next()
            return self.argument()
        if token and token[1] in ("mod", "modulo") and token[0] in ("word", "text"):
            self.next()
            return self.factor()
        if token == ("op", "(") and self.peek(1) and self.peek(1)[1] in ("mod", "modulo"):
            self.index += 2
            inner = self.factor()
            self.expect(")")
            return inner
        return None


def _steps(lines: list[Node]) -> Node:
    """The meaning of displayed lines: a list if they define different names, else the last line of a calculation."""
    heads = [line[1][0] for line in lines if line[0] == "rel"]
    if not lines:
        raise Unreadable("an empty display")
    if (
        len(heads) == len(lines) > 1
        and len(set(heads)) == len(heads)
        and all(head[0] in ("sym", "call") for head in heads)
    ):
        return ("seq", "bare", tuple(lines), ",")
    return lines[-1]
