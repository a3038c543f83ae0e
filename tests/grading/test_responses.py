"""Where the answer is in a response: thinking, elements, boxes, statements, the end, and truncated responses."""

import pytest

from evalsuite.grading import verify

B8, B7 = r"\boxed{8}", r"\boxed{7}"


def eight(response, **options):
    return verify("8", response, "latex", **options)


@pytest.mark.parametrize(
    "response",
    [
        f"<think>perhaps {B7}</think>It is {B8}",
        f"7, surely 7\n</think>\n\n{B8}",
        "<think>\n</think>\n**Answer:** 8",
        "<thinking>7?</thinking>The answer is 8.",
        "<reasoning>7</reasoning><answer>8</answer>",
        "[THINK]7?[/THINK]So 8",
        f"<seed:think>7</seed:think>{B8}",
        f"◁think▷7◁/think▷ {B8}",
        f"<|begin_of_thought|>7<|end_of_thought|><|begin_of_solution|>{B8}<|end_of_solution|>",
        "<|channel|>analysis<|message|>so 7<|end|><|start|>assistant<|channel|>final<|message|>It is **8**.<|return|>",
        f"<think>a</think> {B7} <think>b</think> {B8}",
        "<think>7 and no end\n<answer>8</answer>",
        f"{B8}<|im_end|>\n<|im_start|>user\nAnd now {B7}",
        f"{B8}<|eot_id|>",
    ],
)
def test_thinking_and_chat_markers_are_not_the_answer(response):
    assert eight(response).correct


@pytest.mark.parametrize(
    "response",
    [
        f"<think>so {B8}",
        "<think>The answer is 8",
        f"<think>{B8}</think>",
        "<think>8</think>",
        "</think>",
        f"<|channel|>analysis<|message|>{B8}",
        "<|channel|>commentary<|message|>8<|call|>",
    ],
)
def test_an_answer_inside_the_thinking_does_not_count(response):
    verdict = eight(response)
    assert (verdict.correct, verdict.extracted, verdict.answer_class) == (False, None, None)
    assert verdict.reason == "no answer: nothing but thinking"


@pytest.mark.parametrize(
    "response",
    [
        f"{B7}, wait: {B8}",
        r"\boxed{\boxed{8}}",
        r"\fbox{8}",
        r"\boxed 8",
        r"\boxed{{8}}",
        r"\boxed{ \text{8} }",
        r"\boxed{x = 8}",
        r"\boxed{8.}",
        f"{B8}\n\n{B8}",
        f"earlier {{ unclosed {B8}",
        "<answer>9</answer> no <answer>\n8\n</answer>",
        rf"<answer>{B8}</answer>",
        "<answer>The total is 8</answer>",
    ],
)
def test_the_last_box_or_element_wins(response):
    assert eight(response).correct


@pytest.mark.parametrize(
    "response",
    [
        f"{B8} no, {B7}",
        r"\boxed{}",
        r"\boxed{8, 9}",
        r"\boxed{8 \text{ or } 9}",
        r"\boxed{\ge 8}",
        r"\boxed{8x}",
        r"\boxed{8 = 9}",
        f"The answer is 8. {B7}",
        "<answer>9</answer>",
        "<answer></answer>",
        "<answer>8 or 9</answer>",
        rf"<answer>{B8}, no, {B7}</answer>",
    ],
)
def test_a_box_with_something_else_is_wrong_whatever_is_around_it(response):
    assert not eight(response).correct


def test_several_boxes_are_a_list_if_the_gold_is_one():
    for response in (
        r"\boxed{3}, \boxed{5}",
        r"$x=\boxed{3}$ and $y=\boxed{5}$",
        r"\boxed{3} for (a) and \boxed{5} for (b)",
    ):
        assert verify("3, 5", response, "latex").correct
        assert verify("5", response, "latex").correct
        assert not verify("3", response, "latex").correct
    assert verify(r"so $x=\boxed{3}$ or $x=\boxed{5}$.", r"\boxed{\{5, 3\}}", "latex").correct
    assert not verify("3, 5", r"\boxed{3} is wrong, rather \boxed{5}", "latex").correct


@pytest.mark.parametrize(
    "response",
    [
        "The answer is 8.",
        "**Answer:** $8$",
        "### Final Answer\n8",
        "Final answer:\n$$8$$",
        "so 8.\n#### 8",
        "It is 8 - 0.\nA: 8",
        "So the answer is 8 apples.",
        "The answer to the second question is therefore 8.",
        "The answer is 7. No wait, the answer is 8.",
        "The final answer is $8$. I hope it is correct.",
        "The answer is about $8$",
        "Answer: 8 (since 7 is too small)",
    ],
)
def test_a_stated_answer_counts(response):
    verdict = eight(response)
    assert verdict.correct and verdict.reason.endswith("(stated)")


@pytest.mark.parametrize(
    "response",
    [
        "The answer is not 8",
        "The answer is 7, not 8.",
        "The answer is 7.\n8",
        "The answer is 18",
        "The answer is 8.5",
        "The answer is between 8 and 9",
        "The answer is at least 8",
        "Answer: 3/8",
    ],
)
def test_a_statement_of_something_else_is_wrong(response):
    assert not eight(response).correct


@pytest.mark.parametrize(
    "response",
    ["8", "$x=8$", "Thus there are 8 ways.", "So 3+5=8", r"\begin{align*} x &= 3+5 \\ &= 8 \end{align*}", "**8**"],
)
def test_a_finished_response_may_end_with_its_result(response):
    assert eight(response).correct


@pytest.mark.parametrize(
    "response",
    [
        "There were 8, but 3 left, so 5.",
        "18",
        "$8x$",
        "no idea",
        "",
        "   ",
        "8 / 9",
        "$8 < x$",
        "8 of them left, then 3",
    ],
)
def test_only_the_whole_last_number_of_a_response_counts(response):
    assert not eight(response).correct


@pytest.mark.parametrize(
    "response", ["so far 3 + 5 = 8", "8", "so $8$", r"\boxed{8", "The answer is 8", f"<think>{B8}"]
)
def test_a_truncated_response_without_a_complete_answer_has_none(response):
    verdict = eight(response, finish_reason="length")
    assert verdict.extracted is None and not verdict.correct and verdict.reason.startswith("no answer")


@pytest.mark.parametrize("response", [f"{B8} and then", "The answer is 8.\nLet me ch", "<answer>8</answer> an"])
def test_a_truncated_response_keeps_an_answer_that_it_completed(response):
    assert eight(response, finish_reason="length").correct


def test_an_open_box_counts_as_truncated():
    assert eight(r"So \boxed{8").extracted is None


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="unknown kind 'maths'; known: latex, expr, mcq"):
        verify("1", "1", "maths")
