"""run_interactive.sh with a stub in place of Python, which records what the script would start (stubs/python)."""

import json
import os
import subprocess
from pathlib import Path

from tests.conftest import ROOT

SCRIPT = ROOT / "run_interactive.sh"
STUB = ROOT / "tests" / "support" / "stubs" / "python"
CLEAN = ("PATH", "HOME", "LANG", "TMPDIR")


class Suite:
    """A folder to run the script in, with the stub as its Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {name: os.environ[name] for name in CLEAN if name in os.environ}
        self.env |= {"STUB_DIR": str(folder), "SETUP": "0", "PYTHON": str(STUB), "LOCAL_DIR": str(folder)}
        self.env |= {"MODELS": "small=./small"}

    def rules(self, **rules: dict) -> None:
        (self.folder / "rules.json").write_text(json.dumps(rules))

    def start(self, *args: str, **env: str) -> subprocess.Popen:
        return subprocess.Popen(
            ["bash", SCRIPT, *args], env=self.env | env, cwd=self.folder, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess:
        process = self.start(*args, **env)
        out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def calls(self, script: str = "main.py") -> list[list[str]]:
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [call[1:] for call in map(json.loads, lines) if call[0] == script]

    def conf(self, text: str) -> str:
        path = self.folder / "my conf.sh"
        path.write_text(text)
        return str(path)


def values(call: list[str], flag: str) -> list[str]:
    """The values after a flag."""
    rest = call[call.index(flag) + 1 :] if flag in call else []
    return rest[: next((i for i, word in enumerate(rest) if word.startswith("--")), len(rest))]


def shell(code: str) -> subprocess.CompletedProcess:
    """Run code in a bash that has sourced the script."""
    command = f"source {SCRIPT}; {code}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=600)
