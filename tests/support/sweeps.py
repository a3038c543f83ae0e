"""What tests of main.py share: a model whose tokens are bytes, problems, the fake engine, and runs of main.py."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FAKE_ENGINE, FAKE_SERVER = ROOT / "tests" / "support" / "fake_engine", ROOT / "tests" / "support" / "fake_server.py"
TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    "{% if enable_thinking is defined %}[thinking={{ enable_thinking }}]{% endif %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def byte_letters() -> dict[str, int]:
    """GPT-2's letter for each byte, which the tokenizers library calls ByteLevel, with the byte as its token id."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    letters = {byte: chr(byte) for byte in shown} | {byte: chr(256 + at) for at, byte in enumerate(hidden)}
    return {letters[byte]: byte for byte in range(256)}


def make_model(folder: Path, **config: Any) -> Path:
    """A model folder whose tokenizer has one token per byte, an end token and a chat template. Its weights are fake."""
    folder.mkdir(parents=True, exist_ok=True)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    end = {"id": 256, "content": "<end>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    tokenizer = {
        "version": "1.0", "added_tokens": [end | {"special": True}], "normalizer": None, "post_processor": None,
        "pre_tokenizer": byte_level, "decoder": byte_level, "truncation": None, "padding": None,
        "model": {"type": "BPE", "vocab": byte_letters() | {"<end>": 256}, "merges": []},
    }  # fmt: skip
    files = {
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<end>", "chat_template": TEMPLATE,
        },
        "config.json": {"model_type": "llama", "max_position_embeddings": 4096, "num_attention_heads": 4,
                        "num_hidden_layers": 2} | config,
        "generation_config.json": {"temperature": 0.35, "top_p": 0.7, "top_k": 11, "min_p": 0.02, "eos_token_id": 256},
    }  # fmt: skip
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))
    tensor = {"dtype": "U8", "shape": [8, 8], "data_offsets": [0, 64]}
    header = json.dumps({"model.layers.0.self_attn.q_proj.weight": tensor}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))
    return folder


def make_data(folder: Path, problems: int = 6, tasks: tuple[str, ...] = ("demo_arithmetic",)) -> Path:
    """A data folder in which the problems of all tasks are different sums."""
    folder.mkdir(parents=True, exist_ok=True)
    for at, task in enumerate(tasks):
        rows = [sum_problem(100 * at + number) for number in range(problems)]
        (folder / f"{task}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def sum_problem(number: int) -> dict[str, str]:
    return {"id": f"p{number}", "problem": f"What is {number} + {number + 3}?", "answer": str(2 * number + 3)}


@dataclass
class Fake:
    """The files of the fake engine or server: what it is told to do, and a log of what it was asked."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.control, self.log = self.folder / "control.json", self.folder / "log.jsonl"
        self.tell()

    def tell(self, **what: Any) -> None:
        """Replace what the server is told."""
        new = self.control.with_suffix(".new")
        new.write_text(json.dumps(what))
        new.replace(self.control)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind in its log so far."""
        if not self.log.exists():
            return []
        lines = self.log.read_text().split("\n")[:-1]
        return [one for one in map(json.loads, lines) if one["event"] == kind]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [one["body"] for one in self.events("request")]

    def environment(self) -> dict[str, str]:
        """The variables with which main.py uses the fake engine."""
        python = {"FAKE_PYTHON": sys.executable, "FAKE_CONTROL": str(self.control), "FAKE_LOG": str(self.log)}
        return python | {"ENGINE_PYTHON": str(FAKE_ENGINE), "CUDA_VISIBLE_DEVICES": ""}


@contextmanager
def running_server(fake: Fake, name: str = "fake") -> Iterator[str]:
    """The fake server on its own port; yields its base URL."""
    command = [sys.executable, str(FAKE_SERVER), "--control", str(fake.control), "--log", str(fake.log)]
    with serving([*command, "--served-model-name", name]) as address:
        yield address


@contextmanager
def serving(command: list[str]) -> Iterator[str]:
    """A server that prints its port; yields its address, and kills the server at the end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Suite:
    """Everything that a test module needs to run main.py: a model, data, and the fake engine."""

    def __init__(self, folder: Path, problems: int = 6, tasks: tuple[str, ...] = ("demo_arithmetic",)) -> None:
        self.folder, self.tasks = folder, tasks
        self.model, self.data = make_model(folder / "bytes"), make_data(folder / "data", problems, tasks)
        self.fake = Fake(folder / "fake")

    def arguments(self, output: Path, *more: str) -> list[str]:
        """main.py's arguments: this model and these tasks, and whatever `more` adds or overrides."""
        given = ["--model", str(self.model), "--task", *self.tasks, "--data_dir", str(self.data)]
        return [*given, "--output_dir", str(output), "--max_new_tokens", "400", "--device", "cpu", *more]

    def start(self, output: Path, *more: str, **environment: str) -> subprocess.Popen:
        """Start main.py as a process, whose output goes to the file `output`.log."""
        command = [sys.executable, str(ROOT / "main.py"), *self.arguments(output, *more)]
        env = os.environ | self.fake.environment() | environment
        log = output.with_name(output.name + ".log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as stream:
            return subprocess.Popen(command, cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)

    def run(self, output: Path, *more: str, **environment: str) -> tuple[int, str]:
        """Run main.py to its end; returns its exit code and what it printed."""
        log = output.with_name(output.name + ".log")
        before = log.stat().st_size if log.exists() else 0
        code = self.start(output, *more, **environment).wait(600)
        return code, log.read_bytes()[before:].decode("utf-8", "replace")


def experiments(output: Path) -> dict[str, dict[str, Any]]:
    """All manifests of an output tree, by the experiment's name."""
    return {path.parent.name: json.loads(path.read_text()) for path in output.glob("*/*/experiment.json")}


def until(condition: Any, seconds: float = 600.0) -> Any:
    """Wait until a condition holds; returns its value. The time limit only prevents a failing test from hanging."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


@contextmanager
def ending(*processes: subprocess.Popen) -> Iterator[None]:
    """Kill the processes at the end of the block, whatever happens in it."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def alive(pid: int) -> bool:
    """Whether a process is running; a zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def marked(mark: str) -> dict[int, str]:
    """Living processes with `mark` in their environment or command line: {pid: command line}."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            environment = (entry / "environ").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if (mark in command or mark in environment) and alive(int(entry.name)):
            found[int(entry.name)] = command
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process, which may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
