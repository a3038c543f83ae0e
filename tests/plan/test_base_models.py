"""Models without a chat template: plain prompts with examples, stop sequences after the answer, and warnings."""

import json
import re
from pathlib import Path

import pytest

from evalsuite.tasks.prompts import Prompts
from tests.support.calls import Calls, text_of
from tests.support.sweeps import experiments, make_model

pytestmark = pytest.mark.slow

SHORT_STOP = ["\nPut your final answer inside \\boxed{}.", "\n\nQuestion:", "\n\nProblem:"]


@pytest.fixture(scope="module")
def base(fake_server: Calls) -> Path:
    """The bytes model without its chat template."""
    folder = make_model(fake_server.folder / "base")
    path = folder / "tokenizer_config.json"
    path.write_text(
        json.dumps({key: value for key, value in json.loads(path.read_text()).items() if "chat" not in key})
    )
    return folder


@pytest.mark.parametrize("given, stop", [([], SHORT_STOP), (["--stop", ""], None), (["--stop", "X", "Y"], ["X", "Y"])])
def test_a_base_models_answer_stops_where_another_problem_would_begin(
    fake_server: Calls, base: Path, given: list[str], stop: list[str] | None
) -> None:
    output = f"base {stop}"
    more = ("--model", str(base), "--task", "demo_arithmetic|2", "--max_samples", "1", *given)
    outcome, requests = fake_server.asked(output, *more)
    assert outcome.code == 0 and outcome.warnings == (), outcome
    assert requests[0]["body"].get("stop") == stop
    (manifest,) = experiments(fake_server.folder / output).values()
    assert manifest["configuration"]["stop"] == (stop or [])


def test_a_base_models_prompt_is_examples_and_problem_separated_by_empty_lines(fake_server: Calls, base: Path) -> None:
    more = ("--model", str(base), "--task", "demo_arithmetic|2", "--stop", "")
    _, requests = fake_server.asked("shots", *more, "--ids", "p5")
    asks = "Put your final answer inside \\boxed{}.\n\n"
    example = re.escape(asks) + r"What is (\d+) \+ \d+\? The final answer is \$\\boxed{\d+}\$\.\n\n"
    found = re.fullmatch(example + example + re.escape(f"{asks}What is 5 + 8?"), text_of(requests[0]["body"]))
    assert found and len({"5", *found.groups()}) == 3
    _, others = fake_server.asked("shots", *more)  # examples do not depend on which problems are asked
    assert len(others) == 5 and all(text_of(one["body"]).count("What is ") == 3 for one in others)


def test_a_chat_model_used_without_its_template_gets_a_warning_and_no_stop_sequences(fake_server: Calls) -> None:
    outcome, requests = fake_server.asked("plain", "--max_samples", "1")
    (warning,) = outcome.warnings
    assert outcome.code == 0 and "has a chat template, but prompts are sent without it" in warning
    assert "stop" not in requests[0]["body"]
    outcome, _ = fake_server.asked("chat", "--max_samples", "1", "--use_chat_template")
    assert outcome.code == 0 and outcome.warnings == ()


def test_use_chat_template_is_an_error_for_a_base_model(fake_server: Calls, base: Path) -> None:
    outcome, requests = fake_server.asked("none", "--model", str(base), "--use_chat_template")
    assert outcome.code == 2 and requests == [] and outcome.err.count("\n") == 1
    assert "has no chat template; leave it out for a base model" in outcome.err


@pytest.mark.parametrize(
    "template, beginnings",
    [
        ("Solve this. Be brief.\n\n{problem}", ["\nSolve this."]),
        ("Q: {problem}\nA:", ["\nQ:"]),
        ("{problem}\nAnswer:", []),  # this line is short enough to occur in an answer
        ("{problem}\n\nThink about it step by step.", ["\nThink about it step by step."]),
        ("Choose one of {letters}.\n{problem}\n{choices}", ["\nChoose one of"]),
    ],
)
def test_the_next_problem_is_recognised_by_how_the_template_begins(template: str, beginnings: list[str]) -> None:
    stop = Prompts(Path(), {"T": template}).next_problem("T")
    assert list(stop) == [*beginnings, "\n\nQuestion:", "\n\nProblem:"]
