"""The printed summary at 80 columns and in a pipe, Markdown and LaTeX tables, published references, large studies."""

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.text import Text

from analyze_summary import main
from benchmarks import make_tree
from evalsuite.summary import screen
from evalsuite.summary.config_results import Options
from evalsuite.summary.summarise import summarise
from evalsuite.summary.verdicts import what_would_settle
from tests.support import study

ROOT = Path(__file__).resolve().parents[2]
LONG = "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B-with-a-very-long-name"
RNG = np.random.default_rng(3)


def scores(chance, seeds=3, problems=40):
    return (RNG.random((seeds, problems)) < chance).astype(int).tolist()


@pytest.fixture
def folder(tmp_path):
    """Two close models and a weak one on two tasks, one of them with a long name and many truncated answers."""
    cut = [True] * 10 + [False] * 30
    study.write(
        tmp_path, LONG, *study.seeds("aime24", *scores(0.6), truncated=cut), *study.seeds("math_500", *scores(0.8))
    )
    study.write(tmp_path, "close", *study.seeds("aime24", *scores(0.62)), *study.seeds("math_500", *scores(0.79)))
    study.write(tmp_path, "weak", *study.seeds("aime24", *scores(0.1)), *study.seeds("math_500", *scores(0.2)))
    return tmp_path


def run(folder, *arguments):
    return main([str(folder), "--bootstrap", "200", *arguments])


def first_pass(folder):
    subprocess.run([sys.executable, ROOT / "analyze_results.py", folder], check=True, capture_output=True)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_in_a_pipe_the_summary_is_plain_text_of_at_most_80_columns(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    run(folder)
    out = capsys.readouterr().out
    body = out[: out.index("\nwrote ")]
    assert "\x1b" not in out and max(map(len, body.splitlines())) <= 80


def test_on_a_terminal_it_has_colours_and_fits_the_width(folder, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for width, limit in ((60, 80), (95, 95), (300, 110)):
        monkeypatch.setenv("COLUMNS", str(width))
        stream = Terminal()
        screen.show(summarise(folder, None, Options(200)), stream)
        lines = [Text.from_ansi(line).cell_len for line in stream.getvalue().splitlines()]
        assert "\x1b[" in stream.getvalue() and max(lines) <= limit


def test_a_long_name_is_wrapped_and_never_shortened(folder, capsys):
    run(folder)
    out = capsys.readouterr().out
    table = out[: out.index("verified_match in percent")]
    assert "…" not in out and "".join(re.findall(r"^  ([a-zA-Z]\S*|\S+?) ", table, re.M)) != ""
    assert "with-a-very" in table.replace("\n", "") or "very-long" in table


def test_the_table_shows_the_mean_both_error_bars_and_warnings(folder, capsys):
    run(folder)
    out = capsys.readouterr().out
    row = study.rows(folder / "close/config_analysis.csv")[0]
    line = next(line for line in out.splitlines() if line.startswith("  close"))
    low, high = (100 * float(row[name]) for name in ("wilson_low", "wilson_high"))
    shown = (
        f"{100 * float(row['mean_accuracy']):.1f}",
        f"{100 * float(row['std_accuracy']):.1f}",
        f"[{low:.1f}, {high:.1f}]",
    )
    assert all(part in line for part in shown)
    assert "25% truncated" in out and "verified_match in percent" in " ".join(out.split())


def test_models_are_listed_by_name_not_by_score(tmp_path, capsys):
    for step, chance in ((1000, 0.3), (400, 0.6), (50, 0.5)):
        study.write(tmp_path, f"run@{step}", *study.seeds("aime24", *scores(chance)))
    run(tmp_path)
    assert re.findall(r"^  (run@\d+) ", capsys.readouterr().out, re.M) == ["run@50", "run@400", "run@1000"]


def test_the_best_and_those_tied_with_it_are_marked_and_explained(folder, capsys):
    run(folder)
    out = capsys.readouterr().out
    close, weak = (next(one for one in out.splitlines() if one.startswith(f"  {name}")) for name in ("close", "weak"))
    assert ("best" in close or "tied" in close) and "below" in weak
    assert "Tied: not significantly different from the best." in " ".join(out.split())


def test_significant_differences_come_first_and_others_say_what_would_settle_them(folder, capsys):
    run(folder)
    out = " ".join(capsys.readouterr().out.split())
    significant = out.index("Significant, also for new problems of this kind")
    others = out.index("Not significantly different")
    assert significant < out.index("aime24: close above weak by") < others
    assert re.search(
        r"aime24: close and .*?; detectable difference: \d+\.\d; (more seeds will not help|about \d+ seeds, or)",
        out[others:],
    )


def test_a_difference_lost_to_the_correction_says_so():
    row = {"seeds_to_settle": "7", "problems_to_settle": "21", "a_n_seeds": 10, "b_n_seeds": 10, "comparisons": 66}
    assert what_would_settle(row) == "significant on its own, but not after correction for 66 comparisons"


def test_markdown_and_latex_hold_the_same_cells_and_footnotes(folder):
    run(folder)
    markdown, latex = ((folder / f"tables/results.{kind}").read_text() for kind in ("md", "tex"))
    assert latex.count(r"\toprule") == latex.count(r"\midrule") == latex.count(r"\bottomrule") == 1
    cells = re.findall(r"\d+\.\d ± \d+\.\d", markdown)
    assert len(cells) == 6 and re.findall(r"\d+\.\d \$\\pm\$ \d+\.\d", latex) == [
        c.replace("±", r"$\pm$") for c in cells
    ]
    assert "temperature 0.6, top-p 0.95, at most 1000 new tokens, bfloat16, vLLM 0.32.0; 3 seeds." in markdown
    assert r"More than 5\% are truncated." in latex and "math\\_500" in latex


def test_latex_environments_braces_and_columns_are_balanced(folder):
    run(folder)
    for path in (folder / "tables").glob("*.tex"):
        text = path.read_text()
        assert text.count(r"\begin{") == text.count(r"\end{")
        bare = re.sub(r"\\[{}]", "", text)
        assert bare.count("{") == bare.count("}")
        columns = len(re.search(r"@\{\}([lc]+)@\{\}", text)[1])
        assert {
            len(re.findall(r"(?<!\\)&", row)) for row in re.findall(r".*\\\\.*", text[: text.index("bottomrule")])
        } == {columns - 1}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(folder, tmp_path):
    run(folder)
    parts = "".join(path.read_text() for path in sorted((folder / "tables").glob("*.tex")))
    source = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{parts}\end{{document}}"
    (tmp_path / "all.tex").write_text(source)
    subprocess.run(["pdflatex", "-halt-on-error", "all.tex"], cwd=tmp_path, check=True, capture_output=True)


def test_the_example_references_are_read_unchanged(folder, capsys):
    shutil.copy(ROOT / "docs/references.example.csv", folder / "references.csv")
    assert run(folder) == 0
    out = capsys.readouterr().out
    assert "28.7" in out and "unpaired" in out and "(published)" in " ".join(out.split())
    assert "28.7 ± 4.8" in (folder / "tables/results.md").read_text()
    assert "Published, not paired with ours and not tested" in (folder / "tables/results.tex").read_text()
    assert len(study.loaded(folder / "comparison_results.json")["references"]) == 6


def test_references_are_never_compared(folder):
    run(folder)
    before = (folder / "model_comparison.csv").read_bytes()
    shutil.copy(ROOT / "docs/references.example.csv", folder / "references.csv")
    run(folder)
    assert (folder / "model_comparison.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("m,aime24,28.7,4.8,10,s,t", "mean is 28.7, not a fraction in [0, 1]; write 28.7% as 0.287"),
        ("m,aime24,much,0.1,10,s,t", "mean is 'much', not a number"),
        ("m,aime24,0.2,0.1,ten,s,t", "seeds is 'ten', not a whole number"),
        (",aime24,0.2,0.1,10,s,t", "model or task is empty"),
        ("m,aime24", "mean is '', not a number"),
    ],
)
def test_a_bad_reference_is_reported_with_its_line_and_the_rest_is_used(folder, line, reason, capsys):
    head = "model,task,mean,standard_deviation,seeds,source,settings"
    (folder / "references.csv").write_text(f"{head}\n{line}\ngood,aime24,0.5,,,,\n")
    assert run(folder) == 1
    captured = capsys.readouterr()
    assert f"left out references.csv line 2: {reason}" in captured.err and "good" in captured.out


def test_references_with_missing_columns_are_reported(folder, capsys):
    (folder / "references.csv").write_text("name,score\nx,1\n")
    assert run(folder) == 1
    assert "left out references.csv: no column model, task, mean" in capsys.readouterr().err


def test_a_large_study_is_shown_with_one_row_per_model_and_marks(tmp_path, capsys):
    for at in range(31):
        cut = [True] * 4 + [False] * 36
        study.write(
            tmp_path,
            f"m{at}",
            *study.seeds("aime24", *scores(0.5, 1), truncated=cut),
            *study.seeds("amc23", *scores(0.5, 1)),
        )
    run(tmp_path)
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if re.match(r"m\d+ ", line)]
    assert len(lines) == 31 and all(re.search(r"\d+\.\d! +\d+\.\d$", line.rstrip()) for line in lines)
    assert max(map(len, out[: out.index("\nwrote ")].splitlines())) <= 80


def test_a_generated_tree_goes_through_both_passes(tmp_path, capsys):
    assert make_tree.main([str(tmp_path), "--models", "2", "--seeds", "2", "--tasks", "aime24", "amc23"]) == 0
    assert "8 experiments, 280 completions" in capsys.readouterr().out
    first_pass(tmp_path)
    assert run(tmp_path) == 0
    found = study.rows(tmp_path / "model-00/config_analysis.csv")
    assert [(row["task"], row["n_seeds"], row["n_problems"]) for row in found[::2]] == [
        ("aime24", "2", "30"),
        ("amc23", "2", "40"),
    ]
    assert all(row["maj@2"] and row["notes"] == "" for row in found)
    assert len(study.rows(tmp_path / "model_comparison.csv")) == 4


def test_the_recorded_lighteval_tree_is_summarised(shared, tmp_path, capsys):
    shutil.copytree(shared / "recorded/lighteval_tree", tmp_path / "tree")
    for path in [tmp_path / "tree", *(tmp_path / "tree").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    first_pass(tmp_path / "tree")
    assert run(tmp_path / "tree") == 0
    (row, *_) = study.rows(next((tmp_path / "tree").glob("*/config_analysis.csv")))
    assert (row["n_seeds"], row["n_problems"], row["mean_accuracy"], row["temperature"]) == ("3", "16", "0", "0.8")


def test_a_terminal_that_cannot_encode_the_output_does_not_crash_it(folder, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    assert run(folder) == 0
