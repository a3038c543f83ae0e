"""The documentation names only what exists: links, flags, variables, columns, files, modules; and the README's tree."""

import ast
import contextlib
import importlib
import importlib.util
import io
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.stub_suite import Suite, shell

README = ROOT / "README.md"
CHANGELOG = ROOT / "CHANGELOG.md"  # also names what used to exist
PAGES = sorted((ROOT / "docs").glob("*.md"))
LINKED = [README, ROOT / "CONTRIBUTING.md", CHANGELOG, ROOT / "THIRD_PARTY_NOTICES.md", *PAGES]
CHECKED = [path for path in LINKED if path != CHANGELOG]

PARSERS = (
    "main", "analyze_results", "analyze_summary", "convert_parquet_to_csv", "evalsuite.report.__main__",
    "evalsuite.grading.__main__", "evalsuite.housekeeping.__main__", "evalsuite.launch.curves",
)  # fmt: skip
IN_BASH = {"--quick", "--no-use_chat_template"}  # of tests/run.sh, and of the models in run_interactive.sh
OTHER_PROGRAMS = {
    "--check",  # ruff format
    "--distributed-executor-backend",  # vllm serve
    "--gres",  # sbatch
    "--id",  # wandb sync
    "--log-dir",  # inspect view
    "--logdir",  # tensorboard
}
OTHER_NAMES = {
    "BASE", "FOLDER", "MODEL", "NAME", "OUTPUT_DIR", "ORG", "PATTERN", "PROJECT", "RUN_ID", "SERIES",
    "STEP",  # stand for something
    "HF_HOME", "HF_HUB_OFFLINE", "HF_TOKEN", "NCCL_SOCKET_IFNAME", "NO_COLOR", "PIP_INDEX_URL", "TERM", "WANDB_API_KEY",
    "WANDB_MODE", "WANDB_RUN_ID", "TASKS_TABLE",  # read by other programs
    "CPU", "CSV", "GPU", "JSON", "LICENSE", "PR_SET_PDEATHSIG", "SIGSTOP", "STOP", "THINK",  # no variables
    "SEED",  # shown as misspelt
}  # fmt: skip


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[str]:
    """The contents of fenced code blocks."""
    return re.findall(r"^```.*\n((?:.*\n)*?)^```$", text, re.M)


def code(text: str) -> Iterator[str]:
    """Code spans and code blocks."""
    yield from blocks(text)
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*\n(?:.*\n)*?^```$", "", text, flags=re.M))


# ---- links


def links(text: str) -> list[str]:
    """Targets of Markdown links and of pictures in HTML, outside code."""
    prose = re.sub(r"^```.*\n(?:.*\n)*?^```$|`[^`\n]*`(?!\])", "", text, flags=re.M)
    return re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'<img src="([^"]+)"', prose)


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*\n(?:.*\n)*?^```$", "", text_of(path), flags=re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def targets(page: Path) -> Iterator[tuple[str, Path, str]]:
    for link in links(text_of(page)):
        if not re.match(r"[a-z]+:", link):
            place, _, anchor = link.partition("#")
            yield link, (page.parent / place).resolve() if place else page, anchor


@pytest.mark.parametrize("page", LINKED, ids=short)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link, file, anchor in targets(page):
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [file for _, file, _ in targets(page) if file.suffix == ".md" and file.is_relative_to(ROOT)]
    assert set(LINKED) - reached == set()


def test_the_index_links_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    assert set(PAGES) - {index} - {file for _, file, _ in targets(index)} == set()


# ---- flags


def help_of(module: str) -> str:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), pytest.raises(SystemExit):
        importlib.import_module(module).main(["--help"])
    return shown.getvalue()


@pytest.fixture(scope="module")
def flags() -> set[str]:
    """Every flag that may be named."""
    found = {flag for module in PARSERS for flag in flags_in(help_of(module))}
    found |= set(re.findall(r"(--[a-z][\w-]*)(?: \||\))", text_of(ROOT / "evalsuite" / "shell" / "modes.sh")))
    for program in (ROOT / "benchmarks").glob("*.py"):
        found |= set(re.findall(r'"(--[a-z][\w-]*)"', text_of(program)))
    return found | IN_BASH | OTHER_PROGRAMS


def flags_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))


@pytest.mark.parametrize("page", [*CHECKED, CHANGELOG], ids=short)
def test_every_flag_exists(page: Path, flags: set[str]) -> None:
    assert flags_in(text_of(page)) - flags == set()


def test_a_misnamed_flag_is_noticed(flags: set[str]) -> None:
    assert {"--dry_run", "--dry-run", "--slurm", "--status", "--watch", "--prefetch", "--excel-safe", "--yes"} <= flags
    assert flags_in("use `--dryrun` or --regrade=1, not a--b") - flags == {"--dryrun"}


# ---- variables and other names in capitals


@pytest.fixture(scope="module")
def names() -> set[str]:
    """Names in capitals that may be used: variables, constants in the code, prompts, and those listed above."""
    found = set(shell('printf "%s\\n" "${VARIABLES[@]}"').stdout.split()) | set(
        json.loads(text_of(ROOT / "prompts.json"))
    )
    sources = [*ROOT.glob("*.py"), *(ROOT / "evalsuite").rglob("*.py"), *(ROOT / "evalsuite" / "shell").glob("*.sh")]
    for source in sources:
        found |= set(re.findall(r"^(?:export )?([A-Z][A-Z0-9_]+)(?:: [^=\n]+)?\s*=", text_of(source), re.M))
        found |= set(re.findall(r'(?:environ(?:\.get)?[\[(]|default=)"([A-Z][A-Z0-9_]+)"', text_of(source)))
    return found | OTHER_NAMES


def names_in(text: str) -> set[str]:
    """Names in capitals in code; not parts of hub ids, paths, file names, or words in angle brackets."""
    return {name for one in code(text) for name in re.findall(r"(?<![\w\\/<.{-])[A-Z][A-Z0-9_]{2,}(?![\w/>.-])", one)}


@pytest.mark.parametrize("page", CHECKED, ids=short)
def test_every_name_in_capitals_exists(page: Path, names: set[str]) -> None:
    assert names_in(text_of(page)) - names == set()


def test_a_misspelt_variable_is_noticed(names: set[str]) -> None:
    assert names_in("`TENSOR_PARALEL_SIZE=2`, `SEEDS`, Qwen/ABC") - names == {"TENSOR_PARALEL_SIZE"}


# ---- columns and keys


def column_names(page: str, title: str) -> set[str]:
    """Names in code in the first column of the tables of a section."""
    section = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^## |\Z)", text_of(ROOT / "docs" / page), re.M | re.S)[1]
    first = (row.split(" | ")[0] for row in section.splitlines() if row.startswith("| "))
    return {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}


def test_every_column_in_the_statistics_tables_exists() -> None:
    from evalsuite.summary.configuration import CONFIG_COLUMNS, SEED_COLUMNS
    from evalsuite.summary.pairs import COLUMNS
    from evalsuite.summary.series_tables import COLUMNS as SERIES_COLUMNS

    for title, columns in (("seed_analysis.csv", SEED_COLUMNS), ("config_analysis.csv", CONFIG_COLUMNS),
                           ("model_comparison.csv", COLUMNS), ("series_analysis.csv", SERIES_COLUMNS)):  # fmt: skip
        named = column_names("statistics.md", title)
        assert len(named) > 15 and named - set(columns) == set()


def test_every_key_of_the_results_file_exists(tmp_path: Path) -> None:
    from evalsuite.collect import read_tree
    from tests.support import tree_maker

    tree_maker.own(tmp_path)
    read_tree(tmp_path)
    written = json.loads(text_of(tmp_path / "tiny" / "all_experiments_results.json"))
    (experiment,) = written["experiments"].values()
    known = {*written, *experiment, *(f"results.{key}" for key in experiment["results"])}
    known |= {f"samples.{key}" for key in experiment["samples"]}
    named = column_names("results.md", "all_experiments_results.json")
    assert len(named) > 40 and named - known == set()


def test_the_columns_of_the_disagreements_are_those_of_the_code() -> None:
    from evalsuite.collect.disagreements import COLUMNS

    section = text_of(ROOT / "docs" / "results.md").partition("## disagreements.csv")[2].partition("\n## ")[0]
    listed = re.findall(r"`([^`]+)`", section.partition("Columns:")[2])
    assert listed == list(COLUMNS)


def test_every_field_of_the_progress_file_is_that_of_the_code() -> None:
    from evalsuite.progress.status import Status

    assert column_names("live.md", "For other programs") == set(Status("model", {}).as_json())


# ---- files and modules


def is_output(name: str) -> bool:
    """Whether the code mentions a file of this name: runs write or read it."""
    return any(name in text_of(path) for path in (ROOT / "evalsuite").rglob("*.py"))


def missing_paths(text: str) -> set[str]:
    """Paths in code that begin with a folder of ours and lead nowhere."""
    folders = "evalsuite|tests|benchmarks|docs|examples|data"
    found = {path for one in code(text) for path in re.findall(rf"(?<![\w/.-])((?:{folders})/[\w./*-]*)", one)}
    made = ("benchmarks/results",)
    return {path for path in found if not path.startswith(made) and not exists(path.rstrip("."))}


def exists(path: str) -> bool:
    return any(True for _ in ROOT.glob(path)) if "*" in path else (ROOT / path).exists()


@pytest.mark.parametrize("page", CHECKED, ids=short)
def test_every_file_exists(page: Path) -> None:
    text = text_of(page)
    assert missing_paths(text) == set()
    scripts = {name for one in code(text) for name in re.findall(r"(?<![\w/.*<>-])([a-z_]+\.(?:py|sh))\b", one)}
    assert {name for name in scripts if not (ROOT / name).is_file()} == set()
    files = {name for one in code(text) for name in re.findall(r"^([a-z_]{2,}\.(?:json|jsonl|csv|html|tex))$", one)}
    own = {"answers.jsonl", "graded.jsonl", "my_task.jsonl", "gpqa-diamond.jsonl", "config.json", "trainer_state.json"}
    assert {name for name in files - own if not (ROOT / name).is_file() and not is_output(name)} == set()


def missing_modules(text: str) -> set[str]:
    """Dotted names in `evalsuite` that are no module, nor a name in one."""
    found = {name for one in code(text) for name in re.findall(r"(?<![\w/.])evalsuite(?:\.\w+)+", one)}
    return {name for name in found if not is_module(name)}


def is_module(name: str) -> bool:
    parent, _, attribute = name.rpartition(".")
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return False
    return found is not None or hasattr(importlib.import_module(parent), attribute)


@pytest.mark.parametrize("page", CHECKED, ids=short)
def test_every_module_exists(page: Path) -> None:
    assert missing_modules(text_of(page)) == set()


def test_a_wrong_path_or_module_is_noticed() -> None:
    assert missing_paths("`tests/nowhere/test_x.py` and `evalsuite/plan/`") == {"tests/nowhere/test_x.py"}
    assert missing_modules("`evalsuite.trees.read_tree` `evalsuite.collect.read_tree`") == {"evalsuite.trees.read_tree"}


def test_read_tree_returns_what_the_page_says() -> None:
    from dataclasses import fields

    from evalsuite.collect.outcome import TreeReport

    section = text_of(ROOT / "docs" / "results.md").partition("## In Python")[2]
    assert {field.name for field in fields(TreeReport)} | {"failed", "TreeReport"} <= set(
        re.findall(r"`(\w+)`", section)
    )


# ---- the README and the layout


def test_the_readme_is_short() -> None:
    assert len(text_of(README).splitlines()) < 100


@pytest.mark.parametrize("page", LINKED, ids=short)
def test_code_is_narrow_enough_for_github(page: Path) -> None:
    assert [line for block in blocks(text_of(page)) for line in block.splitlines() if len(line) > 90] == []


def tree_of_the_readme() -> tuple[set[str], set[str]]:
    """Entries on the first level, with requirements*.txt as one, and the rooms below evalsuite/."""
    (block,) = (block for block in blocks(text_of(README)) if "analyze_summary.py" in block)
    rooms = set(re.findall(r"^  (\w+)/", block, re.M))
    return set(re.findall(r"^(\S+?)/?(?= |$)", block, re.M)) - {""}, rooms


def test_the_tree_of_the_readme_is_that_of_the_repository() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    files = [Path(name) for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    top = {path.parts[0] for path in files if not path.name.startswith(".") and not path.parts[0].startswith(".")}
    top = {"requirements*.txt" if re.fullmatch(r"requirements.*\.txt", name) else name for name in top}
    entries, rooms = tree_of_the_readme()
    assert entries | {"README.md"} == top
    assert rooms == {path.parts[1] for path in files if path.parts[0] == "evalsuite" and len(path.parts) > 2}


def test_the_rooms_and_what_they_import_are_those_of_the_wall() -> None:
    tree = ast.parse(text_of(ROOT / "tests" / "layout" / "test_walls.py"))
    (rooms,) = (
        ast.unparse(node.value) for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "ROOMS"
    )
    page = text_of(ROOT / "docs" / "architecture.md").partition("## Rooms and walls")[2].partition("\n## ")[0]
    rows = [row.strip("| ").split(" |") for row in page.splitlines() if row.startswith("| `")]
    told = {cells[0].strip(" `"): set(re.findall(r"`(\w+)`", cells[2] if len(cells) > 2 else "")) for cells in rows}
    told.pop("shell")
    assert told == eval(rooms, {"set": set})
    order = list(told)
    assert all(order.index(room) < order.index(below) for room, uses in told.items() for below in uses)


# ---- settings that can be copied


def first_conf() -> str:
    return re.search(r"```bash\n(.*?)```", text_of(ROOT / "docs" / "variables.md"), re.S)[1]


@pytest.mark.parametrize("conf", [first_conf(), text_of(ROOT / "examples" / "qwen3-4b.conf")], ids=["docs", "qwen3-4b"])
def test_a_file_of_variables_that_is_shown_can_be_run(conf: str, tmp_path: Path) -> None:
    suite = Suite(tmp_path)
    del suite.env["MODELS"]
    done = suite.run(suite.conf(conf))
    assert done.returncode in (0, 1), done.stderr
    calls = suite.calls()
    assert {call[call.index("--model") + 1] for call in calls} >= {"Qwen/Qwen3-4B"}
    assert all("--temperature" in call and "0.6" in call and "--top_k" in call and "20" in call for call in calls)


# ---- style


@pytest.mark.parametrize("page", [*LINKED, ROOT / "examples" / "qwen3-4b.conf"], ids=short)
def test_no_percentage_has_a_space_before_its_sign(page: Path) -> None:
    assert re.findall(r".*\d\s+%.*", text_of(page)) == []
