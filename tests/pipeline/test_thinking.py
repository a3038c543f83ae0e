"""If the chat template opens the thinking, responses are graded as if they began with the opening tag."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evalsuite.grading.find.thinking import opened_by, opened_unseen
from evalsuite.store.journal import Journal
from tests.support.calls import Calls, Outcome
from tests.support.sweeps import TEMPLATE, experiments

pytestmark = pytest.mark.slow

CUT = ("--max_new_tokens", "60", "--allow_broken")


@pytest.fixture
def server(tmp_path: Path, fake_server: Calls) -> Calls:
    """The module's server, with output folders of this test."""
    fake_server.folder = tmp_path
    return fake_server


@pytest.fixture
def thinker(server: Calls) -> str:
    """The module's model with a template that ends the prompt with an opening tag."""
    folder = Path(shutil.copytree(server.model, server.folder / "thinker"))
    (folder / "chat_template.jinja").write_text(f"{TEMPLATE}{{{{ '<think>\\n' if add_generation_prompt }}}}")
    return str(folder)


def graded(server: Calls, output: str, *more: str, **told: Any) -> tuple[Outcome, list[dict[str, Any]]]:
    """One call with answers that begin within the thinking: its outcome, and the rows of the newest experiment. Of two
    that were graded in the same second, it is the one with fewer tokens, which --rescore_at made of the other."""
    outcome, _ = server.asked(output, "--use_chat_template", *more, opened=True, **told)
    assert outcome.code == 0, outcome
    found = [(one["graded_at"], -one["configuration"]["max_new_tokens"], name, one)
             for name, one in experiments(server.folder / output).items()]  # fmt: skip
    *_, name, manifest = max(found, key=lambda one: one[:2])
    (folder,) = server.folder.glob(f"{output}/*/{name}")
    return outcome, pq.read_table(folder / manifest["details_file"]).to_pylist()


def score(rows: list[dict[str, Any]], metric: str = "verified_match") -> float:
    return sum(row["metric"][metric] for row in rows)


def statuses(rows: list[dict[str, Any]]) -> set[str]:
    return {row["doc"]["specific"]["grading_status"] for row in rows}


def test_truncated_thinking_that_the_template_opened_has_no_answer(server: Calls, thinker: str) -> None:
    _, plain = graded(server, "plain", *CUT, tokens=200)
    _, opened = graded(server, "opened", "--model", thinker, *CUT, tokens=200)
    assert all(row["model_response"]["text"][0].startswith("\nThe sum is \\boxed{") for row in opened)
    assert score(plain) > 0 and statuses(plain) == {"ok"}
    assert score(opened) == 0 and statuses(opened) == {"no_answer"}
    assert score(opened, "extractive_match") > 0  # lighteval's metric is unchanged


def test_the_answer_after_closed_thinking_is_graded(server: Calls, thinker: str) -> None:
    _, rows = graded(server, "whole", "--model", thinker)
    assert score(rows) == score(rows, "extractive_match") > 0 and statuses(rows) == {"ok"}
    assert all(row["doc"]["specific"]["thinking_opened"] == "<think>" for row in rows)


def test_regrading_and_rescoring_take_the_template_into_account(server: Calls, thinker: str) -> None:
    _, whole = graded(server, "out", "--model", thinker)
    outcome, again = graded(server, "out", "--model", thinker, "--regrade")
    assert "graded demo_arithmetic" in outcome.out and score(again) == score(whole) > 0
    _, cut = graded(server, "out", "--model", thinker, "--rescore_at", "40")
    assert score(cut) == 0 and statuses(cut) == {"no_answer"} and score(cut, "extractive_match") > 0


def test_if_the_server_renders_the_prompt_it_is_inferred_from_the_answers(server: Calls) -> None:
    chat = ("--model", "fake")
    graded(server, "whole", *chat, tokens=120)
    (folder,) = (server.folder / "whole").glob("*/*_seed0")
    longest = max(one.output_tokens for one in Journal(folder).read())
    _, rows = graded(server, "chat", *chat, "--max_new_tokens", str(longest - 30), tokens=120)
    cut = [row for row in rows if row["doc"]["specific"]["finish_reason"] == "length"]
    unclosed = [row for row in cut if "</think>" not in row["model_response"]["text"][0]]
    assert 0 < len(unclosed) < len(rows) / 2 and statuses(unclosed) == {"no_answer"} and score(rows) > 0


@pytest.mark.parametrize(
    ("prompt", "tag"),
    [
        ("<｜User｜>1+1?<｜Assistant｜><think>\n", "<think>"),
        ("<|im_start|>assistant\n<think>", "<think>"),
        ("[assistant][THINK]", "[THINK]"),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ""),  # thinking switched off
        ("<｜Assistant｜></think>", ""),
        ("Think within <think> and </think>.<|im_start|>assistant\n", ""),
        ("Begin with <think>\n[assistant]", ""),
        ("", ""),
    ],
)
def test_only_a_tag_at_the_very_end_of_the_prompt_opens_the_thinking(prompt: str, tag: str) -> None:
    assert opened_by(prompt) == tag


def test_a_stray_closing_tag_does_not_turn_all_other_answers_into_thinking() -> None:
    assert opened_unseen(["It is 4.</think>", "5", "6", "7"]) == ""
    assert opened_unseen([]) == ""
