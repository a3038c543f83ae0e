"""Single values: notation, units, percentages, angles, rounding."""

import pytest

from evalsuite.grading import verify

# gold, kind, answers that are right, answers that are wrong
TABLE = [
    ("1234567", "latex",
     ["1,234,567", "1{,}234{,}567", r"1\,234\,567", "1 234 567", r"1,\!234,\!567", "1234567.0", "1.234567e6",
      r"1.234567\times 10^6", r"\$1,234,567", r"1\;234\;567", "1~234~567", r"1\ 234\ 567"],
     ["1,234,568", "1.234567", "1,234", "123,4567", "1234567/2"]),
    ("0.75", "latex",
     [r"\frac34", "3/4", "75%", "0.750", ".75", r"\dfrac{3}{4}", r"\tfrac 3 4", "3 / 4", r"{3 \over 4}"],
     ["75", "0.7", "3/5", "-0.75"]),
    ("-3", "latex", ["−3", "- 3", r"-\frac{6}{2}", "-3.0", "(-3)", "–3"], ["3", "+3", "-(-3)", "-30", "−33"]),
    (r"\frac{7}{3}", "latex",
     [r"2\frac13", "2 1/3", r"2\tfrac{1}{3}", "2⅓", "2.3333", r"2.\overline{3}", r"2.3\overline{3}",
      r"2 \frac{1}{3}"],
     ["2.33", r"\frac{2}{3}", "2.3334", r"2.\overline{4}", "21/3", "2 * 1/3"]),
    (r"-\frac{5}{2}", "latex",
     [r"-2\frac12", "-2 1/2", "-2.5", r"\frac{-5}{2}", r"\frac{5}{-2}"],
     [r"-1\frac12", "2.5"]),
    ("3.2e5", "latex",
     [r"3.2 \times 10^5", "320000", "3.2 x 10^5", "3.2*10^5", "3.2E5", "320,000", r"3.2 \cdot 10^{5}", "3.2e+5"],
     [r"3.2\times 10^{-5}", "3.2", "32000", r"3.2 \times 10^4"]),
    ("1e-30", "latex", ["10^{-30}", r"1\times10^{-30}"], ["0", "1e-31", "2e-30", "-1e-30", r"1\times10^{-29}"]),
    (r"\frac{1}{99!}", "latex", [], [r"\frac{1}{100!}", "0", r"\frac{1}{98!}"]),
    ("10^{200}", "latex", [], ["10^{200}+1", "10^{201}"]),
    ("2^{100}", "latex", ["1267650600228229401496703205376", "4^{50}"], ["1267650600228229401496703205377"]),
    ("5!", "latex", ["120"], []),
    (r"\binom{10}{3}", "latex",
     ["120", r"\frac{10!}{7!3!}", r"{10 \choose 3}", r"\dbinom{10}{7}"],
     [r"\binom{10}{4}", "720"]),
    (r"\sqrt{12}", "latex",
     [r"2\sqrt3", r"2 \sqrt{3}", "2sqrt(3)", "2*sqrt(3)", "3.4641016", "3.4641", r"\sqrt{12}\approx 3.46", "2√3",
      "12^{1/2}", r"\frac{6}{\sqrt3}", r"2\cdot 3^{\frac{1}{2}}"],
     ["3.46", "3.4642", "3.5", r"3\sqrt2", r"\sqrt{13}", r"-2\sqrt3", "12"]),
    (r"\frac{\pi}{4}", "latex",
     ["0.785398", "π/4", "pi/4", r"\pi/4", r"\frac14\pi", r"\arctan 1", r"\tan^{-1}(1)", "0.7853981633974483"],
     ["0.79", r"\frac{\pi}{3}", "4/π", "0.25"]),
    (r"\log_2 3", "latex", [r"\frac{\ln 3}{\ln 2}", r"\frac{\log 3}{\log 2}", r"\log_{2}{3}", r"\log_2(3)"], []),
    ("3+4i", "latex", ["4i+3", "3 + 4i", "3+4 i", r"3+4\mathrm{i}"], ["3-4i", "7", "4+3i", "5", "3+4"]),
    ("e^{2}", "latex", ["e^2", r"\exp(2)", r"\mathrm{e}^2", "7.389056"], []),
    ("e^2", "latex", [], ["2e", "7.39"]),
    (r"\cos 20^\circ", "latex", [r"\sin 70^\circ", r"\cos(20°)", r"\cos\frac{\pi}{9}"], []),
    ("40%", "latex",
     ["40", r"40\%", "0.4", r"\frac{2}{5}", "40 percent", r"40\text{ percent}", "40 per cent", r"40 \text{%}"],
     ["4", "0.04", "400%", "41%", "0.004", "60%"]),
    ("12.5", "latex", [r"12.5\%"], []),
    ("0.4", "latex", [], ["40"]),
    ("12", "latex",
     [r"12\text{ cm}", r"12\,\mathrm{cm}^2", "12 square units", "12 dollars", r"\$12", r"12\ \text{apples}",
      "12 km/h", r"12 \frac{\text{km}}{\text{h}}", "12 m", "12 m/s", r"12 \mathrm{~m} / \mathrm{s}", r"12^\circ",
      "12 degrees", "12 hours", "12 people", "€12", "12 USD", r"12\text{ cm}^{2}", r"12\, \text{units}^3",
      "12 years old", "12 ways"],
     ["12 or more", "at least 12", r"\text{more than }12", r"12\text{ or }13", "12x", "not 12",
      r"12\text{ at most}", "12k", "12^2", "12 million"]),
    (r"5\text{ m}", "latex",
     [r"500\text{ cm}", "5", r"5\text{ meters}", r"0.005 \text{ km}"],
     [r"5\text{ km}", r"50\text{ cm}", r"5\text{ s}"]),
    (r"30\text{ minutes}", "latex", [r"0.5\text{ hours}", "30 min", r"\frac12\text{ hour}"], []),
    (r"5.4 \text{ cents}", "latex", ["5.4", "5.4¢"], []),
    (r"\$18.90", "latex", ["18.9", "18.90 dollars", "$18.90"], ["18", "1890", "1.89"]),
    ("1500000", "latex", ["1.5 million", r"1.5\text{ million}"], []),
    ("36", "latex", ["3 dozen"], []),
    ("2000", "latex", ["2 thousand"], []),
    (r"60^\circ", "latex",
     ["60", r"\frac{\pi}{3}", r"60^{\circ}", "60°", "60 degrees", r"60\text{ degrees}",
      r"\frac{\pi}{3}\text{ radians}", r"60\degree", r"\angle ABC = 60^\circ"],
     [r"\frac{\pi}{6}", "30", "61", r"60\pi", r"60\text{ radians}"]),
    (r"\frac{\pi}{3}", "latex", [r"60^\circ"], ["60", "1/3"]),
    ("1011_2", "latex", ["1011_{2}", "1011", r"1011_{\text{two}}"], ["11", "1011_3", "1101_2", "1101", "11_{10}"]),
    ("3:4", "latex", [r"\frac34", "3 : 4", "0.75", "6:8"], ["4:3", "7", "3", "3.4"]),
    (r"\frac{mv^2}{2}", "latex", [r"\frac12 m v^2", "0.5mv^2", r"\tfrac{1}{2}mv^{2}"], ["mv^2", r"\frac{m^2v}{2}"]),
    (r"\alpha", "latex", ["α"], [r"\beta", "a"]),
    ("2^k", "latex", [], ["2^n", "2^m"]),
    ("30", "latex", [r"\sum_{k=1}^{4}k^2", r"\sum_{i=1}^4 i^2"], [r"\sum_{k=1}^{5}k^2"]),
    ("24", "latex", [r"\prod_{k=1}^{4} k"], []),
    (r"\log_{10} 7", "latex", [r"\log 7", r"\lg 7"], [r"\ln 7", r"\log_2 7"]),
    (r"2.5\text{ hours}", "latex",
     ["2 hours 30 minutes", r"2\text{ hours and }30\text{ minutes}", "150 minutes"],
     ["2 hours 50 minutes", "2 hours"]),
    (r"\frac12", "latex",
     [r"\frac12 \text{ or } 0.5", r"=\frac12", r"\approx 0.5"],
     [r"\frac12 \text{ or } 0.6", r"\frac12 \text{ or } 1"]),
    ("7", "latex", [r"\text{seven}", "seven", "Seven"], ["seventh", "eight", "seventeen"]),
    (r"\text{two}", "latex", ["2", "two"], ["3"]),
    (r"2\operatorname{cis}\frac{\pi}{3}", "latex", [r"1+\sqrt3 i"], []),
    ("7.5", "latex", [r"7\frac{1}{2}", "7 1/2", "7½", "7.50"], []),
    ("6/11", "latex", [r"\frac{6}{11}", "6:11", "6/11.", "0.545454545", "0.54545"], []),
    (r"-2 \text{ or } 1", "latex", ["-2, 1", r"1 \text{ or } -2", r"\{-2,1\}"], []),
    ("$0.333...$", "latex", ["0.333..."], []),
    (r"$\sqrt{2}/2$", "latex",
     [r"\frac{\sqrt2}{2}", r"\frac{1}{\sqrt{2}}", "0.70710678", "2^{-1/2}", r"\cos 45^\circ", r"\sin(\pi/4)"],
     []),
    ("$5000$", "latex",
     ["5,000", "5{,}000", r"5\,000", r"5000 \text{ miles}", r"\$5000", r"5 \times 10^3", "5e3"],
     ["5", "5,00", "500"]),
    (r"$2\sqrt{3} + 1$", "latex",
     [r"1+2\sqrt{3}", r"1 + \sqrt{12}", "4.464101615"],
     [r"2\sqrt{3+1}", r"2\sqrt{3}", "4.46"]),
    (r"$\text{A}$", "latex", ["A", r"\text{(A)}", r"\mathrm{A}"], []),
    (r"$\frac{3}{4}$", "latex",
     [r"\frac{3}{4}", r"\frac34", "0.75", r"75\%", "{3}/{4}", "3/4", r"\frac {3} {4}", r"\left(\frac{3}{4}\right)",
      r"\frac{\text{3}}{\text{4}}", r"\(\frac{3}{4}\)", r"\mathbf{\frac{3}{4}}", r"\color{red}{\frac{3}{4}}",
      r"\textcolor{blue}{\frac{3}{4}}", r"\,\frac{3}{4}\,", r"~\frac{3}{4}~", r"P = \frac{3}{4}",
      r"\mathbb{P}(X) = \frac{3}{4}", r"P(X=1)=\frac34", r"\Pr(A)=\frac34", r"\frac{3}{4} \text{ (probability)}",
      r"\text{Probability} = \frac{3}{4}", r"\underline{\frac34}", r"\bf{\frac34}", r"\large \frac{3}{4}",
      r"\displaystyle\frac{3}{4}"],
     [r"\frac{4}{3}", r"\frac{3}{44}", "34", "3,4", "3:5", r"\frac{3}{4} + 1", r"\frac{3}{4}x",
      r"\frac{3}{4}, \frac14", r"-\frac34"]),
    ("4", "expr",
     ["n=4", r"\text{4}", r"4 \text{ units}", r"\textbf{4}", "4.00", "+4", "04", "4/1", r"\frac{4}{1}", "2^2",
      r"\sqrt{16}", "|{-4}|", "4!/6"],
     ["4, 5", "-4", "4^2", "44", "0.4", "x^4", "4x", r"\text{four and five}", "[4,5]", "4<x", r"\neq 4",
      r"\sqrt{4}", "(4,4)", "4:3", "4i"]),
    (r"$-\frac{1}{2}$", "latex",
     ["-1/2", r"-\frac12", r"\frac{-1}{2}", "-0.5", "-.5", "−1/2", r"- \frac{1}{2}", r"-\left(\frac12\right)"],
     ["1/2", "-2", "0.5"]),
    ("$10^{-3}$", "latex",
     ["0.001", r"\frac{1}{1000}", r"1 \times 10^{-3}", "1e-3", "10^{-3}", ".001"],
     ["10^3", "0", "0.01", "-1000"]),
    ("$2^{10}$", "latex", ["1024", "2^{10}", "1,024", "4^5", "2**10"], ["2^10 + 1", "20", "1000"]),
    ("$i$", "latex", ["i", r"\mathrm{i}", r"\sqrt{-1}"], []),
    ("$1-i$", "latex", ["-i+1", "1 - i", r"\sqrt2 e^{-i\pi/4}"], ["1+i", "i-1"]),
    (r"$\frac{a}{b}$", "latex", ["a/b", r"\frac{a}{b}", "ab^{-1}"], ["b/a", "ab"]),
    (r"$12\text{ cm}$", "latex",
     ["12", "12 cm", r"12\,\text{cm}", r"0.12\text{ m}", r"120\text{ mm}", r"12 \text{ centimeters}"],
     [r"12 \text{ m}", r"12\text{ mm}", r"12\text{ kg}"]),
    ("50 square meters", "latex",
     ["50", r"50\text{ m}^2", r"50 \text{ square meters}", r"50\ m^2", "50 sq m"],
     [r"50\text{ cm}^2", "500"]),
    ("$60$ mph", "latex",
     ["60", r"60\text{ mph}", r"60 \text{ miles per hour}", r"60\ \frac{\text{mi}}{\text{hr}}"],
     []),
    ("$a^2+b^2$", "latex", ["b^2+a^2", "(a+b)^2-2ab"], ["(a+b)^2", "a^2-b^2", "a+b"]),
    ("$e$", "latex", ["e", r"\mathrm{e}", "2.718281828", r"\exp(1)"], ["2.72", "E"]),
    ("3:2", "latex", [r"\frac{3}{2}", r"3 \colon 2", r"3 \text{ to } 2"], ["2:3", "3"]),
    ("12", "expr",
     [],
     ["{1,2}", "[1,2]", "[1, 2]", r"\{1,2\}", "1,2", "(1;2)", r"1\ 2", "1 2", "1;2", r"\langle1,2\rangle"]),
    ("1234", "expr",
     ["1,234", r"1,\!234", "1{,}234", "1 234", "1234.00", "1.234e3", r"\text{1,234}", "1,234.0"],
     ["(1,234)", "(1, 234)", r"1,\ 234", "[1,234]", "1, 234", "1;234"]),
    ("1234.5", "expr", ["1,234.5", "1{,}234.5", "1,234.50", r"\$1,234.50"], []),
    ("100000000000000000000", "expr",
     ["10^{20}", "1e20", "100,000,000,000,000,000,000"],
     ["100000000000000000001", "1e21", "99999999999999999999"]),
    ("9007199254740993", "expr", [], ["9007199254740992"]),
    ("0.1", "expr", [], ["0.1000000000000000055", "0.10000001"]),
    ("1", "expr",
     [],
     ["0.9999999999", "1.0000000001", "1+10^{-30}", "(10^{10})!", "10^{10^{10}}", "1/10^{10^{10}}", "(9!)!",
      r"\frac{1}{10^{1000}}"]),
    ("2", "expr",
     ["x = 2", "2=x", "f(x)=2", "a_1=2", r"\theta = 2", "x^* = 2", "x'=2", "AB = 2", r"\text{Area}=2", "|AB|=2",
      r"\overline{AB}=2", r"m\angle A = 2", "P(A) = 2", r"n(A\cup B)=2", r"x_{\min} = 2", r"f_{\min}=2",
      r"\hat{x}=2", "S_n = 2", "d(A,B)=2", "[ABC]=2", "M=2", r"\lambda = 2"],
     ["x=3", "2x=2", "x+1=2", "x^2=2", "x>2", r"x\ge2", r"x\neq 2", "2=3", "()", r"\{\}", "None",
      r"\text{two hundred}", "nan", r"\infty", "-2", "2/0", r"\frac{2}{0}", r"2\pm1", "2,2"]),
    ("0", "expr",
     ["0.0", "-0", r"\sin\pi", r"\ln 1", "1-1", r"\sqrt2-\sqrt2", r"0\%", r"0^\circ"],
     ["10^{-1000}", r"\frac{1}{1000!}", "e^{-1000}", "10^{-10^{10}}", "1e-400"]),
    ("b", "latex", ["(b)", r"\textbf{b}", r"\text{b}"], []),
    ("$(b)$", "latex", ["b"], []),
    ("-3/2", "expr", [r"-1\frac{1}{2}", r"-1 \frac12", r"- 1\frac{1}{2}", "-1.5"], []),
    (r"$1\frac{2}{3}$", "latex", [r"\frac{5}{3}", "5/3", "1 2/3", "1.6667", r"1 + \frac23"], []),
    (r"0.5\%", "latex", ["0.005", r"\frac12\%", "0.5", r".5\%"], ["0.05", r"5\%", "50"]),
    (r"12.5\%", "latex", [r"\frac{1}{8}", r"12\frac12\%", "0.125", "12.5"], ["1/80", "1.25", r"125\%"]),
    ("$10 cm$", "latex", ["10", "10cm", r"10\text{ cm}", r"10 \, cm"], [r"10\text{ m}", "100"]),
    ("7 hours", "latex", ["7", "7h", r"7\text{ hrs}", r"7\ \text{hours}"], []),
    ("15 degrees", "latex", [r"15^\circ", "15", "15°"], []),
    ("$5$", "latex",
     [r"5\text{ m}^3", "5 m^3", "5m^3", r"5\,\mathrm{m/s}", r"5\ \mathrm{m\,s^{-1}}", r"5\ \Omega", r"5\,\text{N}",
      r"5\text{kg}", r"5\mathrm{kg}", "5 kg", r"5\,^\circ\mathrm{C}", r"5^\circ C", r"\text{5 minutes}",
      r"5\text{ (units)}", r"5\text{ people}", r"5 \text{ sq. units}", r"5\text{ units}^2", r"\text{£}5",
      r"5 \mu m", r"5\text{ } \mu\text{m}"],
     []),
    (r"$2\mathbf{i}+3\mathbf{j}$", "latex",
     [r"2\mathbf{i}+3\mathbf{j}", r"2\hat{i}+3\hat{j}", r"3\vec{j}+2\vec{i}"],
     []),
    (r"$a \lor b$", "latex", [r"a \lor b", r"b \lor a"], []),
]  # fmt: skip


def boxed(gold: str, answer: str, kind: str) -> bool:
    return verify(gold, f"We find that it is $\\boxed{{{answer}}}$.", kind).correct


@pytest.mark.parametrize(("gold", "kind", "right", "_"), TABLE, ids=[row[0] for row in TABLE])
def test_a_number_is_right_in_any_notation(gold, kind, right, _):
    assert [answer for answer in right if not boxed(gold, answer, kind)] == []


@pytest.mark.parametrize(("gold", "kind", "_", "wrong"), TABLE, ids=[row[0] for row in TABLE])
def test_another_number_is_wrong_however_close(gold, kind, _, wrong):
    assert [answer for answer in wrong if boxed(gold, answer, kind)] == []


def test_every_gold_is_its_own_answer():
    assert [gold for gold, kind, *_ in TABLE if not boxed(gold, gold, kind)] == []


def test_a_tolerance_is_relative_to_the_gold():
    def near(answer, tolerance=0.01, gold="4.5e-33"):
        return verify(gold, f"\\boxed{{{answer}}}", "latex", tolerance=tolerance).correct

    assert near("4.54e-33") and near(r"4.46 \times 10^{-33}") and near("4.5449e-33")
    assert not near("4.56e-33") and not near("4.5e-32") and not near("0") and not near("-4.5e-33")
    assert near("4.2", 0.1 / 4.2, "4.2") and near("4.3", 0.1 / 4.2, "4.2") and not near("4.31", 0.1 / 4.2, "4.2")
    assert not near("x + 4.5e-33")


def test_the_unit_of_a_gold_may_be_given_separately():
    def given(answer, unit, gold="36"):
        return verify(gold, f"\\boxed{{{answer}}}", "latex", unit=unit).correct

    assert given("36", "km") and given(r"36\text{ km}", "km") and given(r"36000\text{ m}", "km")
    assert not given(r"36\text{ m}", "km")
    assert given(r"36^\circ", r"^{\circ}") and given(r"\frac{\pi}{5}", r"^{\circ}") and given("36", r"^{\circ}")
    assert given(r"36\%", "%") and given("0.36", "%") and not given("3600", "%")
    assert given("0.6 hours", "min") and given(r"36 \text{ min}", "min") and not given("36 hours", "min")


def test_several_golds_are_alternatives():
    assert verify(["3", "4"], r"\boxed{4}", "latex").correct
    assert not verify(["3", "4"], r"\boxed{3, 4}", "latex").correct


@pytest.mark.parametrize("digits", [16, 40, 400])
def test_large_numbers_are_compared_to_the_last_digit(digits):
    number = 10**digits + 7
    assert boxed(str(number), f"{number:,}", "expr") and boxed(f"10^{{{digits}}}+7", str(number), "latex")
    assert not boxed(str(number), str(number + 1), "expr") and not boxed(f"10^{{{digits}}}", str(number), "latex")


@pytest.mark.parametrize("exponent", [-20, -400, -4000])
def test_no_number_is_small_enough_to_be_another(exponent):
    tiny = rf"10^{{{exponent}}}"
    assert boxed(tiny, rf"\frac{{1}}{{10^{{{-exponent}}}}}", "latex")
    for other in ("0", rf"-10^{{{exponent}}}", rf"2 \cdot 10^{{{exponent}}}", rf"10^{{{exponent - 1}}}"):
        assert not boxed(tiny, other, "latex")
