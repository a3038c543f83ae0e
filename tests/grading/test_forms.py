"""Forms of answers and golds. Each row tests one rule with a right answer and a wrong one that looks similar."""

import pytest

from evalsuite.grading import verify
from evalsuite.grading.read.number_words import number_word


def boxed(gold: str, answer: str) -> bool:
    return verify(f"${gold}$", rf"Hence $\boxed{{{answer}}}$.", "latex").correct


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        (r"\frac{5}{11}", r"0.4545\ldots", "0.454"),
        (r"\frac{7}{12}", "0.58333...", "0.583..."),
        (r"\binom{9}{4}", "C(9,4)", "C(4,9)"),
        ("2:5:8", "4:10:16", "4:10:15"),
        ("6", r"\text{approximately } 6", r"\text{approximately } 7"),
        ("321_6", r"321 \text{ (base 6)}", r"321 \text{ (base 7)}"),
        (r"8\text{ cm}^3", r"8\text{ mL}", r"8\text{ L}"),
        (r"4\text{ N/kg}", r"4\ \frac{\text{m}}{\text{s}^2}", r"4\ \frac{\text{m}}{\text{s}}"),
        (r"15\,\Omega", r"15\text{ ohms}", r"15\text{ volts}"),
        (r"\$7.20", r"720\text{ cents}", r"7.20\text{ euros}"),
        (r"40\%", "0.4", r"40^\circ"),
        (r"33^{\circ} 15'", r"33.25^\circ", r"33.15^\circ"),
        ("6", "p+q = 6", "2p = 6"),
        ("9", r"\frac{4}{5} \Rightarrow m+n = 9", r"9 \Rightarrow m+n = 8"),
        (r"\sin B=\frac{3}{5}", "0.6", r"\cos B=\frac{3}{5}"),
        (r"\frac{AD}{DB}=\frac{2}{7}", r"\frac{2}{7}", r"\frac{7}{2}"),
        (r"A\cup B=(-1,4)", "(-1,4)", "(-1,4]"),
        (r"[1,2]\cup\{6\}", r"1\le x\le 2 \text{ or } x=6", r"1\le x\le 2 \text{ or } x\ge 6"),
        (r"y=\pm\frac{2}{5}x", r"2x\pm 5y=0", r"5x\pm 2y=0"),
        (r"3\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}3\\6\end{pmatrix}", r"(3,2)"),
        (r"\langle 2,-5\rangle", r"2\mathbf{i}-5\mathbf{j}", r"2\mathbf{j}-5\mathbf{i}"),
        (r"\left\{\begin{array}{l}x=7\\y=-2\end{array}\right.", "(7,-2)", "(-2,7)"),
        (r"\begin{cases}0,&x<1\\x,&x\ge 1\end{cases}", r"\begin{cases}x&\text{if }x\ge 1\\0&x<1\end{cases}", "x"),
        ("y=C_1e^x+C_2e^{3x}", "y=Ae^{3x}+Be^x", "y=Ae^{3x}+Be^{2x}"),
        (r"\{x\mid x=2k\pi,k\in\mathbb{Z}\}", r"x=2n\pi", r"x=n\pi"),
        (r"\frac{m}{n}=3", "3", r"\frac{n}{m}=3"),
        (r"4\text{ red and }6\text{ blue}", r"6\text{ blue}, 4\text{ red}", r"6\text{ red}, 4\text{ blue}"),
        (r"2\text{ kW}", r"2000\text{ W}", r"2\text{ kWh}"),
        ("-12", r"\text{negative }12", r"\text{twelve}"),
        (r"x^4+C", "x^4+K", "x^4+x"),
        ("f(x)=ax", r"f(x)=kx \text{ for some constant } k", r"f(x)=kx^2 \text{ for some constant } k"),
        (r"\text{no solution}", r"\varnothing", r"\{0\}"),
        (r"\text{No}", r"\text{No, it never does}", r"\text{Yes, it never does}"),
    ],
)  # fmt: skip
def test_another_form_of_the_gold_is_right_and_a_similar_answer_is_wrong(gold, right, wrong):
    assert boxed(gold, right)
    assert not boxed(gold, wrong)


@pytest.mark.parametrize(
    ("gold", "kind", "right", "wrong"),
    [
        ("45000", "expr", "There are 45 000 of them.", "There are 45 of 000."),
        ("2,300,000", "expr", "two million three hundred thousand", "two million three thousand"),
        ("$y=4-x$", "latex", "So its equation is **y = 4 − x**.", "So its equation is **y = 4 + x**."),
        ("$-1,6$", "latex", "The roots are x = -1 and x = 6.", "The roots are x = 1 and x = 6."),
        ("$(4,-7)$", "latex", "The vertex is at (4, -7).", "The vertex is at (-7, 4)."),
        ("$2\\sqrt{7}$", "latex", "Its length is 2√7.", "Its length is 2."),
        ("$\\pi$", "latex", r"So $\int_0^1 f\,dx = \pi$.", r"So $\pi \int_0^1 dx = 2\pi$."),
        ("$30$", "latex", "The area is $30$ cm$^2$.", "The area is $3$ cm$^2$."),
        ("$3$", "latex", "The limit is $3$, not $4$.", "The limit is $4$, not $3$."),
        ("-11", "expr", "It is negative 11.", "It is 11."),
        ("$20, 30$", "latex", "They are 20 and 30.", "Of 20 there are 30."),
        ("11", "expr", "Altogether that makes eleven.", "It cannot be 11."),
        ("11", "expr", "The answer is 11, not 12.", "The value lies between 10 and 11."),
        ("11", "expr", "That leaves 11.", "We get 11. The question asks for twice this, which is"),
        ("$(5,2)$", "latex", r"$y=\boxed{2}$, $x=\boxed{5}$", r"$y=\boxed{5}$, $x=\boxed{2}$"),
        ("$\\text{Friday}$", "latex", "Therefore it will be a Friday.", "The day before Friday is a Thursday."),
        ("$\\text{No}$", "latex", "No, such a polynomial does not exist.", "Yes, no polynomial is of that kind."),
        ("C", "mcq", "A breaks a symmetry. Therefore C.", "So C is out. Therefore A."),
        ("C", "mcq", "Ans: C", "Correct: B, not C."),
        ("C", "mcq", "Of all these, only C satisfies both.", "C or D"),
        ("C", "mcq", "A and B are plausible, but I choose C.", "C and D are plausible, but I choose A."),
    ],
)  # fmt: skip
def test_an_answer_is_found_at_the_end_of_prose(gold, kind, right, wrong):
    assert verify(gold, right, kind).correct
    assert not verify(gold, wrong, kind).correct


@pytest.mark.parametrize(
    "said", ["third", "hundred", "twenty eleven", "twenty-fifth", "a", "one and two", "five third"]
)
def test_ordinals_and_single_words_are_not_numbers(said):
    assert number_word(said) is None
