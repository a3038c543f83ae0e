"""The vocabulary of answers: names of functions and letters, relations, connectives, phrases that mean a set."""

FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth asin acos atan log ln "
    "lg exp"
    " sqrt cbrt abs min max gcd lcm floor ceil sgn sign det arg Re Im factorial binom binomial cis tg ctg arctg "
    "cosec asinh acosh atanh".split()
)
SAME_FUNCTION = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctg": "atan", "tg": "tan", "ctg": "cot",
    "cosec": "csc", "sgn": "sign", "binomial": "binom",
    "sup": "max", "inf": "min",
}  # fmt: skip
BIG = frozenset("sum prod int iint oint lim limsup liminf coprod".split())
CALLED = frozenset("f g h F G H phi psi Phi Psi sigma Gamma delta".split())  # a letter that is applied, not multiplied

GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega"
    " Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega".split()
)
RELATIONS = {
    "=": "=", "<": "<", ">": ">", "le": "<=", "ge": ">=", "ne": "!=", "approx": "~", "in": "in", "notin": "notin",
    "equiv": "==", "subset": "sub",
    "subseteq": "sub", "to": "to", "perp": "perp", "parallel": "par", "sim": "sim", "propto": "prop",
}  # fmt: skip
SET_WORDS = {"cup": "|", "cap": "&", "setminus": "-", "union": "|", "intersection": "&", "intersect": "&", "U": "|"}
CONDITIONS = frozenset(
    "where if when for with such provided assuming unless otherwise whenever as is are which since because".split()
)
NUMBER_SETS = {"R": "R", "Z": "Z", "N": "N", "Q": "Q", "C": "C"}
CLOSING_COMMANDS = frozenset(("rfloor", "rceil", "rangle"))
ACCENTS = frozenset(
    "bar hat tilde dot ddot overline widehat widetilde vec overrightarrow check breve acute mathring".split()
)
MATRICES = frozenset(
    "matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix array psmallmatrix bsmallmatrix".split()
)
WRAPPERS = frozenset(
    "align aligned gather gathered equation split eqnarray multline flalign alignat displaymath math center".split()
)

INFINITE = frozenset(("infinitely many", "infinite", "infinitely many solutions", "infinite solutions"))
PHRASES = {  # phrases that mean a set; all others are compared as words
    "all real numbers": "R", "all reals": "R", "any real number": "R", "all real": "R", "the real numbers": "R",
    "real numbers": "R", "the set of all real numbers": "R",
    "the set of real numbers": "R", "every real number": "R", "all real values": "R", "all integers": "Z",
    "any integer": "Z", "the integers": "Z", "integers": "Z",
    "the set of integers": "Z", "empty set": "empty", "the empty set": "empty", "positive real numbers": "R+",
    "all positive real numbers": "R+", "all positive reals": "R+",
    "no solution": "empty", "no solutions": "empty", "no real solution": "empty", "no real solutions": "empty",
    "rational numbers": "Q", "all rational numbers": "Q",
}  # fmt: skip


_SHORT_WORDS = frozenset(  # words, not products of letters
    "the old all any one two six ten odd day yes not are red man men boy sum mod day no is it at by of to on we "
    "an so if per her his for"
    " east west none true even zero both four five nine only sets sum row win won ace box cup hen cow dog cat "
    "pig bus car".split()
)


def splits_into_letters(word: str) -> bool:
    """Whether bare letters are a product of variables rather than a word.

    >>> splits_into_letters("xy"), splits_into_letters("ABC"), splits_into_letters("triangle")
    (True, True, False)
    """
    if word.lower() in _SHORT_WORDS:
        return False
    return len(word) <= 3 or (word.isupper() and len(word) <= 6) or not set(word.lower()) & set("aeiou")
