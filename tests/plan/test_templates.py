"""Families of chat models: the prompt that their template makes, and which part of an answer is graded."""

from pathlib import Path

import pytest

from evalsuite.errors import UserError
from evalsuite.pipeline.render import Prompt, RenderJob, render
from evalsuite.store.journal import Completion
from evalsuite.tasks.problems import Selection
from tests.support.families import FAMILIES, GEMMA, Family
from tests.support.sweeps import ROOT, make_data, make_model

SYSTEM, USER = "Be exact.", "Put your final answer inside \\boxed{}.\n\nWhat is 0 + 3?"
TABLE, SPEC = str(ROOT / "lighteval_tasks.py"), "demo_arithmetic|0"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"), 1)


def rendered(folder: Path, data: Path, template: str, kwargs: dict, system: str | None = SYSTEM) -> Prompt:
    """The prompt of the only problem, as a worker renders it."""
    (make_model(folder) / "chat_template.jinja").write_text(template, encoding="utf-8")
    job = RenderJob((SPEC,), TABLE, str(data), Selection(), folder, True, system, kwargs, False)
    (prompt,) = render(job).prompts[SPEC]
    return prompt


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_answer_is_graded_and_the_thinking_is_not(tmp_path: Path, data: Path, family: Family) -> None:
    prompt = rendered(tmp_path / "model", data, family.template, family.kwargs)
    assert prompt.text == family.prompt.format(system=SYSTEM, user=USER)
    assert bytes(prompt.ids).decode() == prompt.text  # there is no second BOS
    opened = family.before == ""  # the prompt opens the thinking, so the response is thinking until it is closed
    assert verdict(data, prompt, f"So it is \\boxed{{3}}.{family.after}", "stop")[0] == (not opened)
    if family.before is not None:
        thought = f"{family.before}We need 0 + 3. Is it \\boxed{{3}}? No, \\boxed{{4}}."
        assert verdict(data, prompt, f"{thought}{family.between}So it is \\boxed{{3}}.{family.after}", "stop") == (
            1,
            "3",
        )
        assert verdict(data, prompt, thought[: thought.index(" No")], "length") == (0, None)


def verdict(data: Path, prompt: Prompt, text: str, finish: str) -> tuple[float, str | None]:
    """The score and the extracted answer of a response, by the same model and metric as in a worker."""
    from evalsuite.pipeline.journal_model import JournalModel
    from evalsuite.tasks.metrics import verify_response
    from evalsuite.tasks.registry import lighteval_task

    (doc,) = lighteval_task(SPEC, TABLE, data).get_docs()
    completion = Completion(prompt.problem, 0, text, finish, len(prompt.ids), len(text))
    (response,) = JournalModel(None, {prompt.problem: completion}, {prompt.problem: prompt}).greedy_until([doc])
    score, additions = verify_response(doc, response)
    return score, additions["extracted_answer"]


def test_a_family_without_a_system_role_needs_a_prompt_without_one(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UserError, match=r"rejects the prompt: .*System role not supported"):
        rendered(tmp_path / "with", data, GEMMA, {})
    prompt = rendered(tmp_path / "without", data, GEMMA, {}, system=None)
    assert prompt.text == f"<bos><start_of_turn>user\n{USER}<end_of_turn>\n<start_of_turn>model\n"
    assert verdict(data, prompt, "It is \\boxed{3}.<end_of_turn>", "stop") == (1, "3")
