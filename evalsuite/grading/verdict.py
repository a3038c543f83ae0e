"""What grading says about one completion."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """The outcome of one comparison.

    `extracted` is the answer found in the response (None: there is no answer). `answer_class` is its canonical form:
    completions with equal strings gave the same answer, which is what maj@k votes over. `reason` says in a few words
    why the verdict came out so.
    """

    correct: bool
    extracted: str | None
    answer_class: str | None
    reason: str
