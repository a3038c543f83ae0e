"""PROFILE: which variables it sets and which it keeps, and that docs/training.md describes the result."""

import re
from math import sqrt
from pathlib import Path

import pytest
from scipy import stats

from evalsuite.statistics.intervals import wilson_interval
from tests.conftest import ROOT
from tests.support.stub_suite import SCRIPT, Suite, shell, values

PAGE = (ROOT / "docs" / "training.md").read_text("utf-8")
PROFILES = ("quick", "standard", "paper")


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def made(suite: Suite, *args: str, **env: str) -> dict[str, list[str]]:
    """The flags for seeds, lengths and problems of the one call that results."""
    done = suite.run(*args, **{"TASKS": "aime24 amc23 math_500"} | env)
    assert done.returncode == 0, done.stderr
    (call,) = suite.calls()
    flags = ("--seed", "--task_seeds", "--max_new_tokens", "--max_model_length", "--max_samples")
    return {flag: values(call, flag) for flag in flags}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_results_in_the_calls_that_the_page_describes(suite, profile):
    column = 1 + PROFILES.index(profile)
    rows = {row[0].rpartition("`")[0].rpartition("`")[2]: row[column] for row in table("seeds of")}
    found = made(suite, PROFILE=profile)
    assert shell(f"compact_seeds {' '.join(found['--seed'])}").stdout.strip() == rows["SEEDS"]
    assert found["--task_seeds"] == [f"aime24={rows['TASK_SEEDS']}", f"amc23={rows['TASK_SEEDS']}"]
    assert found["--max_new_tokens"] == [rows["MAX_NEW_TOKENS"]] and found["--max_model_length"] == []
    assert found["--max_samples"] == ([] if rows["MAX_SAMPLES"] == "all" else [rows["MAX_SAMPLES"]])


def table(beginning: str) -> list[list[str]]:
    """The cells of the page's table that has a row beginning with this text."""
    tables = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
    (found,) = [one for one in tables if f"\n| {beginning}" in one]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines()[2:]]


def test_the_half_widths_on_the_page_follow_from_seeds_and_problems():
    for name, *shown, choice in table("30 (AIME)"):
        problems = int(name.split()[0])
        for profile, number in zip(PROFILES, shown, strict=True):
            defined = shell(f'define_profile {profile}; echo "${{PURPOSE[SEEDS]}} ${{PURPOSE[SMALL]}}"').stdout.split()
            count = int(defined[problems < 50].rpartition("-")[2]) + 1
            width = stats.t.ppf(0.975, count - 1) if count > 1 else stats.norm.ppf(0.975)
            asked = min(problems, 100) if profile == "quick" else problems
            assert float(number) == pytest.approx(100 * width * sqrt(0.08 / asked / count), abs=0.051), (name, profile)
        low, high = wilson_interval(problems / 2, problems)
        assert float(choice) == pytest.approx(50 * (high - low), abs=0.051)


def test_the_environment_overrides_the_profile_even_with_the_default_value(suite):
    found = made(suite, PROFILE="paper", MAX_NEW_TOKENS="256", SEEDS="0 1", TASK_SEEDS="amc23=5", MAX_SAMPLES="")
    assert found["--seed"] == ["0", "1"] and found["--task_seeds"] == ["amc23=5"]
    assert found["--max_new_tokens"] == ["256"]


def test_in_a_copy_of_the_block_the_profile_replaces_only_unchanged_values(suite):
    text = SCRIPT.read_text()
    block = text[text.index("LOCAL_DIR=") : text.index("# ---- End")]
    changed = block.replace('PROFILE=""', 'PROFILE="quick"').replace("LOCAL_DIR=", "local_dir=", 1)
    changed = changed.replace("TASK_SEEDS=()", "TASK_SEEDS=([math_500]=0-4)").replace("(1024)", "(4096)")
    assert changed.count("4096") == 1
    found = made(suite, suite.conf(changed))
    assert found["--seed"] == [] and found["--task_seeds"] == ["aime24=0-3", "amc23=0-3", "math_500=0-4"]
    assert (found["--max_new_tokens"], found["--max_model_length"]) == (["8192"], ["4096"])


def test_all_problems_with_the_quick_profile_and_some_without_any(suite):
    assert made(suite, suite.conf("PROFILE=quick MAX_SAMPLES=all"))["--max_samples"] == []
    assert suite.run(MAX_SAMPLES="7").returncode == 0
    assert values(suite.calls()[-1], "--max_samples") == ["7"]


def test_a_dry_run_shows_what_the_profile_sets_and_what_it_keeps(suite):
    done = suite.run("--dry-run", PROFILE="paper", TASKS="aime24 gsm8k", MAX_NEW_TOKENS="16384")
    assert "PROFILE=paper sets SEEDS='0-7' TASK_SEEDS[aime24]=0-31 MAX_SAMPLES='' MAX_MODEL_LENGTHS=''" in done.stdout
    assert "; kept as you set them: MAX_NEW_TOKENS\n" in done.stdout


def test_a_profile_that_does_not_exist_is_a_mistake(suite):
    done = suite.run(PROFILE="fast")
    assert done.returncode == 2 and "PROFILE=fast: must be one of: quick, standard, paper\n" in done.stderr
    done = suite.run(MAX_SAMPLES="0")
    assert done.returncode == 2 and "MAX_SAMPLES=0: must be empty, all, or a whole number from 1" in done.stderr


def test_the_profile_knows_the_default_values_of_the_block():
    block = SCRIPT.read_text().split("# ---- ")[1]
    told = shell('for name in "${!SHIPPED[@]}"; do echo "$name=${SHIPPED[$name]}"; done').stdout.splitlines()
    assert len(told) == 4
    for name, value in (line.split("=", 1) for line in told):
        assert re.search(rf"^{name}=[(\"]{re.escape(value)}[)\"]", block, re.MULTILINE), name
