"""Several models on one machine's GPUs: each call gets as many as it needs, as many run at once as fit, longest first.

python -m evalsuite.launch.gpus FROZEN COUNT

FROZEN is a folder of frozen calls (evalsuite/shell/frozen.sh). A call sees its GPUs in CUDA_VISIBLE_DEVICES, so that a
call that dies leaves them to the next. SIGINT and SIGTERM are handed to all running calls, which stop cleanly.
"""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from evalsuite.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, UserError, command
from evalsuite.files import printable

# The frozen call in a shell of its own; `exec`, so that a signal reaches main.py itself.
RUN_CALL = 'source "$1" && exec "${CALL[@]}" --log_dir "$2"'


@dataclass(frozen=True)
class Call:
    """A frozen call. `cost` orders calls: completions x billions of parameters, by the model's name, a GPU."""

    number: str
    gpus: int
    label: str
    cost: float


@dataclass
class Pool:
    """GPUs and the calls that run on them."""

    free: list[str]
    running: dict[subprocess.Popen, tuple[Call, list[str], float]] = field(default_factory=dict)

    def start(self, call: Call, frozen: Path) -> None:
        """Run a call on the first free GPUs; its output goes to its own log."""
        mine, self.free = self.free[: call.gpus], self.free[call.gpus :]
        words = ["bash", "-c", RUN_CALL, "call", str(frozen / "calls" / call.number)]
        words.append(str(frozen / "engine" / call.number))
        env = os.environ | {"CUDA_VISIBLE_DEVICES": ",".join(mine)}
        with log_of(frozen, call).open("ab") as log:
            process = subprocess.Popen(
                words, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.running[process] = (call, mine, time.monotonic())
        print(f"started  {call.label} on GPU {','.join(mine)}; log: {log_of(frozen, call)}", flush=True)

    def collect(self) -> list[tuple[Call, int, float]]:
        """Calls that have ended, with exit code and seconds; their GPUs are free again."""
        ended = []
        for process in [one for one in self.running if one.poll() is not None]:
            call, mine, began = self.running.pop(process)
            self.free = sorted(self.free + mine, key=int)
            code = process.returncode
            ended.append((call, 128 - code if code < 0 else code, time.monotonic() - began))
        return ended


def log_of(frozen: Path, call: Call) -> Path:
    """logs/<run>_<number>_<model>.log, as a run without GPUS has it."""
    name = re.sub(r"[^A-Za-z0-9._@+-]", "_", call.label.split(": ")[0])
    return frozen.parent.parent / f"{frozen.name}_{int(call.number):02d}_{name}.log"


def billions(name: str) -> float:
    """Parameters as a model's name tells them, in billions; 1 where it does not.

    >>> billions("Qwen/Qwen3-4B"), billions("SmolLM2-135M-Instruct"), billions("mine")
    (4.0, 0.135, 1.0)
    """
    found = re.search(r"(\d+(?:\.\d+)?)([BM])(?![A-Za-z])", name, re.IGNORECASE)
    if found is None:
        return 1.0
    return float(found[1]) / (1 if found[2] in "bB" else 1000)


def read_calls(frozen: Path) -> list[Call]:
    """The frozen calls, the longest first."""
    calls = []
    for line in (frozen / "calls.tsv").read_text(encoding="utf-8").splitlines():
        number, gpus, completions, label, model = line.split("\t")[:5]
        cost = max(1, int(completions or 0)) * billions(model) / max(1, int(gpus))
        calls.append(Call(number, max(1, int(gpus)), printable(label), cost))
    return sorted(calls, key=lambda call: (-call.cost, int(call.number)))


def devices(count: int) -> list[str]:
    """The numbers of the GPUs to use: of those that CUDA_VISIBLE_DEVICES leaves, the first `count`."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    numbers = [part.strip() for part in visible.split(",")] if visible else [str(number) for number in range(count)]
    if len(numbers) < count or not all(number.isdigit() for number in numbers):
        raise UserError(f"GPUS={count}, but CUDA_VISIBLE_DEVICES={visible}; lower GPUS or free more")
    return numbers[:count]


def run(frozen: Path, count: int) -> int:
    """Run all calls. 0 when all succeeded, 2 when each was refused for a mistake, 130 after a signal, else 1."""
    waiting, pool = read_calls(frozen), Pool(devices(count))
    if large := [call for call in waiting if call.gpus > count]:
        raise UserError(f"{large[0].label} needs {large[0].gpus} GPUs, GPUS={count}; raise it or lower a parallel size")
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: (signals.append(number), hand_on(pool, number)))
    codes = []
    while pool.running or (waiting and not signals):
        while not signals and (fits := next((one for one in waiting if one.gpus <= len(pool.free)), None)):
            waiting.remove(fits)
            pool.start(fits, frozen)
        time.sleep(0.1)
        for call, code, seconds in pool.collect():
            codes.append(code)
            verdict = "finished" if code == 0 else f"FAILED (exit code {code})"
            print(f"{verdict} {call.label} after {seconds:.0f} s", flush=True)
            (frozen / "records" / call.number).write_text(str(code))
    if signals:
        return EXIT_INTERRUPTED
    return EXIT_OK if not any(codes) else EXIT_USAGE if set(codes) == {EXIT_USAGE} else EXIT_FAILED


def hand_on(pool: Pool, number: int) -> None:
    """Pass a signal to every running call."""
    for process in pool.running:
        process.send_signal(number)


@command("run_interactive")
def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    if len(words) != 2 or not words[1].isdigit() or int(words[1]) < 1:
        raise UserError("evalsuite.launch.gpus: give a folder of frozen calls and the number of GPUs")
    return run(Path(words[0]), int(words[1]))


if __name__ == "__main__":
    sys.exit(main())
