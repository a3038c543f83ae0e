"""main.py --base_url works with any OpenAI-compatible server, sends token ids or messages, and leaks no key."""

import re
from pathlib import Path
from typing import Any

import pytest

from evalsuite.store.journal import Completion, Journal
from tests.support.calls import KEYS, Calls, Outcome, by_problem
from tests.support.fake_server import END
from tests.support.sweeps import experiments

pytestmark = pytest.mark.slow

KEY = KEYS["MY_KEY"]
OPENAI = {"model", "max_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "n", "stream"}


def kept(output: Path) -> list[Completion]:
    """All completions in the journals of an output tree."""
    return [one for name in experiments(output) for one in Journal(next(output.glob(f"*/{name}"))).read()]


def same(completion: Completion) -> tuple[Any, ...]:
    """The parts of a completion that do not depend on how or when it was received."""
    return completion.problem, completion.text, completion.finish_reason, completion.token_ids


@pytest.fixture(scope="module")
def by_ids(fake_server: Calls) -> tuple[Outcome, list[dict], Path]:
    outcome, requests = fake_server.asked("ids", "--max_new_tokens", "100", "--allow_broken")
    return outcome, requests, fake_server.folder / "ids"


def test_prompts_are_sent_as_token_ids_if_the_tokenizer_is_available(by_ids) -> None:
    outcome, requests, _ = by_ids
    assert outcome.code == 0, outcome
    assert {one["path"] for one in requests} == {"/v1/completions"} and len(requests) == 6
    assert all(isinstance(token, int) for one in requests for token in one["body"]["prompt"])


def test_token_ids_and_finish_reasons_of_the_answers_are_kept(by_ids) -> None:
    found = kept(by_ids[2])
    assert {one.finish_reason for one in found} == {"stop", "length"}
    for one in found:
        assert len(one.token_ids) == one.output_tokens <= 100
        assert (one.finish_reason == "stop") == (one.token_ids[-1] == END)
        assert bytes(token for token in one.token_ids if token < 256).decode() == one.text  # without the end token


def test_request_seeds_are_different_and_have_31_bits(by_ids) -> None:
    seeds = [one["body"]["seed"] for one in by_ids[1]]
    assert len(set(seeds)) == 6 and all(0 <= seed < 2**31 for seed in seeds)


def test_a_server_with_counters_is_not_asked_to_stream(by_ids) -> None:
    assert not any(one["body"]["stream"] for one in by_ids[1])


def test_a_server_without_counters_streams_the_same_answers(fake_server: Calls, by_ids) -> None:
    outcome, requests = fake_server.asked("stream", "--max_new_tokens", "100", "--allow_broken", metrics=False)
    assert outcome.code == 0, outcome
    assert all(one["body"]["stream"] and one["body"]["stream_options"] == {"include_usage": True} for one in requests)
    assert sorted(map(same, kept(fake_server.folder / "stream"))) == sorted(map(same, kept(by_ids[2])))


@pytest.mark.parametrize("metrics", [True, False])
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_without_a_tokenizer_the_chat_endpoint_is_used_and_reasoning_is_kept(
    fake_server: Calls, metrics: bool, field: str
) -> None:
    name = f"chat {metrics} {field}"
    outcome, requests = fake_server.asked(
        name, "--model", "fake", "--use_chat_template", "--system_prompt", "Be brief.",
        metrics=metrics, reasoning=field,
    )  # fmt: skip
    assert outcome.code == 0, outcome
    assert {one["path"] for one in requests} == {"/v1/chat/completions"}
    roles = [[message["role"] for message in one["body"]["messages"]] for one in requests]
    assert roles == [["system", "user"]] * 6 and requests[0]["body"]["messages"][0]["content"] == "Be brief."
    for one in kept(fake_server.folder / name):
        assert re.fullmatch(r"\nThe sum is \\boxed\{\d+\}\.", one.text) and len(one.reasoning.split()) > 5


def test_the_chat_endpoint_can_be_requested_and_gets_the_template_arguments(fake_server: Calls) -> None:
    more = ("--endpoint", "chat", "--use_chat_template", "--chat_template_kwargs", '{"enable_thinking": true}')
    outcome, requests = fake_server.asked("asked for chat", *more)
    assert outcome.code == 0, outcome
    assert all(one["body"]["chat_template_kwargs"] == {"enable_thinking": True} for one in requests)


@pytest.mark.parametrize(("given", "roles"), [((), ["system", "user"]), (("--system_prompt", ""), ["user"])])
def test_the_system_prompt_is_that_of_the_prompts_file_unless_an_empty_one_is_given(
    fake_server: Calls, given: tuple[str, ...], roles: list[str]
) -> None:
    more = ("--model", "fake", "--use_chat_template", "--max_samples", "1", *given)
    _, requests = fake_server.asked(f"system {len(given)}", *more)
    assert [message["role"] for message in requests[0]["body"]["messages"]] == roles


def test_a_strict_server_gets_only_openais_own_fields(fake_server: Calls) -> None:
    outcome, requests = fake_server.asked("strict", strict=True)
    assert outcome.code == 0, outcome
    answered = [one for one in requests if "top_k" not in one["body"]]
    assert len(answered) == 6 and all(set(one["body"]) == OPENAI | {"prompt"} for one in answered)
    assert "the server rejects vLLM's own fields (HTTP 400" in outcome.out
    assert len(kept(fake_server.folder / "strict")) == 6


def test_a_strict_server_is_not_sent_vllms_fields_again(fake_server: Calls) -> None:
    more = ("--seed", "0-3", "--max_num_seqs", "1")
    outcome, requests = fake_server.asked("strict again", *more, strict=True)
    assert outcome.code == 0, outcome
    assert 1 <= sum("top_k" in one["body"] for one in requests) <= 9  # those in flight at the first refusal


@pytest.mark.parametrize("flag", ["--top_k 5", "--min_p 0.2", "--repetition_penalty 1.3"])
def test_a_flag_that_a_strict_server_rejects_is_found_with_two_tokens(fake_server: Calls, flag: str) -> None:
    outcome, requests = fake_server.asked(f"strict {flag}", *flag.split(), strict=True)
    assert outcome.code == 2 and [one["body"]["max_tokens"] for one in requests] == [1, 1]
    assert outcome.err.startswith(f"main.py: {fake_server.base_url} does not support {flag}; leave it out")
    assert outcome.err.count("\n") == 1 and kept(fake_server.folder / f"strict {flag}") == []


def test_a_server_that_accepts_the_flag_is_tested_with_one_token(fake_server: Calls) -> None:
    outcome, requests = fake_server.asked("knows", "--top_k", "5")
    assert outcome.code == 0, outcome
    assert sorted(one["body"]["max_tokens"] for one in requests) == [1, *[400] * 6]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_requests_are_retried_if_the_server_is_busy(fake_server: Calls, status: int) -> None:
    outcome, requests = fake_server.asked(str(status), burst={"id": status, "status": status, "count": 4})
    assert outcome.code == 0, outcome
    assert len(requests) == 6 + 4 and len(kept(fake_server.folder / str(status))) == 6


def test_requests_are_retried_after_a_dropped_connection(fake_server: Calls) -> None:
    outcome, requests = fake_server.asked("drop", drop={"id": "once", "count": 2})
    assert outcome.code == 0 and len(requests) >= 8, outcome


def test_a_refused_request_fails_alone_and_is_tried_again_by_the_next_run(fake_server: Calls) -> None:
    refuse = {"status": 400, "on": "What is 3 ", "text": "no threes"}
    outcome, requests = fake_server.asked("refused", "--seed", "0-2", "--max_num_seqs", "1", refuse=refuse)
    assert outcome.code == 1, outcome
    found = experiments(fake_server.folder / "refused").values()
    assert [(one["status"], one["num_samples"], one["totals"]["failed"]) for one in found] == [("incomplete", 5, 1)] * 3
    assert "no threes" in outcome.out and len(by_problem(requests)["4 + 7"]) == 3
    again, requests = fake_server.asked("refused", "--seed", "0-2")
    assert again.code == 0 and list(by_problem(requests)) == ["3 + 6"] and len(requests) == 3
    found = experiments(fake_server.folder / "refused").values()
    assert [(one["status"], one["num_samples"]) for one in found] == [("finished", 6)] * 3


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_address_may_end_in_v1(fake_server: Calls, suffix: str) -> None:
    fake_server.fake.tell()
    arguments = ("--base_url", fake_server.base_url + suffix, "--max_samples", "1")
    assert fake_server.call(f"address {len(suffix)}", *arguments).code == 0
    assert fake_server.fake.events("request")[-1]["path"] == "/v1/completions"


def test_the_servers_only_model_is_used_unless_served_model_is_given(fake_server: Calls) -> None:
    _, requests = fake_server.asked("only", "--max_samples", "1")
    assert requests[0]["body"]["model"] == "fake"
    _, requests = fake_server.asked("named", "--max_samples", "1", "--served_model", "other")
    assert requests[0]["body"]["model"] == "other"


def everything(folder: Path) -> bytes:
    """The paths and contents of all files in a folder, with compressed files decompressed."""
    import gzip
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    found = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".zst":
            content = pa.input_stream(io.BytesIO(content), compression="zstd").read()
        elif path.suffix == ".gz":
            content = gzip.decompress(content)
        elif path.suffix == ".parquet":
            content = repr(pq.read_table(path).to_pylist()).encode()
        found += [str(path).encode(), content]
    return b"\n".join(found)


def test_keys_are_sent_only_to_their_own_servers_and_never_written(fake_server: Calls) -> None:
    folder = fake_server.folder / "secret"
    fake_server.fake.tell()
    before = len(fake_server.fake.events("request"))
    more = ("--base_url", fake_server.base_url, "--api_key_env", "MY_KEY", "--log_dir", str(folder / "logs"))
    more += ("--judge_base_url", fake_server.base_url, "--judge_model", "wise", "--judge_api_key_env", "WISE_KEY")
    outcome = fake_server.call(folder / "out", *more, **KEYS)
    assert outcome.code == 0, outcome
    requests = fake_server.fake.events("request")[before:]
    sent = {(one["body"]["model"], one["authorization"]) for one in requests}
    assert sent == {("fake", f"Bearer {KEY}"), ("wise", f"Bearer {KEYS['WISE_KEY']}")}
    metrics = [one["metrics"] for one in experiments(folder / "out").values()]
    assert metrics == [["verified_match", "extractive_match", "judge_match"]]
    written = everything(folder).decode("utf-8", "replace") + repr(outcome)
    assert "completions.jsonl.zst" in written and "judge_decision" in written
    assert not [secret for secret in KEYS.values() if secret in written]


def test_the_key_is_read_from_openai_api_key_by_default(fake_server: Calls) -> None:
    fake_server.fake.tell()
    arguments = ("--base_url", fake_server.base_url, "--max_samples", "1")
    assert fake_server.call("default key", *arguments, OPENAI_API_KEY=KEY + "\n").code == 0  # as from a file
    assert fake_server.fake.events("request")[-1]["authorization"] == f"Bearer {KEY}"


def test_a_key_that_the_server_quotes_is_not_printed(fake_server: Calls) -> None:
    fake_server.fake.tell(refuse={"status": 401, "text": f"Incorrect API key provided: {KEY}."})
    before = len(fake_server.fake.events("request"))
    outcome = fake_server.call("quoted", "--base_url", fake_server.base_url, OPENAI_API_KEY=KEY)
    assert outcome.code == 1 and len(fake_server.fake.events("request")) - before <= 6
    assert outcome.err.startswith(f"main.py: {fake_server.base_url} refuses to answer: HTTP 401: ")
    assert outcome.err.endswith("; check --api_key_env, --base_url and --served_model\n")
    assert KEY not in outcome.out + outcome.err and KEY.encode() not in everything(fake_server.folder / "quoted")


def test_credentials_in_the_address_are_used_but_never_written(fake_server: Calls) -> None:
    folder = fake_server.folder / "credentials"
    address = fake_server.base_url.replace("://", "://me:pass%2Dword1@") + "/v1"
    fake_server.fake.tell()
    outcome = fake_server.call(folder / "out", "--base_url", address, OPENAI_API_KEY=KEY)
    assert outcome.code == 0, outcome
    assert fake_server.fake.events("request")[-1]["authorization"] == "Basic bWU6cGFzcy13b3JkMQ=="
    written = everything(folder).decode("utf-8", "replace") + outcome.out + outcome.err
    assert not re.search(r"pass%2Dword1|pass-word1|bWU6cGFzcy13b3JkMQ", written) and KEY not in written
    manifest = next(iter(experiments(folder / "out").values()))
    assert manifest["circumstances"]["base_url"] == fake_server.base_url + "/v1"
    assert f"--base_url {fake_server.base_url}/v1" in manifest["provenance"]["command"]


def test_an_invalid_address_is_rejected_without_repeating_it(fake_server: Calls) -> None:
    for bad in (f"{fake_server.base_url}/v1?key={KEY}", f"me:{KEY}@host:8000"):
        outcome = fake_server.call("bad address", "--base_url", bad)
        assert outcome.code == 2 and outcome.err == (
            "main.py: --base_url is not the address of a server; write it as in http://127.0.0.1:8000\n"
        )
