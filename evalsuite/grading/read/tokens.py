r"""Split answers in LaTeX, plain mathematics or words into tokens; commands that only set spaces or sizes are dropped.

A token is (kind, text). The kinds are "num" (a number as written), "word" (bare letters), "text" (letters from \text
and similar commands, which are never a product of variables), "cmd" (a command without its backslash), "env" and
"endenv" (the beginning and end of an environment), and "op" (everything else).
"""

import re

from evalsuite.grading.read.delimiters import group_end
from evalsuite.grading.read.units import is_unit_letter

Token = tuple[str, str]
MAX_TOKENS = 3000


class Unreadable(ValueError):
    """The grammar does not fit an answer, so the answer can only be compared as text."""


_TOKEN = re.compile(  # the comments give the numbers of the groups
    r"\\(begin|end)\s*\{([A-Za-z]+\*?)\}"  # 1, 2
    r"|\\([A-Za-z]+)\*?"  # 3
    r"|\\(.)"  # 4
    r"|(\d{1,3}(?:,\d{3})+(?![\d])(?:\.\d+)?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+(?![\d.]*[A-Za-z]))?)"  # 5
    r"|([^\W\d_]+)"  # 6
    r"|(<=|>=|!=|=<|=>|==|:=|\*\*|->|\.\.\.|\+/-|\+-|-\+|\|\||<>)"  # 7
    r"|(\s+)"  # 8
    r"|(.)",  # 9
    re.DOTALL,
)
_SKIPPED = frozenset(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm middle displaystyle "
    "textstyle scriptstyle"
    " limits nolimits quad qquad thinspace enspace hfill nonumber notag mathop "
    "mathrel mathbin mathord null"
    " boldmath noindent newline par strut allowbreak nobreak rm it bf cal normalsize "
    "small large Large"
    " centering protect relax mathstrut em medspace thickspace negthinspace pounds euro yen "
    "ensuremath blacksquare qed qedsymbol checkmark".split()
)
_SKIPPED_SYMBOLS = frozenset(",;:!> ~/$\n\t")
_TEXTUAL = frozenset(
    "text textrm textbf textit textsf texttt textnormal mbox hbox emph textup textsl underline".split()
)
_LETTERS = frozenset(
    "mathrm mathbf mathit mathsf mathtt boldsymbol bm operatorname mathcal mathscr mathfrak pmb bold".split()
)
_UNIT_VECTORS = frozenset("ijk")
_SPACE_ARGUMENT = frozenset("hspace vspace phantom hphantom vphantom label tag".split())
_RENAMED = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "dbinom": "binom", "tbinom": "binom", "leq": "le",
    "leqslant": "le", "geq": "ge", "geqslant": "ge",
    "leqq": "le", "geqq": "ge", "neq": "ne", "lt": "<", "gt": ">", "times": "*", "cdot": "*", "ast": "*",
    "div": "/", "lvert": "|", "rvert": "|",
    "vert": "|", "lbrace": "{{", "rbrace": "}}", "lbrack": "[", "rbrack": "]", "lparen": "(",
    "rparen": ")", "dots": "ldots", "cdots": "ldots",
    "dotsc": "ldots", "dotsb": "ldots", "dotsm": "ldots", "dotso": "ldots", "land": "and", "wedge": "and",
    "lor": "or", "vee": "or", "varnothing": "emptyset", "smallsetminus": "setminus",
    "backslash": "setminus", "degree": "circ", "degrees": "circ", "slash": "/", "colon": ":", "infin": "infty",
    "lnot": "neg", "simeq": "approx", 
    "cong": "approx", "doteq": "approx", "varphi": "phi", "vartheta": "theta", "varepsilon": "epsilon", 
    "Rightarrow": "to", "rightarrow": "to", "implies": "to",
    "longrightarrow": "to", "bigcup": "cup", "bigcap": "cap", "prime": "'", "imath": "i", "jmath": "j",
    "lang": "langle", "rang": "rangle",
}  # fmt: skip
_OPERATORS = frozenset("< > * / | {{ }} [ ] ( ) : '".split())
_LONG_OPERATORS = {
    "<=": ("cmd", "le"), "=<": ("cmd", "le"), ">=": ("cmd", "ge"), "=>": ("cmd", "to"), "->": ("cmd", "to"),
    "!=": ("cmd", "ne"), "<>": ("cmd", "ne"),
    "==": ("op", "="), ":=": ("op", "="), "**": ("op", "^"), "...": ("cmd", "ldots"), "+/-": ("cmd", "pm"),
    "+-": ("cmd", "pm"), "-+": ("cmd", "mp"), "||": ("op", "|"),
}  # fmt: skip


def tokens(text: str, worded: bool = False, depth: int = 0) -> list[Token]:
    r"""The tokens of an answer; with `worded`, letters are text. Raises Unreadable if it is too long or too deep.

    >>> tokens(r"\dfrac{1}{2}\text{ cm}")
    [('cmd', 'frac'), ('op', '{'), ('num', '1'), ('op', '}'), ('op', '{'), ('num', '2'), ('op', '}'), ('text', 'cm')]
    """
    if depth > 8:
        raise Unreadable("text nested too deeply")
    found: list[Token] = []
    position, end = 0, len(text)
    while position < end:
        match = _TOKEN.match(text, position)
        position = match.end()
        if match.group(3):
            position = _command(match.group(3), text, position, worded, depth, found)
        elif match.group(8) is None:
            _simple(match, worded, found)
        if len(found) > MAX_TOKENS:
            raise Unreadable("too long")
    return found


def _simple(match: re.Match, worded: bool, found: list[Token]) -> None:
    edge, environment, _, escaped, number, letters, operator, _, single = match.groups()
    if edge:
        found.append(("env" if edge == "begin" else "endenv", environment))
    elif escaped is not None:
        if escaped == "\\":
            found.append(("op", "\\\\"))
        elif escaped not in _SKIPPED_SYMBOLS:
            found.append(("op", {"{": "{{", "}": "}}", "|": "|", "#": "#", "&": "and"}.get(escaped, escaped)))
    elif number:
        _number(number, match, found)
    elif letters:
        found.append(("text" if worded else "word", letters))
    elif operator:
        found.append(_LONG_OPERATORS[operator])
    elif single not in "~$":
        found.append(("op", single))


def _number(written: str, match: re.Match, found: list[Token]) -> None:
    """Append a number, or the two numbers in `7,103` if it follows or precedes another comma without a space."""
    text, start, end = match.string, match.start(), match.end()
    if "," in written and (text[start - 1 : start] == "," or re.match(r",\d", text[end : end + 2])):
        for part in written.split(","):
            found.extend((("num", part), ("op", ",")))
        found.pop()
    else:
        found.append(("num", written))


def _command(name: str, text: str, position: int, worded: bool, depth: int, found: list[Token]) -> int:
    """Append the tokens of a command and its argument, and return the position after them."""
    if name in _SPACE_ARGUMENT:
        return _argument(text, position)[1]
    if name in _SKIPPED:
        if name in ("left", "right") and text[position : position + 1] == ".":
            position += 1
        elif name in ("left", "right") and re.match(r"\s*(?:\||\\[lr]?vert)", text[position:]):
            found.append(("op", "|(" if name == "left" else "|)"))
            position += re.match(r"\s*(?:\||\\[lr]?vert)", text[position:]).end()
        return position
    if name in _TEXTUAL or name in _LETTERS:
        content, after = _argument(text, position)
        if content is None:
            return position
        _wrapped(name, content, depth, found)
        return after
    name = _RENAMED.get(name, name)
    found.append(("op" if name in _OPERATORS else "cmd", name))
    return position


def _wrapped(name: str, content: str, depth: int, found: list[Token]) -> None:
    """Append the tokens of the argument of a text or font command: text, a unit, a unit vector, or mathematics."""
    inner = content.strip()
    if name in _LETTERS and inner in _UNIT_VECTORS and name in ("mathbf", "boldsymbol", "bm", "pmb"):
        found.append(("cmd", f"unit{inner}"))
    elif (
        name in _TEXTUAL
        or len(inner.strip("~ ")) > 1
        or (name == "mathrm" and _after_value(found) and is_unit_letter(inner.strip("~ ")))
    ):
        found.extend(tokens(content, worded=True, depth=depth + 1))
    else:
        found.extend(tokens(content, depth=depth + 1))


def _after_value(found: list[Token]) -> bool:
    """Whether a unit may follow the last token."""
    return bool(found) and (found[-1][0] in ("num", "text") or found[-1][1] in ("}", ")", "/"))


def _argument(text: str, position: int) -> tuple[str | None, int]:
    """The argument of a command, a group or one character, and the position after it; None if there is none."""
    while position < len(text) and text[position].isspace():
        position += 1
    if position >= len(text):
        return None, position
    if text[position] != "{":
        return text[position], position + 1
    end = group_end(text, position)
    if end is None:
        raise Unreadable("a brace never closes")
    return text[position + 1 : end - 1], end
