"""An output tree for the report's tests: two models, three seeds, hostile responses, a task that may not be shown."""

import atexit
import functools
import tempfile
from pathlib import Path

import analyze_results
import analyze_summary
from tests.support import tree_maker

EVIL = "evil<script>document.title='owned'</script>$x_1$"  # a model's name, as somebody may write one
SECRET = "A question of the private set that nobody may publish"
LONG = "so long " * 40_000
HOSTILE = [
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "<a href='https://example.com/'>a link</a> [another](javascript:document.title='owned') <iframe src='https://example.com'>",
    r"$\href{javascript:document.title='owned'}{x}$ $\includegraphics{https://example.com/x}$ $\htmlClass{evil}{y}$",
    "</script></style></div>--> ]]> \u2028 \u202eright to left\u202c \x1b[31mred\x07 \ufeff",
    LONG + r"the end \boxed{7}",
    r"$\rule{9999em}{9999em}$ $\def\a{\a\a}\a$ $\kern-9999em x$ \["
    + "{" * 2000
    + r"\] costs $5 and $6, \(\frac{1}{2}\)",
    "x" * 300_000,
    "",
]
QUESTIONS = ["How many primes lie between 10 and 20?", r"Let $x^2 = 16$ with $x > 0$. What is $\frac{x}{2}$?"]


def rows(seed: int, right: float, question: str | None = None) -> list[dict]:
    """Eight rows of our own details: right, wrong, unanswered and truncated; the graders disagree on row 1."""
    made = tree_maker.own_rows(8)
    for at, row in enumerate(made):
        specific = row["doc"]["specific"]
        cut, answer = at == 7, "4" if (at + seed) % 8 < right else None if at == 6 else "7"
        specific |= {"extracted_answer": answer, "answer_class": answer, "finish_reason": "length" if cut else "stop",
                     "output_token_count": 100 if cut else 10 * (at + 1), "verdict_reason": "as written",
                     "grading_status": "ok" if answer else "no_answer"}  # fmt: skip
        score = float(answer == "4")
        row["doc"]["query"] = question or QUESTIONS[at % 2] + f" Case {at}."
        row["metric"] = {"verified_match": score, "extractive_match": 1 - score if at == 1 else score}
        row["model_response"]["text"] = [f"To restate: {question}" if question else HOSTILE[at]]
    return made


def write(folder: Path, seeds: int = 3) -> Path:
    """The tree with its details, before any pass has read it."""
    for model, right in (("plain", 5), (EVIL, 2)):
        for seed in range(seeds):
            tree_maker.own(folder, model, seed=seed, rows=rows(seed, right))
            tree_maker.own(folder, model, task="gpqa:diamond", seed=seed, rows=rows(seed, right, SECRET))
    return folder


def analyse(folder: Path) -> Path:
    """Both passes over a tree."""
    assert analyze_results.main([str(folder)]) == 0
    assert analyze_summary.main([str(folder), "--bootstrap", "200"]) == 0
    return folder


@functools.cache
def report() -> Path:
    """A tree with its report, made once for all tests that only look at it."""
    from evalsuite.report.__main__ import main

    kept = tempfile.TemporaryDirectory(prefix="evalsuite-report-")
    atexit.register(kept.cleanup)
    folder = analyse(write(Path(kept.name)))
    assert main([str(folder), "--inspect"]) == 0
    return folder
