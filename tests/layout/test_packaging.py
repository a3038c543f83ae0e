"""The package installs by itself, with its data files, and scripts find the environment that set-up made."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from evalsuite.errors import UserError, use_environment
from evalsuite.files import ROOT as SUITE
from tests.conftest import ROOT

SCRIPTS = ("main.py", "analyze_results.py", "analyze_summary.py", "convert_parquet_to_csv.py")
MODULES = ("evalsuite.report", "evalsuite.grading", "evalsuite.housekeeping")


def test_the_suites_folder_is_where_its_scripts_are() -> None:
    assert SUITE == ROOT and all((SUITE / script).is_file() for script in SCRIPTS)


def test_a_wheel_holds_the_one_package_with_its_data(tmp_path: Path) -> None:
    copy = tmp_path / "copy"  # building leaves files in the source folder
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.split("\0") if (ROOT / name).is_file()]
    package = {name for name in files if name.startswith("evalsuite/")}
    for name in [*package, *(name for name in files if "/" not in name)]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "--wheel-dir", tmp_path, copy], check=True)
    (wheel,) = tmp_path.glob("evalsuite-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert package <= inside
    assert {name.split("/")[0] for name in inside - package} == {wheel.name.rpartition("-py3")[0] + ".dist-info"}


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python that has none of the suite's packages, and of a suite that was set up.

    The suite is a folder of links: its .venv leads to the environment that runs these tests.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    suite = tmp_path / "suite"
    suite.mkdir()
    for path in (*map(ROOT.joinpath, SCRIPTS), ROOT / "evalsuite", ROOT / "lighteval_tasks.py", ROOT / "prompts.json"):
        if path.is_dir():
            subprocess.run(["cp", "-r", path, suite], check=True)
        else:
            (suite / path.name).write_bytes(path.read_bytes())
    return {"PYTHON": str(tmp_path / "bare" / "bin" / "python"), "SUITE": str(suite)}


def run(bare: dict[str, str], *words: str) -> subprocess.CompletedProcess:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([bare["PYTHON"], *words], cwd=bare["SUITE"], env=env, capture_output=True, text=True)


def test_scripts_and_modules_start_again_with_the_environment_of_set_up(bare: dict[str, str]) -> None:
    Path(bare["SUITE"], ".venv").symlink_to(sys.prefix)
    for script in SCRIPTS:
        done = run(bare, script, "--help")
        assert done.returncode == 0 and done.stdout.startswith("usage: "), done.stderr
    for module in MODULES:
        done = run(bare, "-m", module, "--help")
        assert done.returncode == 0 and done.stdout.startswith("usage: "), done.stderr
    done = run(bare, "analyze_results.py", "nowhere at all")
    assert done.returncode == 2 and "nowhere at all" in done.stderr and len(done.stderr.splitlines()) == 1


def test_without_set_up_they_say_in_one_line_what_to_do(bare: dict[str, str]) -> None:
    for words in (["main.py", "--help"], ["-m", "evalsuite.report", "output"]):
        done = run(bare, *words)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout
        assert "bash run_interactive.sh" in done.stderr and "lacks" in done.stderr


def test_an_environment_that_has_all_packages_is_used_as_it_is(tmp_path: Path) -> None:
    use_environment(tmp_path / "none")


def test_an_environment_whose_packages_are_broken_is_not_started_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("evalsuite.errors.NEEDED", ("no_such_package",))
    with pytest.raises(UserError, match="lacks no_such_package"):
        use_environment(Path(sys.prefix))
