"""Finished work is never repeated: a later call requests only what is new, and loses nothing."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evalsuite.plan.arguments import parse
from evalsuite.plan.plan import plan
from evalsuite.store import manifest
from evalsuite.store.journal import Journal
from evalsuite.store.locks import Locks
from evalsuite.sweep.rescore import derive
from tests.support.calls import Calls, Outcome, by_problem, served
from tests.support.sweeps import Fake, experiments, make_data

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path, fake_server: Calls) -> Calls:
    """The module's server, with output folders of this test."""
    fake_server.folder = tmp_path
    return fake_server


def asked(server: Calls, *more: str, **told: Any) -> tuple[Outcome, int]:
    """One call into the test's folder: its outcome, and the number of its requests."""
    outcome, requests = server.asked("out", *more, **told)
    return outcome, len(requests)


def only(server: Calls) -> dict[str, Any]:
    """The manifest of the only experiment in the tree."""
    (manifest,) = experiments(server.folder / "out").values()
    return manifest


def stamps(server: Calls) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in (server.folder / "out").glob("*/*_seed*/**/*")}


def test_a_second_call_requests_nothing_and_writes_nothing(server: Calls) -> None:
    assert asked(server, "--seed", "0-1")[1] == 12
    before = stamps(server)
    outcome, requests = asked(server, "--seed", "0-1")
    assert (outcome.code, requests) == (0, 0)
    assert outcome.out == "2 experiments: 2 finished, 0 to do\n"
    assert stamps(server) == before


def test_lengths_of_finished_answers_are_in_the_manifests_for_later_runs(server: Calls) -> None:
    asked(server, "--seed", "0-1")
    folder = server.folder / "out" / "bytes"
    lengths = [("demo_arithmetic", one.problem, one.output_tokens) for path in folder.glob("*_seed*")
               for one in Journal(path).read()]  # fmt: skip
    assert sorted(manifest.earlier_lengths([folder], {"demo_arithmetic"})) == sorted(lengths) and len(lengths) == 12
    assert not list(manifest.earlier_lengths([folder], {"aime24"}))


def test_another_seed_temperature_or_length_requests_only_its_own_answers(server: Calls) -> None:
    assert asked(server)[1] == 6
    before = stamps(server)
    assert asked(server, "--seed", "0", "4")[1] == 6
    assert asked(server, "--temperature", "0.8", "0.2")[1] == 6
    assert asked(server, "--max_new_tokens", "400", "300")[1] == 6
    found = experiments(server.folder / "out")
    assert len(found) == 4 and len({one["fingerprint"] for one in found.values()}) == 4
    assert {path: stamp for path, stamp in stamps(server).items() if path in before} == before


def test_another_task_requests_only_its_own_answers(server: Calls) -> None:
    data = str(make_data(server.folder / "both", 6, ("demo_arithmetic", "demo_words")))
    assert asked(server, "--data_dir", data)[1] == 6
    outcome, requests = server.asked("out", "--data_dir", data, "--task", "demo_arithmetic", "demo_words")
    assert len(requests) == 6 and min(int(key.split()[0]) for key in by_problem(requests)) >= 100
    assert "2 experiments: 1 finished, 1 to do" in outcome.out


@pytest.mark.parametrize("change", ["--top_p 0.5", "--top_k 3", "--min_p 0.1", "--stop X", "--presence_penalty 1",
                                    "--repetition_penalty 1.1", "--use_chat_template", "--dtype float16",
                                    "--max_model_length 999", "--engine_args=--rope-scaling {}"])  # fmt: skip
def test_a_setting_that_changes_results_changes_the_folder(server: Calls, change: str) -> None:
    parts = [change] if change.startswith("--engine_args") else change.split()
    outcome = server.call("out", "--dry_run", "--base_url", server.base_url, *parts)
    plain = server.call("out", "--dry_run", "--base_url", server.base_url)
    assert outcome.code == plain.code == 0
    names = [plan_names(server, *more) for more in ((), parts)]
    assert len(names[0]) == len(names[1]) == 1 and names[0] != names[1]


def plan_names(server: Calls, *more: str) -> list[str]:
    sweep = plan(parse(server.arguments(server.folder / "out", "--base_url", server.base_url, *more)))
    return [one.name for one in sweep.experiments]


@pytest.mark.parametrize(
    "change",
    ["--max_num_seqs 2", "--max_num_batched_tokens 5000", "--stall_seconds 9", "--max_samples 2",
     "--engine_args=--block-size 8"],
)  # fmt: skip
def test_a_setting_that_does_not_change_results_keeps_the_folder(server: Calls, change: str) -> None:
    parts = [change] if change.startswith("--engine_args") else change.split()
    assert plan_names(server, *parts) == plan_names(server)


def test_changed_data_are_another_configuration(server: Calls) -> None:
    data = server.folder / "changing"
    assert asked(server, "--data_dir", str(make_data(data, 3)))[1] == 3
    assert asked(server, "--data_dir", str(make_data(data, 4)))[1] == 4
    assert len(experiments(server.folder / "out")) == 2


def test_an_unfinished_experiment_requests_only_what_is_not_journaled(server: Calls) -> None:
    asked(server)
    folder = next((server.folder / "out").glob("*/*_seed0"))
    lines = [json.dumps({**one.__dict__, "token_ids": list(one.token_ids)}) for one in Journal(folder).read()]
    (folder / "completions.jsonl.zst").unlink()
    (folder / "experiment.json").unlink()
    (folder / "completions.jsonl").write_text("\n".join(lines[:4]) + "\n" + lines[4][:80])  # as after a kill
    outcome, requests = asked(server)
    assert (outcome.code, requests) == (0, 2)
    assert f"{folder.name}: dropped 1 incomplete line of the journal" in outcome.out
    assert only(server)["num_samples"] == 6 and only(server)["totals"]["torn_journal_lines"] == 1


def test_regrade_requests_nothing_and_keeps_the_old_results_with_their_date(server: Calls) -> None:
    asked(server)
    before = only(server)
    folder = server.folder / "out" / "bytes" / before["experiment"]
    outcome, requests = asked(server, "--regrade")
    assert (outcome.code, requests) == (0, 0)
    assert outcome.out.startswith("1 experiment: 1 to grade again\n")
    after = only(server)
    (kept,) = after["history"]
    assert {key: before[key] for key in kept} == kept and kept["graded_at"]
    assert after["results_file"] != before["results_file"]
    for one in (before, after):
        assert (folder / one["results_file"]).is_file() and (folder / one["details_file"]).is_file()
    assert scores(folder, before) == scores(folder, after) and len(scores(folder, after)) == 6


def scores(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    rows = pq.read_table(folder / manifest["details_file"]).to_pylist()
    return {row["doc"]["specific"]["problem"]: row["metric"] for row in rows}


def test_regrade_of_an_unfinished_experiment_does_nothing(server: Calls) -> None:
    outcome, requests = asked(server, "--regrade")
    assert (outcome.code, requests) == (0, 0)
    assert outcome.out == "1 experiment: 0 to grade again\n"


def test_regrade_of_a_selection_of_problems_keeps_it_finished(server: Calls) -> None:
    asked(server, "--max_samples", "3")
    outcome, requests = asked(server, "--regrade")
    assert (outcome.code, requests) == (0, 0) and only(server)["num_samples"] == 3
    assert only(server)["status"] == "finished" and only(server)["failed_problems"] == []
    assert asked(server, "--max_samples", "3")[0].out == "1 experiment: 1 finished, 0 to do\n"
    assert asked(server)[1] == 3 and only(server)["num_samples"] == 6


def test_regrade_of_an_incomplete_experiment_keeps_it_incomplete(server: Calls) -> None:
    refuse = {"status": 400, "on": "What is 3 ", "text": "no threes"}
    assert asked(server, refuse=refuse)[0].code == 1
    before = only(server)
    asked(server, "--regrade")
    after = only(server)
    assert before["status"] == after["status"] == "incomplete"
    assert len(before["failed_problems"]) == 1 and after["failed_problems"] == before["failed_problems"]
    assert asked(server)[1] == 1 and only(server)["status"] == "finished"


def test_rescore_at_scores_the_same_answers_as_if_they_had_been_truncated(server: Calls) -> None:
    asked(server, tokens=100)
    whole = only(server)
    folder = server.folder / "out" / "bytes"
    cut_at = sorted(one.output_tokens for one in Journal(folder / whole["experiment"]).read())[2]
    outcome, requests = asked(server, "--rescore_at", str(cut_at))
    assert (outcome.code, requests) == (0, 0), outcome
    found = experiments(server.folder / "out")
    (name,) = found.keys() - {whole["experiment"]}
    assert found[whole["experiment"]] == whole
    assert found[name]["configuration"] == whole["configuration"] | {"max_new_tokens": cut_at}
    long = {one.problem: one for one in Journal(folder / whole["experiment"]).read()}
    verdicts, before = scores(folder / name, found[name]), scores(folder / whole["experiment"], whole)
    for one in Journal(folder / name).read():
        full = long[one.problem]
        assert one.token_ids == full.token_ids[:cut_at] and full.text.startswith(one.text)
        assert (one.finish_reason == "length") == (full.output_tokens > cut_at)
        expected = 0.0 if full.output_tokens > cut_at else before[one.problem]["verified_match"]
        assert verdicts[one.problem]["verified_match"] == expected
    assert found[name]["totals"]["truncated"] == sum(one.output_tokens > cut_at for one in long.values()) > 0


def test_rescore_at_needs_a_finished_experiment_that_was_longer(server: Calls) -> None:
    outcome, _ = asked(server, "--rescore_at", "50")
    pattern = r"main.py: --rescore_at: demo_arithmetic_\S+ is not finished; run it without --rescore_at first\n"
    assert outcome.code == 2 and re.fullmatch(pattern, outcome.err)
    asked(server)
    outcome, _ = asked(server, "--rescore_at", "500")
    pattern = r"main.py: --rescore_at 500: demo_arithmetic_\S+ was generated with fewer tokens; give a smaller number\n"
    assert outcome.code == 2 and re.fullmatch(pattern, outcome.err)


def test_rescore_at_needs_token_ids_and_writes_nothing_without_them(server: Calls) -> None:
    assert asked(server, strict=True)[0].code == 0
    folder = server.folder / "out" / "bytes" / only(server)["experiment"]
    longest = max(one.output_tokens for one in Journal(folder).read())
    outcome, _ = asked(server, "--rescore_at", str(longest - 1))  # most of them would not be truncated
    pattern = r"main.py: --rescore_at: problem [0-9a-f]{16} was stored without token ids; choose another experiment\n"
    assert outcome.code == 2 and re.fullmatch(pattern, outcome.err)
    assert len(list((server.folder / "out" / "bytes").glob("*_seed0"))) == 1


def test_rescore_at_writes_nothing_into_a_folder_that_another_run_has_locked(server: Calls) -> None:
    asked(server, tokens=100)
    sweep = derive(plan(parse(server.arguments(server.folder / "out", "--base_url", server.base_url))), 50)
    folder, locks = sweep.folder_of(sweep.experiments[0]), Locks(server.folder / "held")
    folder.mkdir()
    assert locks.acquire(folder) is None
    outcome, _ = asked(server, "--rescore_at", "50")
    assert outcome.code == 1 and "locked by" in outcome.out
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".lock")] == []
    locks.release(folder)
    assert asked(server, "--rescore_at", "50")[0].code == 0 and len(list(Journal(folder).read())) == 6


def test_rescore_at_needs_all_selected_problems(server: Calls) -> None:
    asked(server, "--max_samples", "3", tokens=100)
    assert asked(server, "--rescore_at", "50")[0].code == 2
    outcome, _ = asked(server, "--rescore_at", "50", "--max_samples", "2")
    assert outcome.code == 0 and sorted(one["num_samples"] for one in experiments(server.folder / "out").values()) == [
        2,
        3,
    ]


def test_overwrite_moves_the_old_folder_aside_and_requests_everything_again(server: Calls) -> None:
    asked(server)
    before = only(server)
    outcome, requests = asked(server, "--overwrite")
    assert (outcome.code, requests) == (0, 6)
    model = server.folder / "out" / "bytes"
    (aside,) = model.glob("*.replaced-*")
    assert aside.name.startswith(f"{before['experiment']}.replaced-")
    assert json.loads((aside / "experiment.json").read_text()) == before
    assert (aside / before["details_file"]).is_file() and len(list(Journal(aside).read())) == 6
    fresh = json.loads((model / before["experiment"] / "experiment.json").read_text())
    assert fresh["history"] == [] and fresh["fingerprint"] == before["fingerprint"]


def test_answers_do_not_depend_on_how_the_sweep_is_divided_into_calls(server: Calls) -> None:
    server.asked("whole", "--seed", "0-1")
    for more in (("--max_samples", "3"), ("--seed", "1", "--max_samples", "5"), ("--seed", "1", "0")):
        server.asked("parts", *more)
    answers = [
        {
            (path.name, one.problem): (one.text, one.request_seed)
            for path in (server.folder / output).glob("*/*_seed*")
            for one in Journal(path).read()
        }
        for output in ("whole", "parts")
    ]
    assert answers[0] == answers[1] and len(answers[0]) == 12


def test_a_run_started_with_one_server_continues_with_another(server: Calls, tmp_path: Path) -> None:
    asked(server, "--max_samples", "3")
    other = Calls(tmp_path / "other")
    with served(other, "elsewhere"):
        outcome, requests = server.call("out", "--base_url", other.base_url), other.fake.bodies
    assert outcome.code == 0 and len(requests) == 3 and isinstance(other.fake, Fake)
    assert sorted(only(server)["mixed_circumstances"]["base_url"]) == sorted([server.base_url, other.base_url])
