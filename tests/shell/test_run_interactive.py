"""run_interactive.sh with a stub that records what it would start (tests/support/stubs/python)."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from evalsuite.plan import arguments
from tests.conftest import ROOT
from tests.support.stub_suite import SCRIPT, STUB, Suite, shell, values
from tests.support.sweeps import until


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def test_help_is_the_header_comment(suite):
    done = suite.run("--help")
    header = [line[2:] for line in SCRIPT.read_text().split("\n\n")[0].splitlines()[1:]]
    assert done.stdout.rstrip("\n").splitlines() == header


def test_everything_is_one_call_by_default(suite):
    done = suite.run(TASKS="aime24 gpqa:diamond", SEEDS="0-2", TEMPERATURES="0.6 1", MAX_NEW_TOKENS="10 20")
    assert done.returncode == 0, done.stderr
    (call,) = suite.calls()
    assert values(call, "--task") == ["aime24", "gpqa:diamond"]
    assert values(call, "--seed") == ["0", "1", "2"]
    assert values(call, "--temperature") == ["0.6", "1"]
    assert values(call, "--max_new_tokens") == ["10", "20"]


def test_main_py_understands_every_flag_that_variables_can_set(suite):
    everything = {
        "DATA_DIR": "d", "BASE_URL": "http://h", "DEVICE": "cpu", "ENGINE_PYTHON": "/p", "MAX_NUM_BATCHED_TOKENS": "9",
        "TASK_SEEDS": "aime24=0-3,7", "TASKS": "aime24 amc23", "ENGINE_ARGS": "--block-size 16",
        "EXTRA_ARGS": "--top_k 5",
    }  # fmt: skip
    assert suite.run(**everything).returncode == 0
    parsed = arguments.parser().parse_args(suite.calls()[0])
    assert (parsed.data_dir, parsed.base_url, parsed.device, parsed.engine_python) == ("d", "http://h", "cpu", "/p")
    assert (parsed.engine_args, parsed.top_k, parsed.task_seeds) == ("--block-size 16", 5, ["aime24=0-3,7"])
    assert (parsed.max_num_batched_tokens, parsed.use_chat_template, parsed.dtype) == (9, True, "bfloat16")


def test_dtypes_and_lengths_are_one_call_each(suite):
    suite.run(DTYPES="bfloat16 float32", MAX_MODEL_LENGTHS="512 1024")
    pairs = [(*values(call, "--dtype"), *values(call, "--max_model_length")) for call in suite.calls()]
    assert pairs == [("bfloat16", "512"), ("bfloat16", "1024"), ("float32", "512"), ("float32", "1024")]


def test_runs_of_one_seed_and_task_go_seed_by_seed(suite):
    suite.run(SEEDS_PER_RUN="1", TASKS_PER_RUN="1", SEEDS="3 4", TASKS="a b")
    assert [values(c, "--seed") + values(c, "--task") for c in suite.calls()] == [
        ["3", "a"], ["3", "b"], ["4", "a"], ["4", "b"],
    ]  # fmt: skip


def test_a_task_with_its_own_seeds_gets_all_of_them_over_several_runs(suite):
    suite.run(SEEDS_PER_RUN="2", SEEDS="0 1 2", TASKS="aime24 custom|math_500|0|0", TASK_SEEDS="aime24=0-4")
    asked = [(values(c, "--task"), values(c, "--seed"), values(c, "--task_seeds")) for c in suite.calls()]
    both = ["aime24", "custom|math_500|0|0"]
    assert asked == [(both, ["0", "1"], ["aime24=0-1"]), (both, ["2"], ["aime24=2-3"]), (["aime24"], [], ["aime24=4"])]


def test_task_seeds_apply_to_a_task_in_the_old_notation(suite):
    suite.run(TASKS="custom|aime24|0|0", TASK_SEEDS="aime24=5")
    assert values(suite.calls()[0], "--task_seeds") == ["aime24=5"]


def test_model_args_override_the_lists(suite):
    conf = suite.conf(
        """declare -A MODEL_ARGS=([small]="--temperature 0.1 --dtype=float16 --stop '' \\
            --system_prompt 'a  \\"b\\" \\$HOME'")
        DTYPES=(bfloat16 float32)"""
    )
    done = suite.run(conf)
    assert done.returncode == 0, done.stderr
    (call,) = suite.calls()
    assert values(call, "--temperature") == ["0.1"] and call.count("--temperature") == 1
    assert "--dtype=float16" in call and "--dtype" not in call
    assert values(call, "--system_prompt") == ['a  "b" $HOME'] and values(call, "--stop") == [""]


def test_model_args_apply_to_their_model_only(suite):
    suite.run(MODELS="a/b c=./d", MODEL_ARGS="a/b=--top_p 1; c=--no-use_chat_template --top_k 3")
    first, second = suite.calls()
    assert values(first, "--top_p") == ["1"] and "--use_chat_template" in first and "--top_k" not in first
    assert values(second, "--top_p") == ["0.9"] and not {"--use_chat_template", "--no-use_chat_template"} & set(second)


@pytest.mark.parametrize(
    "text",
    [
        "MODEL_ARGS=([small]='--top_k 7')",
        "declare -A MODEL_ARGS=([small]='--top_k 7')",
        "MODEL_ARGS='small=--top_k 7; x=--top_k 8'",
        "MODEL_ARGS[small]='--top_k 7'",
    ],
)
def test_a_table_in_a_file_needs_no_declare(suite, text):
    done = suite.run(suite.conf(f"{text}\nTASK_SEEDS=([demo_words]=5)\n"))
    assert done.returncode == 0, done.stderr
    assert values(suite.calls()[0], "--top_k") == ["7"]
    assert values(suite.calls()[0], "--task_seeds") == ["demo_words=5"]


def test_environment_overrides_the_file_and_the_file_overrides_the_block(suite):
    conf = suite.conf('SEEDS="5 6"\nTOP_PS=(0.5)\nTASKS=(x y z)\n')
    done = suite.run(conf, TOP_PS="0.7")
    (call,) = suite.calls()
    assert (values(call, "--seed"), values(call, "--top_p"), values(call, "--task")) == (
        ["5", "6"],
        ["0.7"],
        ["x", "y", "z"],
    )
    assert values(call, "--temperature") == ["0.8"]
    assert done.stdout.splitlines()[0].startswith("From the environment: LOCAL_DIR=")
    assert "TOP_PS='0.7'" in done.stdout.splitlines()[0] and "SEEDS=" not in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[1] == f"Variables from: {conf}"


def test_the_block_copied_to_a_file_is_a_valid_file(suite):
    text = SCRIPT.read_text()
    block = text[text.index("LOCAL_DIR=") : text.index("# ---- End")]
    done = suite.run(suite.conf(block), "--dry-run")
    assert done.returncode == 0 and not done.stderr


def test_items_with_spaces_are_given_one_per_line(suite):
    suite.run(MODELS="one=./a b\ntwo=./c")
    assert [values(call, "--model") for call in suite.calls()] == [["one=./a b"], ["two=./c"]]


def test_dry_run_prints_commands_that_can_be_pasted_and_their_cost(suite):
    done = suite.run("--dry-run", MODELS="q=./it's a model\nr=./r", DTYPES="auto")
    assert done.returncode == 0
    assert suite.calls() and all("--dry_run" in call for call in suite.calls())
    assert "2 calls, 192 completions, at most 49,152 tokens, about 0.50 GB on disk" in done.stdout
    line = next(line for line in done.stdout.splitlines() if "main.py" in line)
    words = subprocess.run(["bash", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True).stdout.splitlines()
    assert words[:4] == [str(STUB), str(ROOT / "main.py"), "--model", "q=./it's a model"]
    assert not (suite.folder / "output").exists()


def test_dry_run_exits_with_2_if_main_py_finds_a_mistake(suite):
    suite.rules(**{"--task nope": {"exit": 2, "say": "main.py: unknown task nope"}})
    done = suite.run("--dry-run", TASKS="nope")
    assert done.returncode == 2 and "unknown task nope" in done.stderr


def test_a_failing_model_does_not_stop_the_next_and_is_listed_at_the_end(suite):
    suite.rules(**{"--model bad=": {"exit": 1, "say": "engine died"}})
    done = suite.run(MODELS="bad=./bad good=./good")
    assert done.returncode == 1
    assert [values(call, "--model") for call in suite.calls()] == [["bad=./bad"], ["good=./good"]]
    assert suite.calls("analyze_summary.py") == [["output"]]
    last = done.stderr.splitlines()[-1]
    assert "bad: demo_arithmetic demo_words (exit code 1)" in last
    assert "continuing with the remaining calls" in done.stderr
    assert "engine died" in (suite.folder / last.split("see ")[1]).read_text()


def test_only_mistakes_exit_with_2_without_an_analysis(suite):
    suite.rules(**{"main.py": {"exit": 2}})
    done = suite.run(MODELS="a=./a b=./b")
    assert done.returncode == 2 and not suite.calls("analyze_results.py")


def test_analysis_and_conversion_follow_in_order_and_their_failure_counts(suite):
    suite.rules(**{"convert_parquet": {"exit": 1}})
    done = suite.run()
    order = [json.loads(line)[0] for line in (suite.folder / "calls.jsonl").read_text().splitlines()]
    assert order[:4] == ["main.py", "analyze_results.py", "analyze_summary.py", "convert_parquet_to_csv.py"]
    assert done.returncode == 1 and "convert_parquet_to_csv.py (exit code 1)" in done.stderr


def test_a_log_starts_with_the_machine_and_ends_with_the_output(suite):
    suite.rules(**{"main.py": {"say": "hello from main"}})
    done = suite.run(MODELS="org/name=./x")
    (log,) = (suite.folder / "output" / "logs").glob("*_01_org_name.log")
    keys = [line.split()[0] for line in log.read_text().splitlines()[:7]]
    assert keys == ["date", "host", "GPUs", "driver", "python", "suite", "command"]
    assert log.read_text().endswith("hello from main\n") and "hello from main" in done.stdout


def test_a_run_ends_with_the_summary_and_where_the_report_is(suite):
    (suite.folder / "output").mkdir()
    (suite.folder / "output" / "report.html").touch()
    said = "\n".join(f"wrote output/file{number}" for number in range(30))
    table = "model  mean\nsmall  43.1\nwrote output/tables/"
    suite.rules(**{"analyze_summary": {"say": table}, "convert_parquet": {"say": said}, "report": {"say": said}})
    done = suite.run()
    end = done.stdout.rstrip("\n").splitlines()[-4:]
    assert end == ["model  mean", "small  43.1", "", done.stdout.splitlines()[-1]]
    assert end[-1].startswith("Report: output/report.html ") and "wrote " not in done.stdout + done.stderr
    (log,) = suite.folder.glob("output/logs/*_analysis.log")
    assert "wrote output/file29" in log.read_text() and "small  43.1" in log.read_text()


def test_what_an_analysis_could_not_read_is_on_the_screen(suite):
    suite.rules(**{"analyze_results": {"exit": 1, "say": "model  tasks\nskipped: a/b.json: not JSON\nwrote c"}})
    done = suite.run()
    assert done.returncode == 1 and "run_interactive: skipped: a/b.json: not JSON\n" in done.stderr
    assert "analyze_results.py (exit code 1), see output/logs/" in done.stderr and "wrote c" not in done.stderr


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")])
@pytest.mark.parametrize("whole_group", [True, False])
def test_a_signal_ends_the_script_after_main_py_has_stopped(suite, number, word, whole_group):
    suite.rules(**{"--model a=": {"until": "never"}})
    process = suite.start(MODELS="a=./a b=./b")
    wait_for_call(suite)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130
    assert f"stopped by {word}" in out and "run the same command again to continue" in err
    assert "stopping after the current requests; press Ctrl-C again to stop immediately" in err
    assert len(suite.calls()) == 1 and not suite.calls("analyze_results.py")


def test_a_killed_main_py_is_a_failure_and_the_next_call_runs(suite):
    suite.rules(**{"--model a=": {"until": "never"}})
    process = suite.start(MODELS="a=./a b=./b")
    wait_for_call(suite)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    stub = [pid for pid in children if b"main.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(stub[0]), signal.SIGKILL)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1 and "exit code 137" in err and len(suite.calls()) == 2


def wait_for_call(suite: Suite) -> None:
    """Wait until the stub has installed its signal handlers."""
    logs = suite.folder / "output" / "logs"
    until(lambda: any("waiting" in log.read_text() for log in logs.glob("*.log")))


MISTAKES = {
    "no models": ({"MODELS": ""}, "MODELS is empty"),
    "no seeds": ({"SEEDS": " "}, "SEEDS is empty"),
    "bad seeds": ({"SEEDS": "0 x"}, "'x' is neither a number nor a range"),
    "seeds backwards": ({"SEEDS": "9-0"}, "'9-0' is not a valid range"),
    "seed above 31 bits": ({"SEEDS": "2147483648"}, "none above 2147483647"),
    "device": ({"DEVICE": "tpu"}, "DEVICE=tpu: must be one of: auto, cuda, cpu"),
    "per run": ({"SEEDS_PER_RUN": "0"}, "SEEDS_PER_RUN=0: must be all or a whole number from 1"),
    "one name twice": ({"MODELS": "a/b a_b"}, "'a/b' and 'a_b' have the same name"),
    "open quote": ({"MODEL_ARGS": "small=--stop 'x"}, "a quote is not closed"),
    "not name=value": ({"TASK_SEEDS": "aime24"}, "'aime24' is not name=value"),
    "task twice": ({"TASK_SEEDS": "aime24=0 aime24=1"}, "TASK_SEEDS: aime24 is given twice"),
    "no such folder": ({"LOCAL_DIR": "/nonexistent"}, "LOCAL_DIR must be a folder"),
    "no such python": ({"PYTHON": "/nonexistent"}, "SETUP=0, but"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_before_anything_starts(suite, name):
    env, message = MISTAKES[name]
    done = suite.run(**env)
    assert done.returncode == 2 and message in done.stderr.splitlines()[-1]
    assert not suite.calls()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TEMPERATURE=0.6\n", "TEMPERATURE is not a variable of run_interactive.sh; did you mean TEMPERATURES?"),
        ("TASKS=(a)\nSEEDS=(0 1\n", 'fix this line; valid ones: SEEDS="0-9" '),
        ("false\n", "a command in this file failed; fix or remove it"),
        ("TASKS=(a)\nSEEDS=$UNKNOWN\n", "line 2: UNKNOWN: unbound variable; fix this line; valid ones: "),
        ("no_such_command\n", "line 1: no_such_command: command not found; fix this line; "),
    ],
)
def test_a_broken_file_of_variables_is_one_line_with_advice(suite, text, message):
    done = suite.run(suite.conf(text))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "my conf.sh" in done.stderr and message in done.stderr and not suite.calls()


def test_what_a_file_prints_is_shown(suite):
    done = suite.run(suite.conf("echo 'a warning' >&2\n"))
    assert done.returncode == 0 and "a warning\n" in done.stderr


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SEED", "SEEDS"),
        ("TASK", "TASKS"),
        ("TEMPERATURE", "TEMPERATURES"),
        ("TEMPRATURE", "TEMPERATURES"),
        ("MAX_NEW_TOKEN", "MAX_NEW_TOKENS"),
        ("SEDES", "SEEDS"),
        ("OUTPUT_DIRS", "OUTPUT_DIR"),
        ("BASE_URI", "BASE_URL"),
    ],
)
def test_a_misspelt_variable_in_the_environment_is_refused_in_one_line(suite, name, meant):
    done = suite.run(**{name: "x"})
    assert done.returncode == 2 and not suite.calls()
    message = f"{name} is set in the environment, but the variable is called {meant}; rename it, or unset {name}"
    assert done.stderr == f"run_interactive: {message}\n"


def test_other_names_in_the_environment_are_left_alone(suite):
    others = {name: "x" for name in ("PYTHON3", "CPUS", "NODE_OPTIONS", "seed", "HF_HOME", "EDITOR", "TASKSET")}
    assert suite.run(**others).returncode == 0
    assert suite.run(SEED="1", SEEDS="0-2").returncode == 0, "the right name is set too"
    assert suite.run(SLURM_GPUS="1", SLURM_JOB_ID="7").returncode == 0, "Slurm sets such names inside a job"


def test_a_file_may_define_helpers_and_export_names_for_other_programs(suite):
    del suite.env["MODELS"]
    done = suite.run(suite.conf('base=/data\nexport HF_HOME=$base/hf\nMODELS=("m=$base/m")\n'))
    assert done.returncode == 0 and values(suite.calls()[0], "--model") == ["m=/data/m"]


def test_names_are_never_run_as_code(suite):
    name = "x[$(touch${IFS}pwned)]'\""
    done = suite.run(MODELS=f"{name}=./x", MODEL_ARGS=f"{name}=--top_p 1", TASK_SEEDS="$(touch${IFS}pwned)=1")
    assert done.returncode == 0, done.stderr
    assert values(suite.calls()[0], "--top_p") == ["1"] and not (suite.folder / "pwned").exists()


def test_entries_without_effect_are_reported(suite):
    err = suite.run(TASK_SEEDS="aime99=0", MODEL_ARGS="other=--top_p 1").stderr
    assert "TASK_SEEDS has an entry for aime99" in err and "MODEL_ARGS has an entry for other" in err


def test_unknown_options_and_two_files_are_refused(suite):
    assert suite.run("--dryrun").returncode == 2
    conf = suite.conf("SEEDS=(1)")
    assert "two files" in suite.run(conf, conf).stderr


def test_passwords_in_a_url_are_hidden_everywhere(suite):
    done = suite.run(BASE_URL="http://me:secret@host:8000/v1")
    assert values(suite.calls()[0], "--base_url") == ["http://me:secret@host:8000/v1"]
    logs = "".join(log.read_text() for log in (suite.folder / "output" / "logs").iterdir())
    assert "secret" not in done.stdout + done.stderr + logs and "http://***@host:8000/v1" in logs


def test_an_output_folder_that_cannot_be_created_is_one_line(suite):
    (suite.folder / "output").write_text("a file")
    done = suite.run()
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "choose another OUTPUT_DIR" in done.stderr


def test_expanded_seeds_compact_to_the_same(suite):
    done = shell('expand_seeds 0-2 7 "9,8,8"; compact_seeds "${EXPANDED[@]}"; expand_seeds 05; echo "${EXPANDED[@]}"')
    assert done.stdout.splitlines() == ["0-2,7,9,8", "5"]


def test_sourcing_the_script_starts_nothing():
    done = shell("echo sourced")
    assert (done.stdout, done.stderr, done.returncode) == ("sourced\n", "", 0)


def test_an_old_bash_is_refused_in_one_line(tmp_path):
    guard = re.search(r"if \(\(BASH_VERSINFO.*?\nfi\n", SCRIPT.read_text(), re.DOTALL)[0]
    old = guard.replace("BASH_VERSINFO[0]", "3").replace("BASH_VERSINFO[1]", "2")
    done = subprocess.run(["bash", "-c", old], capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "4.4" in done.stderr


def test_no_check_of_shellcheck_is_disabled():
    """tests/run.sh runs it."""
    scripts = [SCRIPT, ROOT / ".ci" / "run", *ROOT.glob("evalsuite/shell/*.sh"), *ROOT.glob("tests/**/*.sh")]
    assert len(scripts) > 10 and not [script for script in scripts if "shellcheck disable" in script.read_text()]


def test_every_variable_is_described():
    page = (ROOT / "docs" / "variables.md").read_text()
    names = shell('printf "%s\\n" "${VARIABLES[@]}"').stdout.split()
    assert [name for name in names if f"`{name}`" not in page] == []
    block = SCRIPT.read_text().split("# ---- ")[1]
    assert set(re.findall(r"^(?:declare -A )?([A-Z_]+)=", block, re.MULTILINE)) == set(names)


def test_every_flag_of_main_py_is_described():
    page = (ROOT / "docs" / "variables.md").read_text()
    flags = [flag for action in arguments.parser()._actions for flag in action.option_strings if flag.startswith("--")]
    assert [flag for flag in flags if f"`{flag}`" not in page] == []
