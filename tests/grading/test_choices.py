"""Multiple choice: which letter is taken as the choice."""

import pytest

from evalsuite.grading import verify

CHOSEN = [
    "C", "(C)", "C.", "C)", "**C**", "C) the cat", "C: the cat", "C. the cat", "<answer>C</answer>",
    "The answer is C", "The answer is (C).", "Answer: C", "ANSWER: C", "Answer: (C) 12 cm", "**Answer: C**",
    "The correct answer is C: the cat", "Option C is correct.", "The correct option is C.", "I choose C", "So it's C.",
    "The best choice is (C)", "A and B are wrong. D is too big. So the answer must be C.", "the answer is c",
    "Answer: C\nBecause A is wrong.", "Answer:\nC", "The answer is **(C) the cat**.",
    "Therefore, C is the correct answer.",
    "<think>A?</think>\nC", "Final answer: (C)", "Let me see... **C**", "The answer is surely C, not A or B",
    r"\boxed{C}", r"\boxed{\text{C}}", r"\boxed{\text{(C)}}", r"\boxed{\textbf{(C)}\ 12}", r"$\boxed{\mathrm{C}}$",
    "<|channel|>final<|message|>**Answer: C**<|return|>",
]  # fmt: skip
NOT_CHOSEN = [
    "A", "D", "The answer is D", "Answer: B\nC is wrong", "I cannot decide", "Cats", "Because", r"\boxed{D}", "CD", "",
    "The answer is not C", "<answer>D</answer>", "Neither A nor B", "The answer is A. C is close.", "Confidence",
    "<think>C</think>", "<think>The answer is C", r"\boxed{A} or perhaps C",
]  # fmt: skip


@pytest.mark.parametrize("response", CHOSEN)
@pytest.mark.parametrize("gold", ["C", r"$\text{(C)}$"])
def test_a_chosen_letter_is_found(gold, response):
    verdict = verify(gold, response, "mcq")
    assert verdict.correct and (verdict.extracted, verdict.answer_class) == ("C", "C")


@pytest.mark.parametrize("response", NOT_CHOSEN)
def test_a_letter_that_is_not_chosen_is_not_taken(response):
    assert not verify("C", response, "mcq").correct


@pytest.mark.parametrize("response", ["A dog is an animal", "A good question.", "As", "I think so", "An answer"])
def test_an_article_or_pronoun_is_no_choice(response):
    assert verify("A", response, "mcq").extracted is None


def test_several_letters_are_a_set():
    for response in ("A, C", "C and A", r"\boxed{C, A}", "A & C"):
        assert verify("A, C", response, "mcq").correct
    for response in ("A", "C", "A, B", "A, B, C"):
        assert not verify("A, C", response, "mcq").correct


def test_a_truncated_response_needs_a_stated_choice():
    assert not verify("C", "it might be C", "mcq", finish_reason="length").correct
    assert verify("C", "The answer is C. To see", "mcq", finish_reason="length").correct
