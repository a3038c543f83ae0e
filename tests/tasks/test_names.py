"""Task names: the forms that users write, suggestions for an unknown name, and which file defines a task."""

import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.errors import UserError
from evalsuite.tasks.names import known_names, lighteval_files, parse_task, resolve
from evalsuite.tasks.table import ROOT, Task, load_table

OURS = ["aime24", "aime25", "amc23", "math_500", "minerva", "olympiadbench", "gpqa:diamond", "gsm8k"]
LIGHTEVAL_FILE = """
from lighteval.tasks.lighteval_task import LightevalTaskConfig
TASKS_TABLE = [LightevalTaskConfig(name="my_own", prompt_function=None, hf_repo="x", hf_subset="", metrics=[])]
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("form", ["aime24", "aime24|0", "custom|aime24|0", "custom|aime24|0|0", " aime24 | 0 "])
def test_every_form_of_a_task_name_is_read(form):
    assert parse_task(form) == ("aime24", 0)


def test_few_shot_counts_are_read():
    assert parse_task("gsm8k|5") == ("gsm8k", 5)
    assert parse_task("lighteval|gpqa:diamond|4|0") == ("gpqa:diamond", 4)


@pytest.mark.parametrize("form", ["aime24|x", "aime24|-1", "custom|aime24", "a|b|c|d|e", "aime24||0", "", "aime24|²"])
def test_any_other_form_is_a_user_error_that_lists_the_valid_ones(form):
    with pytest.raises(UserError, match=r"write aime24, aime24\|0, custom\|aime24\|0"):
        parse_task(form)


def test_the_table_has_the_usual_benchmarks_and_the_demos():
    assert list(load_table()) == [*OURS, "demo_arithmetic", "demo_words"]


@pytest.mark.parametrize("typo, meant", [("math500", "math_500"), ("AIME_24", "aime24"), ("gpqa", "gpqa:diamond")])
def test_the_error_for_an_unknown_task_suggests_the_most_similar_name_first(typo, meant):
    with pytest.raises(UserError, match=rf"unknown task '{typo}'; did you mean {meant}[,?]"):
        parse_task(typo)


def test_the_error_for_a_name_like_no_other_lists_the_table():
    with pytest.raises(UserError, match=r"the tasks are aime24, aime25, amc23"):
        parse_task("zzzzzzzz")


def test_our_task_wins_over_lightevals_task_of_the_same_name():
    lightevals = [path for path in lighteval_files() if 'name="aime24"' in path.read_text()]
    assert lightevals and resolve("aime24").source == ""


def test_lightevals_own_tasks_are_found_by_searching_its_files():
    assert resolve("gsm_plus").source.endswith("gsm_plus.py")
    assert resolve("mmlu_redux_2:anatomy").source.endswith("mmlu_redux.py")  # a name that is made at run time
    assert "ifeval" in known_names()


def test_a_users_lighteval_file_is_read_without_importing_it(tmp_path):
    table = written(tmp_path / "mine.py", LIGHTEVAL_FILE)
    before = set(sys.modules)
    assert resolve("my_own", table).source == str(table)
    assert resolve("aime24", table).source == ""  # the suite's own tasks remain available
    assert not {name for name in set(sys.modules) - before if name.startswith("lighteval")}


def test_a_users_table_wins_over_ours(tmp_path):
    text = "from evalsuite.tasks.table import Task\nTASKS = [Task('aime24', 'latex', 'MATH_QUERY_TEMPLATE', file='a')]"
    assert resolve("aime24", written(tmp_path / "t.py", text)).kind == "latex"


@pytest.mark.parametrize(
    "text, said",
    [
        ("TASKS = [", "not a Python file"),
        ("TASKS = [1]", r"every entry must be a Task"),
        ("TASKS = 1/0", "ZeroDivisionError"),
        ("from evalsuite.tasks.table import Task\nTASKS = [Task('a', 'maths', 'T', 'r')]", "kind is 'maths'"),
        ("from evalsuite.tasks.table import Task\nTASKS = [Task('a', 'expr', 'T', 'r')] * 2", "is defined twice"),
        (
            "from evalsuite.tasks.table import Task\nTASKS = [Task('a', 'expr', 'T')]",
            "neither a repo on the hub nor a file",
        ),
    ],
)
def test_a_broken_table_is_reported_with_its_path_and_fault(tmp_path, text, said):
    path = written(tmp_path / "broken.py", text)
    with pytest.raises(UserError, match=said) as caught:
        load_table(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_table_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="cannot read the task file"):
        load_table(tmp_path / "none.py")


def test_a_changed_table_is_read_again(tmp_path):
    table = tmp_path / "t.py"
    row = "from evalsuite.tasks.table import Task\nTASKS = [Task({!r}, 'expr', 'T', file='f')]"
    assert list(load_table(written(table, row.format("one")))) == ["one"]
    written(table, row.format("other"))
    assert list(load_table(table)) == ["other"]


def test_importing_the_table_imports_nothing_heavy():
    code = (
        "import sys, lighteval_tasks; from evalsuite.tasks import data, names, problems, prompts, rows;"
        "names.parse_task('gsm_plus'); prompts.load_prompts(); "
        "print([m for m in ('lighteval', 'torch', 'datasets', 'pandas', 'numpy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_tasks_use_the_usual_data_sets_of_the_hub():
    assert {name: task.repo for name, task in load_table().items() if task.repo} == {
        "aime24": "HuggingFaceH4/aime_2024",
        "aime25": "yentinglin/aime_2025",
        "amc23": "math-ai/amc23",
        "math_500": "HuggingFaceH4/MATH-500",
        "minerva": "math-ai/minervamath",
        "olympiadbench": "Hothan/OlympiadBench",
        "gpqa:diamond": "Idavidrein/gpqa",
        "gsm8k": "openai/gsm8k",
    }


def test_a_task_is_hashable_and_equality_ignores_the_tables_folder():
    from dataclasses import replace

    task = Task("t", "expr", "T", repo="r", columns={"problem": ("q",)})
    assert replace(task, folder=Path("/somewhere")) == task and hash(task) == hash(replace(task, folder=Path("/else")))


def test_the_docs_table_agrees_with_the_task_table():
    text = (ROOT / "docs/tasks.md").read_text(encoding="utf-8")
    for task in load_table().values():
        (line,) = [line for line in text.splitlines() if line.startswith(f"| `{task.name}` |")]
        place = f"{task.repo} ({task.subset}, {task.split})" if task.repo else f"`{task.file}`"
        assert place in line and f"`{task.template}`" in line and (not task.size or f"| {task.size} |" in line)


def test_the_docs_describe_every_field_of_a_row():
    from dataclasses import fields

    text = (ROOT / "docs/tasks.md").read_text(encoding="utf-8")
    internal = {"folder", "source"}
    assert [field.name for field in fields(Task) if field.name not in internal and f"`{field.name}`" not in text] == []
