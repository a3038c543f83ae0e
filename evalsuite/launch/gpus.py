"""Runs several models on the GPUs of one machine: as many calls in parallel as fit, the longest first.

    python -m evalsuite.launch.gpus FROZEN COUNT

FROZEN is a folder of frozen calls (evalsuite/shell/frozen.sh). Each call gets the GPUs that it needs through
CUDA_VISIBLE_DEVICES, and they are free again when it ends. SIGINT and SIGTERM are passed on to all running calls, which
stop cleanly.
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

# The frozen call is run by a shell of its own; with `exec`, signals reach main.py itself.
RUN_CALL = 'source "$1" && exec "${CALL[@]}" --log_dir "$2"'


@dataclass(frozen=True)
class Call:
    """A frozen call. `cost` estimates its duration: completions x billions of parameters / GPUs."""

    number: str
    gpus: int
    label: str
    cost: float


@dataclass
class Pool:
    """The free GPUs, and the running calls with the GPUs that they use."""

    free: list[str]
    running: dict[subprocess.Popen, tuple[Call, list[str], float]] = field(default_factory=dict)

    def start(self, call: Call, frozen: Path) -> None:
        """Start a call on the first free GPUs, with its output in its own log."""
        used, self.free = self.free[: call.gpus], self.free[call.gpus :]
        words = ["bash", "-c", RUN_CALL, "call", str(frozen / "calls" / call.number)]
        words.append(str(frozen / "engine" / call.number))
        env = os.environ | {"CUDA_VISIBLE_DEVICES": ",".join(used)}
        with log_of(frozen, call).open("ab") as log:
            process = subprocess.Popen(
                words, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.running[process] = (call, used, time.monotonic())
        print(f"started  {call.label} on GPU {','.join(used)}; log: {log_of(frozen, call)}", flush=True)

    def collect(self) -> list[tuple[Call, int, float]]:
        """Free the GPUs of the calls that have ended; returns these with exit code and seconds."""
        ended = []
        for process in [one for one in self.running if one.poll() is not None]:
            call, used, started = self.running.pop(process)
            self.free = sorted(self.free + used, key=int)
            code = process.returncode
            ended.append((call, 128 - code if code < 0 else code, time.monotonic() - started))
        return ended


def log_of(frozen: Path, call: Call) -> Path:
    """The log of a call: logs/<run>_<number>_<model>.log, as in a run without GPUS."""
    name = re.sub(r"[^A-Za-z0-9._@+-]", "_", call.label.split(": ")[0])
    return frozen.parent.parent / f"{frozen.name}_{int(call.number):02d}_{name}.log"


def billions(name: str) -> float:
    """The number of parameters in a model's name, in billions; 1 if the name has none.

    >>> billions("Qwen/Qwen3-4B"), billions("SmolLM2-135M-Instruct"), billions("mine")
    (4.0, 0.135, 1.0)
    """
    found = re.search(r"(\d+(?:\.\d+)?)([BM])(?![A-Za-z])", name, re.IGNORECASE)
    if found is None:
        return 1.0
    return float(found[1]) / (1 if found[2] in "bB" else 1000)


def read_calls(frozen: Path) -> list[Call]:
    """Read the frozen calls, the longest first."""
    calls = []
    for line in (frozen / "calls.tsv").read_text(encoding="utf-8").splitlines():
        number, gpus, completions, label, model = line.split("\t")[:5]
        cost = max(1, int(completions or 0)) * billions(model) / max(1, int(gpus))
        calls.append(Call(number, max(1, int(gpus)), printable(label), cost))
    return sorted(calls, key=lambda call: (-call.cost, int(call.number)))


def devices(count: int) -> list[str]:
    """The numbers of the first `count` GPUs among those in CUDA_VISIBLE_DEVICES. Raises UserError for too few."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    numbers = [part.strip() for part in visible.split(",")] if visible else [str(number) for number in range(count)]
    if len(numbers) < count or not all(number.isdigit() for number in numbers):
        raise UserError(f"GPUS={count}, but CUDA_VISIBLE_DEVICES={visible}; lower GPUS or make more visible")
    return numbers[:count]


def run(frozen: Path, count: int) -> int:
    """Run all calls. Returns 0 if all succeeded, 2 if each was refused for a mistake, 130 after a signal, else 1."""
    waiting, pool = read_calls(frozen), Pool(devices(count))
    if large := [call for call in waiting if call.gpus > count]:
        needed = large[0].gpus
        raise UserError(f"{large[0].label} needs {needed} GPUs, but GPUS={count}; raise GPUS or lower a parallel size")
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: (signals.append(number), pass_on(pool, number)))
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


def pass_on(pool: Pool, number: int) -> None:
    """Send a signal to every running call."""
    for process in pool.running:
        process.send_signal(number)


@command("run_interactive")
def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    if len(words) != 2 or not words[1].isdigit() or int(words[1]) < 1:
        raise UserError("usage: python -m evalsuite.launch.gpus FROZEN COUNT")
    return run(Path(words[0]), int(words[1]))


if __name__ == "__main__":
    sys.exit(main())
