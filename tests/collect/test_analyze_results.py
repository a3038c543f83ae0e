"""The script: its flags, its screen and its exit codes."""

import csv
import io
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import analyze_results
from analyze_results import main
from evalsuite.collect.outcome import Progress
from tests.support import tree_maker as make


def run(capsys, *arguments):
    """Exit code and the lines of stdout and stderr."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def test_a_clean_tree_ends_with_exit_0_and_the_paths_written(tmp_path, capsys):
    make.own(tmp_path, model="org/tiny", seed=0)
    make.own(tmp_path, model="org/tiny", seed=1, task="gpqa:diamond")
    code, out, err = run(capsys, tmp_path)
    assert (code, err) == (0, [])
    assert out == [
        "model     experiments  tasks  seeds  skipped  unfinished  warnings",
        "org/tiny            2      2      2        0           0         0",
        f"wrote {tmp_path}/org_tiny/all_experiments_results.json",
    ]
    assert run(capsys, tmp_path)[1][-1] == f"unchanged {tmp_path}/org_tiny/all_experiments_results.json"


def test_bad_files_end_with_exit_1_and_are_reported(tmp_path, capsys):
    make.own(tmp_path)
    (make.own(tmp_path, seed=1, folder="b\x1b[31m\nad") / "experiment.json").write_text("")
    code, out, _ = run(capsys, tmp_path)
    assert code == 1 and r"skipped: tiny/b\x1b[31m\nad/experiment.json: empty file" in out


def test_the_flags_of_earlier_callers_select_models_by_folder(tmp_path, capsys):
    make.own(tmp_path, model="org/tiny")
    make.own(tmp_path, model="other")
    code, out, _ = run(capsys, "--base_dir", tmp_path, "--model_name_pattern", "org_*", "--tokenizer_name", "org/tiny")
    assert code == 0 and not (tmp_path / "other/all_experiments_results.json").exists()
    assert [line for line in out if "wrote" in line] == [f"wrote {tmp_path}/org_tiny/all_experiments_results.json"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["{tree}/none"], "{tree}/none: no such folder; give the OUTPUT_DIR of main.py or a lighteval output folder"),
        (["{tree}", "--model_name_pattern", "zz*"], "{tree}: no experiment found in a folder matching 'zz*'"),
        (["{tree}", "--tokenizer_name", "/no/folder"], "--tokenizer_name: no folder /no/folder; give"),
    ],
)  # fmt: skip
def test_mistakes_end_with_exit_2_and_one_line(tmp_path, capsys, arguments, line):
    make.own(tmp_path)
    code, out, (error,) = run(capsys, *(argument.format(tree=tmp_path) for argument in arguments))
    assert (code, out) == (2, []) and error.startswith("analyze_results.py: " + line.format(tree=tmp_path))


@pytest.mark.parametrize("arguments", [[], ["a", "--base_dir", "b"], ["a", "--jobs", "-1"], ["a", "--mistyped"]])
def test_mistyped_arguments_end_with_exit_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "usage: analyze_results.py" in capsys.readouterr().err


def test_the_table_fits_eighty_columns_whatever_the_names(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    make.own(tmp_path, model="m" * 120)
    make.own(tmp_path, model="模型" * 30)
    _, out, _ = run(capsys, tmp_path)
    assert len(out[0]) <= 80 and len(out[1]) <= 80 and out[1].startswith("…mmm") and "模" in out[2]


def test_only_the_first_of_many_warnings_are_shown(tmp_path, capsys):
    for seed in range(6):
        make.own(tmp_path, seed=seed, problems=["other"] * 6)
    _, out, _ = run(capsys, tmp_path)
    assert (
        sum(line.startswith("warning: ") for line in out) == 3
        and "  and 3 more, listed in all_experiments_results.json" in out
    )


def test_progress_is_plain_lines_without_a_terminal(monkeypatch):
    times = iter([0.0, 0.0, 1.0, 12.0, 13.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    stream = io.StringIO()
    progress = Progress(stream)
    for done in (1, 50, 51):
        progress(done, 100, 2)
    assert stream.getvalue() == "read 50 of 100 experiments, 2 skipped, 12 s left\n"


def test_completions_on_which_the_graders_disagree_are_listed(tmp_path, capsys):
    rows = make.own_rows(4)
    rows[1]["metric"]["extractive_match"] = 1.0
    rows[1]["doc"]["specific"]["extracted_answer"] = "=7"
    rows[1]["model_response"]["text"] = ["x" * 500 + " so it is 7"]
    make.own(tmp_path, rows=rows)
    make.own(tmp_path, seed=1)
    path = tmp_path / "tiny/disagreements.csv"
    assert run(capsys, tmp_path)[1][-1] == f"{path}: graders disagree on 1 completion"
    (row,) = csv.DictReader(path.open(newline=""))
    assert (row["task"], row["seed"], row["problem"], row["gold"]) == ("aime24", "0", f"{1:016x}", "4")
    assert (row["verified_match"], row["extractive_match"], row["verified_extracted"]) == ("0", "1", "'=7")
    assert (row["verified_reason"], row["lighteval_extracted"], row["finish_reason"]) == ("equal", "7 | 7", "stop")
    assert len(row["response_end"]) == 400 and row["response_end"].endswith("so it is 7")


def test_a_disagreements_file_that_cannot_be_written_is_an_error_and_the_rest_is_written(tmp_path, capsys):
    make.own(tmp_path)
    (tmp_path / "tiny/disagreements.csv").mkdir()
    code, out, _ = run(capsys, tmp_path)
    assert (
        code == 1
        and out[-1].startswith("error: cannot write")
        and len(make.load(tmp_path / "tiny")["experiments"]) == 1
    )


def test_help_imports_neither_pyarrow_nor_numpy():
    code = "import sys, analyze_results\ntry: analyze_results.main(['--help'])\nexcept SystemExit: pass\n" \
           "assert 'pyarrow' not in sys.modules and 'numpy' not in sys.modules"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=analyze_results.__file__.rpartition("/")[0]
    )
    assert done.returncode == 0 and "--model_name_pattern" in done.stdout


def test_every_key_and_flag_is_documented(tmp_path, capsys):
    docs = (Path(analyze_results.__file__).parent / "docs/results.md").read_text(encoding="utf-8")
    make.own(tmp_path)
    run(capsys, tmp_path)
    written = make.load(tmp_path / "tiny")
    (experiment,) = written["experiments"].values()
    keys = [*written, *experiment, *(f"results.{key}" for key in experiment["results"])]
    keys += [f"samples.{key}" for key in experiment["samples"]]
    with pytest.raises(SystemExit):
        main(["--help"])
    keys += re.findall(r"--\w+", capsys.readouterr().out)
    assert [key for key in keys if f"`{key}" not in docs and key not in ("results", "samples", "--help")] == []
