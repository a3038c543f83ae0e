"""Each flag of main.py does what its help says: it reaches the engine's command line, the requests or the prompts."""

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from evalsuite.engine.command import server_command
from evalsuite.experiment import request_seed
from evalsuite.plan.arguments import parse, parser
from evalsuite.plan.plan import plan
from evalsuite.store.locks import Locks
from evalsuite.sweep.experiment_locks import ExperimentLocks
from evalsuite.sweep.run import Run
from evalsuite.tasks.problems import problem_hash
from tests.support.calls import Calls, Outcome, by_problem, text_of
from tests.support.sweeps import ROOT, TEMPLATE, experiments, make_data, sum_problem, until

pytestmark = pytest.mark.slow

SAMPLING = {
    "--top_k": "5", "--min_p": "0.1", "--repetition_penalty": "1.2", "--presence_penalty": "0.3",
}  # fmt: skip
TABLE = """from evalsuite.tasks.table import Task

TASKS = [Task("mine", kind="expr", template="MATH_QUERY_TEMPLATE", file="mine.jsonl")]
"""


def test_every_flag_is_used_in_a_test() -> None:
    rooms = ("engine", "pipeline", "plan", "progress", "store", "sweep")
    files = [path for room in rooms for path in (ROOT / "tests" / room).glob("test_*.py")]
    used = "".join(path.read_text() for path in [*files, ROOT / "tests" / "support" / "sweeps.py"])
    flags = {option for action in parser()._actions for option in action.option_strings if option.startswith("--")}
    assert {flag for flag in flags if not re.search(rf'"{flag}[" ]', used)} == set()


def test_every_line_of_the_help_fits_into_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = parser().format_help()
    assert max(map(len, shown.splitlines())) <= 100 and "None" not in shown and "[]" not in shown


def test_help_and_mistyped_flags_answer_without_heavy_imports() -> None:
    code = (
        "import sys\nfrom main import main\ntry: main(sys.argv[1:])\n"
        "except SystemExit as end: print(end.code, sorted({'torch', 'lighteval', 'vllm', 'aiohttp', 'pandas', 'numpy', "
        "'pyarrow', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    for flag, expected in (("--help", "0 []"), ("--sead", "2 []")):
        command = [sys.executable, "-c", code, flag]
        shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
        assert shown.splitlines()[-1] == expected


# Flags that reach the engine's command line, one at a time.


def command_of(calls: Calls, *more: str) -> list[str]:
    return server_command(plan(parse(calls.arguments(calls.folder / "none", *more))).engine)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--dtype float16", "--dtype float16"),
        ("--max_model_length 512", "--max-model-len 512"),
        ("--max_num_seqs 9", "--max-num-seqs 9"),
        ("--max_num_batched_tokens 8888", "--max-num-batched-tokens 8888"),
        ("--tensor_parallel_size 4", "--tensor-parallel-size 4"),
        ("--pipeline_parallel_size 2", "--pipeline-parallel-size 2"),
        ("--data_parallel_size 3", "--data-parallel-size 3"),
        ("--gpu_memory_utilization 0.5", "--gpu-memory-utilization 0.5"),
        ("--quantization fp8", "--quantization fp8"),
        ("--kv_cache_dtype fp8", "--kv-cache-dtype fp8"),
        ("--revision abc", "--revision abc"),
        ("--trust_remote_code", "--trust-remote-code"),
        ("--engine_args=--block-size 32", "--block-size 32"),
        ('--engine_args={"swap_space": 2}', "--swap-space 2"),
    ],
)
def test_an_engine_flag_reaches_the_engines_command_line(fake_engine: Calls, given: str, expected: str) -> None:
    parts = [given] if given.startswith("--engine_args") else given.split()
    elsewhere = ("--elsewhere", "--dry_run")  # as if on a machine with enough GPUs
    assert f" {expected}" in " ".join(command_of(fake_engine, *elsewhere, *parts))
    assert f" {expected}" not in " ".join(command_of(fake_engine, *elsewhere))


def test_device_selects_how_vllm_runs(fake_engine: Calls) -> None:
    assert "--enforce-eager" in command_of(fake_engine, "--device", "cpu")
    assert "--enforce-eager" not in command_of(fake_engine, "--elsewhere", "--dry_run")


# One run with the fake engine in which no flag has its default value.


@pytest.fixture(scope="module")
def no_defaults(fake_engine: Calls) -> tuple[Outcome, Calls]:
    system = fake_engine.folder / "system.txt"
    system.write_text("Be brief, {friend}.")
    outcome = fake_engine.call(
        "no_defaults", "--dtype", "bfloat16", "--max_model_length", "700", "--max_num_seqs", "3", "--batch_invariant",
        "--engine_args=--block-size 16", "--use_chat_template", "--system_prompt", f"@{system}",
        "--chat_template_kwargs", '{"enable_thinking": false}', "--temperature", "0.6", "1.1", "--top_p", "0.5",
        "--max_new_tokens", "90", "--stop", "gives the", "XX", *(part for pair in SAMPLING.items() for part in pair),
        "--task_seeds", "demo_arithmetic=3,5", "--max_samples", "2", "--log_dir", str(fake_engine.folder / "logs"),
        OPENAI_API_KEY="sk-not-for-the-engine",
    )  # fmt: skip
    return outcome, fake_engine


def test_the_run_succeeds_and_reports_each_experiment(no_defaults) -> None:
    outcome, _ = no_defaults
    assert outcome.code == 0, outcome
    assert "4 experiments: 0 finished, 4 to do" in outcome.out and outcome.out.count("graded demo_arithmetic_") == 4


def test_the_engine_gets_its_flags_and_not_the_models_own_sampling(no_defaults) -> None:
    start = no_defaults[1].fake.events("start")[0]
    shown = " ".join(start["argv"])
    for part in ("--dtype bfloat16", "--max-model-len 700", "--max-num-seqs 3", "--block-size 16"):
        assert part in shown
    assert "--generation-config vllm" in shown and f"--model {no_defaults[1].model}" in shown
    assert start["environment"]["VLLM_BATCH_INVARIANT"] == "1"
    assert "OPENAI_API_KEY" not in start["environment"]


def test_every_request_has_every_sampling_field(no_defaults) -> None:
    bodies = no_defaults[1].fake.bodies
    assert len(bodies) == 2 * 2 * 2  # problems, seeds, temperatures
    for body in bodies:
        assert body["top_p"] == 0.5 and body["max_tokens"] == 90 and body["stop"] == ["gives the", "XX"]
        assert all(body[flag[2:]] == float(value) for flag, value in SAMPLING.items())
        assert body["frequency_penalty"] == 0.0 and body["n"] == 1 and body["return_token_ids"] is True
    assert sorted(body["temperature"] for body in bodies) == [0.6] * 4 + [1.1] * 4


def test_request_seeds_follow_from_experiment_seed_task_and_problem(no_defaults) -> None:
    golds = {f"{n} + {n + 3}": problem_hash(sum_problem(n)["problem"], sum_problem(n)["answer"]) for n in range(6)}
    asked = by_problem(no_defaults[1].fake.events("request"))
    for sum_, bodies in asked.items():
        expected = {request_seed(seed, "demo_arithmetic", golds[sum_]) for seed in (3, 5)}
        assert {body["seed"] for body in bodies} == expected and max(expected) < 2**31


def test_the_chat_template_gets_the_system_prompt_and_its_arguments(no_defaults) -> None:
    assert "add_generation_prompt" in TEMPLATE
    for body in no_defaults[1].fake.bodies:
        text = text_of(body)
        assert text.startswith("[system]Be brief, {friend}.[user]Put your final answer inside \\boxed{}.\n\nWhat is ")
        assert text.endswith("?[thinking=False][assistant]")


def test_the_engines_log_is_in_log_dir(no_defaults) -> None:
    assert [path.name for path in (no_defaults[1].folder / "logs").glob("engine-*.log")]
    assert not (no_defaults[1].folder / "no_defaults" / "logs").exists()


def test_the_manifests_configuration_has_the_values_of_the_flags(no_defaults) -> None:
    for one in experiments(no_defaults[1].folder / "no_defaults").values():
        kept = one["configuration"]
        assert all(kept[flag[2:]] == float(value) for flag, value in SAMPLING.items())
        assert kept["system_prompt"] == "Be brief, {friend}." and kept["stop"] == ["gives the", "XX"]
        assert kept["chat_template_kwargs"] == {"enable_thinking": False} and kept["max_model_length"] == 700
        assert one["totals"]["truncated"] == count_truncated(no_defaults[1].folder / "no_defaults", one)
        assert one["num_samples"] == 2
        assert one["circumstances"]["max_num_seqs"] == 3 and one["circumstances"]["batch_invariant"] is True


def count_truncated(output: Path, manifest: dict[str, Any]) -> int:
    import pyarrow.parquet as pq

    folder = next(output.glob(f"*/{manifest['experiment']}"))
    rows = pq.read_table(folder / manifest["details_file"]).to_pylist()
    for row in rows:
        specific = row["doc"]["specific"]
        assert specific["output_token_count"] == len(row["model_response"]["output_tokens"][0])
        assert (specific["finish_reason"] == "length") == (specific["output_token_count"] == 90)
    return sum(row["doc"]["specific"]["finish_reason"] == "length" for row in rows)


# Flags for prompts, tasks and problems, with a server instead of our own engine.


def test_without_a_chat_template_the_prompt_is_just_the_query(fake_server: Calls) -> None:
    outcome, requests = fake_server.asked("plain", "--ids", "p1", "p4")
    assert outcome.code == 0, outcome
    assert sorted(text_of(one["body"]) for one in requests) == [
        f"Put your final answer inside \\boxed{{}}.\n\nWhat is {n} + {n + 3}?" for n in (1, 4)
    ]


def test_a_filter_selects_the_problems_that_are_asked(fake_server: Calls) -> None:
    _, requests = fake_server.asked("filter", "--filter", "answer > 8")
    assert sorted(by_problem(requests)) == ["3 + 6", "4 + 7", "5 + 8"]


def test_a_users_table_defines_tasks_and_their_data(fake_server: Calls) -> None:
    folder = make_data(fake_server.folder / "own", 2, ("mine",))
    (folder / "table.py").write_text(TABLE)
    outcome, requests = fake_server.asked("own out", "--task", "custom|mine|0",
                                          "--custom_tasks_directory", str(folder / "table.py"))  # fmt: skip
    assert outcome.code == 0, outcome
    assert all("Solve this mathematics problem." in text_of(one["body"]) for one in requests) and len(requests) == 2
    assert [one["task"] for one in experiments(fake_server.folder / "own out").values()] == ["mine"]


def test_few_shot_examples_come_before_the_problem(fake_server: Calls) -> None:
    outcome, requests = fake_server.asked("shots", "--task", "demo_arithmetic|2", "--max_samples", "1")
    assert outcome.code == 0, outcome
    assert text_of(requests[0]["body"]).count("What is ") == 3
    assert [one["task"] for one in experiments(fake_server.folder / "shots").values()] == ["demo_arithmetic|2"]


def test_the_models_own_sampling_settings_are_used_only_if_requested(fake_server: Calls) -> None:
    _, requests = fake_server.asked("recommended", "--sampling", "model", "--max_samples", "1")
    sent = {name: requests[0]["body"][name] for name in ("temperature", "top_p", "top_k", "min_p")}
    assert sent == {"temperature": 0.35, "top_p": 0.7, "top_k": 11, "min_p": 0.02}
    _, requests = fake_server.asked("given", "--max_samples", "1")
    sent = {name: requests[0]["body"][name] for name in sent}
    assert sent == {"temperature": 0.8, "top_p": 0.9, "top_k": -1, "min_p": 0.0}


def test_max_tokens_is_limited_by_what_the_prompt_leaves_of_the_models_length(fake_server: Calls) -> None:
    outcome, requests = fake_server.asked("room", "--max_model_length", "100", "--allow_broken")
    assert outcome.code == 0, outcome
    assert all(one["body"]["max_tokens"] == 100 - len(one["body"]["prompt"]) for one in requests)


def test_a_models_name_can_be_given_with_it(fake_server: Calls) -> None:
    outcome, _ = fake_server.asked("named", "--model", f"base={fake_server.model}", "--max_samples", "1")
    assert outcome.code == 0 and [path.name for path in (fake_server.folder / "named").glob("base")] == ["base"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--seed 0-2 7", "completions=24 max_tokens=9600 disk_gb=0.000 unfinished=4"),
        ("--max_samples 4", "completions=4 max_tokens=1600 disk_gb=0.000 unfinished=1"),
        ("--ids p1 p2", "completions=2 max_tokens=800 disk_gb=0.000 unfinished=1"),
        ("--temperature 0 1 1 --top_p 0.5 1 --max_new_tokens 10 20", "completions=48 max_tokens=720 disk_gb=0.000"),
        ("--task_seeds demo_arithmetic=4-6", "completions=18 max_tokens=7200 disk_gb=0.000 unfinished=3"),
    ],
)
def test_dry_run_prints_the_amount_of_work(fake_engine: Calls, given: str, expected: str) -> None:
    outcome = fake_engine.call("dry", *given.split(), "--dry_run")
    assert outcome.code == 0 and outcome.out.splitlines()[-1].startswith(f"dry run: {expected}")
    assert not (fake_engine.folder / "dry").exists()


def test_all_forms_of_a_task_name_mean_the_same_experiment(fake_engine: Calls) -> None:
    forms = ("demo_arithmetic", "demo_arithmetic|0", "custom|demo_arithmetic|0", "custom|demo_arithmetic|0|0")
    sweep = plan(parse(fake_engine.arguments(fake_engine.folder / "none", "--task", *forms)))
    assert [one.task for one in sweep.experiments] == ["demo_arithmetic"]


# Flags that control a run.


def test_grade_jobs_is_the_number_of_grading_processes(fake_engine: Calls) -> None:
    sweep = plan(parse(fake_engine.arguments(fake_engine.folder / "none", "--grade_jobs", "5")))
    made = Run(sweep, [], ExperimentLocks(sweep))
    assert made.workers.slots._value == 5
    made.syncer.stop()


def test_a_request_that_takes_longer_than_request_timeout_is_retried(fake_server: Calls) -> None:
    before = len(fake_server.fake.bodies)
    threading.Thread(
        target=lambda: until(lambda: len(fake_server.fake.bodies) > before + 2) and fake_server.fake.tell()
    ).start()
    outcome, requests = fake_server.asked("slow", "--request_timeout", "2", "--max_samples", "2", hang=True)
    assert outcome.code == 0, outcome
    assert len(requests) > 2 and len({one["body"]["seed"] for one in requests}) == 2


def test_engine_restarts_0_gives_up_when_the_engine_first_dies(fake_engine: Calls) -> None:
    before = len(fake_engine.fake.events("start"))
    fake_engine.fake.tell(kill_on="What is")
    outcome = fake_engine.call("deaths", "--engine_restarts", "0")
    fake_engine.fake.tell()
    said = "main.py: the engine died repeatedly without finishing an answer; exit code 1"
    assert outcome.code == 1 and said in outcome.err
    assert len(fake_engine.fake.events("start")) == before + 1


def test_wait_waits_for_an_experiment_that_another_run_has_locked(
    fake_server: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = plan(parse(fake_server.arguments(fake_server.folder / "held", "--max_samples", "1"))).experiments[0].name
    folder, locks = fake_server.folder / "held" / "bytes" / name, Locks(tmp_path / "held")
    folder.parent.mkdir(parents=True)
    assert locks.acquire(folder) is None
    refused, requests = fake_server.asked("held", "--max_samples", "1")
    assert refused.code == 1 and requests == [] and f"not done here: {name} (locked by " in refused.out
    wait = ExperimentLocks.wait
    monkeypatch.setattr(ExperimentLocks, "wait", lambda self: (locks.release(folder), wait(self))[1])
    waited, requests = fake_server.asked("held", "--max_samples", "1", "--wait")
    assert waited.code == 0 and len(requests) == 1, waited
