"""A user's mistake is reported in one line, with exit code 2 and before anything starts; a failed run exits with 1."""

import json
import re

import pytest

from tests.support.calls import Calls
from tests.support.sweeps import ROOT, make_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wrong(fake_engine: Calls) -> Calls:
    """Calls with a folder of broken inputs."""
    folder, prompts = fake_engine.folder, json.loads((ROOT / "prompts.json").read_text())
    (folder / "no config").mkdir()
    (folder / "columns").mkdir()
    (folder / "columns" / "demo_arithmetic.jsonl").write_text('{"problem": "x"}\n')
    without = {key: text for key, text in prompts.items() if key != "SHORT_QUERY_TEMPLATE"}
    (folder / "missing.json").write_text(json.dumps(without))
    (folder / "unknown.json").write_text(json.dumps(prompts | {"SHORT_QUERY_TEMPLATE": "{problm} {problem}"}))
    (folder / "json.json").write_text("{")
    return fake_engine


MISTAKES = [
    ("--task aime42", "unknown task 'aime42'; did you mean aime25, aime24, aime25_avg?"),
    ("--task demo_arithmetic|x",
     "invalid task 'demo_arithmetic|x'; write aime24, aime24|0, custom|aime24|0 or custom|aime24|0|0"),
    ("--task_seeds demo_arithmetic", "--task_seeds 'demo_arithmetic': write TASK=SEEDS, such as aime24=0-31"),
    ("--task_seeds demo_words=1", "--task_seeds mentions demo_words, which is not in --task; add it there"),
    ("PROMPTS_PATH=F/missing.json",
     "F/missing.json: key SHORT_QUERY_TEMPLATE is missing, which task demo_arithmetic needs; add it"),
    ("PROMPTS_PATH=F/unknown.json", "F/unknown.json: SHORT_QUERY_TEMPLATE has the unknown placeholder {problm}; "
     "use {problem}, {choices}, {letters}, {A}, {B} ..."),
    ("PROMPTS_PATH=F/none.json", "cannot read the prompts file F/none.json: No such file or directory"),
    ("PROMPTS_PATH=F/json.json", "F/json.json: not valid JSON: Expecting property name enclosed in double quotes: "
     "line 1 column 2 (char 1)"),
    ("--data_dir F/columns",
     "F/columns/demo_arithmetic.jsonl line 1: task demo_arithmetic needs the column answer; the columns are problem"),
    ("--data_dir F/none", "--data_dir F/none is not a folder; give one that holds <task>.jsonl, or leave it out"),
    ("--model F/no\0config", "model folder F/no config has no config.json; give a folder in Hugging Face format"),
    ("--model F/none", "model folder F/none does not exist; check the path, or give a hub id (org/name)"),
    ("--system_prompt x", "--system_prompt needs a chat template; add --use_chat_template, or leave it out"),
    ("--system_prompt @F/none --use_chat_template",
     "--system_prompt @F/none: [Errno 2] No such file or directory: 'F/none'"),
    ("--temperature -0.5", "argument --temperature: -0.5 is not in [0, 100]; --help lists all flags"),
    ("--temperature nan", "argument --temperature: nan is not in [0, 100]; --help lists all flags"),
    ("--top_p 0", "argument --top_p: 0 is not in (0, 1]; --help lists all flags"),
    ("--seed 5-1", "argument --seed: 5-1 is not a valid range of seeds; it must ascend and not exceed 2147483647; "
     "--help lists all flags"),
    ("--max_new_tokens 0",
     "argument --max_new_tokens: 0 is not a whole number of at least 1; --help lists all flags"),
    ("--max_new_tokens many",
     "argument --max_new_tokens: many is not a whole number of at least 1; --help lists all flags"),
    ("--sead 1", "unrecognized arguments: --sead 1; --help lists all flags"),
    ("--chat_template_kwargs [1]",
     "argument --chat_template_kwargs: must be a JSON object, in braces; --help lists all flags"),
    ("--max_model_length 9999", "--max_model_length 9999 exceeds the 4096 tokens that F/bytes supports; lower it"),
    ("--tensor_parallel_size 3",
     "--tensor_parallel_size 3 does not divide the 4 attention heads of F/bytes; use one of 1, 2, 4"),
    ("--pipeline_parallel_size 3", "--pipeline_parallel_size 3 exceeds the 2 layers of F/bytes; use at most 2"),
    ("--device cuda", "--device cuda, but nvidia-smi shows no GPU; check the driver, or use --device cpu"),
    ("--ids nix", "no problem has the id 'nix'; ids look like 'p0'"),
    ("--filter nix>3", "the filter 'nix>3' uses 'nix'; the fields are id, problem, answer"),
    ("--custom_tasks_directory F/none.py", "cannot read the task file F/none.py: No such file or directory"),
    ("--endpoint chat", "--endpoint chat needs --base_url; an engine started here always gets token ids"),
    ("--engine_python F/none", "--engine_python F/none is not a program; give the Python of an environment with vLLM"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), MISTAKES)
def test_a_mistake_is_reported_in_one_line_before_anything_starts(wrong: Calls, given: str, expected: str) -> None:
    parts = [part.replace("\0", " ").replace("F/", f"{wrong.folder}/") for part in given.split(" ")]
    environment = dict([parts.pop(0).split("=")]) if given.startswith("PROMPTS_PATH") else {}
    before = len(wrong.fake.events("start"))
    outcome = wrong.call("mistakes", *parts, **environment)
    assert (outcome.code, outcome.err) == (2, f"main.py: {expected}\n".replace("F/", f"{wrong.folder}/"))
    assert outcome.out == "" and not (wrong.folder / "mistakes").exists()
    assert len(wrong.fake.events("start")) == before


def test_two_models_with_the_same_name_do_not_share_a_folder(fake_server: Calls) -> None:
    assert fake_server.asked("names", "--max_samples", "1")[0].code == 0
    other = make_model(fake_server.folder / "other" / "bytes")
    (other / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes()[:-1] + b"x")
    outcome, requests = fake_server.asked("names", "--model", str(other))
    assert outcome.code == 2 and requests == []
    assert outcome.err == (
        f"main.py: {fake_server.folder / 'names' / 'bytes'} holds results of another model with this name, "
        f"{fake_server.model}; give {other} another name with --model NAME={other}, or NAME@STEP=... for a checkpoint\n"
    )


def test_a_prompt_that_is_too_long_is_reported_before_any_request(fake_server: Calls) -> None:
    outcome, requests = fake_server.asked("long", "--max_model_length", "40")
    assert outcome.code == 2 and requests == []
    pattern = r"main.py: demo_arithmetic: the prompt of problem [0-9a-f]{16} has 54 tokens and does not fit into "
    assert re.fullmatch(pattern + r"--max_model_length 40; raise it \(prompts are never truncated\)\n", outcome.err)


def test_an_unreachable_server_is_reported_with_its_address(fake_server: Calls) -> None:
    outcome = fake_server.call("unreachable", "--base_url", "http://127.0.0.1:9/v1")
    assert outcome.code == 1 and outcome.err.count("\n") == 1
    assert outcome.err.startswith("main.py: cannot reach http://127.0.0.1:9/v1/models: Cannot connect to host ")
    assert outcome.err.endswith("; is the server running?\n")


def test_a_broken_model_stops_the_run_unless_allow_broken_is_given(fake_server: Calls) -> None:
    stopped, requests = fake_server.asked("broken", "--seed", "0-9", "--max_num_seqs", "1", empty=True)
    assert stopped.code == 1 and len(requests) < 40
    assert "main.py: 20 of the first 20 answers are empty or truncated" in stopped.err
    allowed, requests = fake_server.asked("broken", "--seed", "0-3", "--allow_broken", empty=True)
    assert allowed.code == 0, allowed


def test_the_run_gives_up_on_a_server_that_hangs_for_stall_seconds(fake_server: Calls) -> None:
    outcome, _ = fake_server.asked("hangs", "--stall_seconds", "1", hang=True)
    fake_server.fake.tell()
    assert outcome.code == 1
    expected = (
        rf"main.py: the server at {fake_server.base_url}: no token from any request for \d+ s \(the server hangs\); "
    )
    assert re.fullmatch(expected + "finished completions are kept\n", outcome.err)
