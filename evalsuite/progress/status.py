"""The state of a running sweep in numbers, for the panel, for plain lines, and for other programs."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from evalsuite.experiment import Experiment
from evalsuite.plan.sweep import Sweep

SHOWN = {"temperature": "temp", "top_p": "top_p", "max_new_tokens": "max"}  # settings of a sweep, and their labels


class InFlight(Protocol):
    """A request in flight, of which only the experiment is needed here."""

    @property
    def experiment(self) -> Experiment: ...


@dataclass
class Counters:
    """What this run's generation has done so far."""

    completions: int = 0
    tokens: int = 0  # generated, in finished completions
    empty_or_truncated: int = 0
    restarts: int = 0
    retries: int = 0
    engine_tokens: float = 0.0  # generated, in unfinished completions, too
    running: float | None = None  # requests that the engine runs, by its own counter
    waiting: float | None = None  # requests that wait in the engine, by its own counter


@dataclass
class Part:
    """The state of one experiment."""

    task: str
    seed: int
    group: str  # the label that it shares with its other seeds
    folder: Path = Path()
    asked: int = 0  # completions that it is to have
    answered: int = 0  # completions that are journaled
    failed: int = 0  # completions that were given up
    before: bool = False  # whether an earlier run finished it, whose completions are not counted here
    elsewhere: bool = False  # whether another run works on it
    lost: bool = False  # whether this run cannot finish it
    scores: dict[str, float] | None = None  # by metric, the primary one first; None until it is graded

    @property
    def label(self) -> str:
        """The label of the experiment: its group and its seed."""
        return f"{self.group} seed {self.seed}"

    def state(self, in_flight: int) -> str:
        """finished, elsewhere, failed, grading, generating or waiting, given the number of requests in flight."""
        if self.before or self.scores is not None:
            return "finished"
        if self.elsewhere:
            return "elsewhere"
        if self.lost:
            return "failed"
        if self.asked and self.answered + self.failed >= self.asked:
            return "grading"
        return "generating" if self.answered or in_flight else "waiting"


def groups(experiments: Iterable[Experiment]) -> dict[str, str]:
    """A label per experiment, by its name: the same for all its seeds, and as short as distinguishes it from others."""
    found = list(experiments)
    varied = [name for name in SHOWN if len({getattr(one.configuration, name) for one in found}) > 1]
    several = len({one.model for one in found}) > 1
    labels, configurations = {}, {}
    for one in found:
        values = [f"{SHOWN[name]} {getattr(one.configuration, name):g}" for name in varied]
        labels[one.name] = " ".join([*([one.model] if several else []), one.task, *values])
        configurations.setdefault(labels[one.name], set()).add(one.configuration.config_id)
    hashes = {one.name: one.configuration.config_id[-8:] for one in found}
    return {
        name: f"{label} {hashes[name]}" if len(configurations[label]) > 1 else label for name, label in labels.items()
    }


@dataclass
class Status:
    """The state of a sweep. Times are in seconds, on the monotonic clock."""

    model: str
    parts: dict[str, Part]  # by experiment
    phase: str = "planning"
    counters: Counters = field(default_factory=Counters)
    requests: Mapping[int, InFlight] = field(default_factory=dict)  # those in flight
    began: float = field(default_factory=time.monotonic)
    generation_began: float | None = None
    engine_start_seconds: float | None = None  # from starting the engine until it answered

    @classmethod
    def of(cls, sweep: Sweep, todo: Iterable[Experiment], elsewhere: Iterable[str]) -> "Status":
        """The status of a sweep before it starts. An experiment that is neither in `todo` nor in `elsewhere`, which are
        those of other runs, is finished."""
        now, others, shared = {one.name for one in todo}, set(elsewhere), groups(sweep.experiments)
        parts = {}
        for one in sweep.experiments:
            part = parts[one.name] = Part(one.task, one.seed, shared[one.name])
            part.folder = sweep.folder_of(one)
            part.elsewhere = one.name in others
            part.before = one.name not in (now | others)
        return cls(sweep.model.name, parts)

    def ask(self, name: str, asked: int, answered: int) -> None:
        """Set how many completions an experiment is to have, and how many are journaled already."""
        self.parts[name].asked, self.parts[name].answered = asked, answered

    @property
    def asked(self) -> int:
        """Completions that the sweep is to have."""
        return sum(part.asked for part in self.parts.values())

    @property
    def finished(self) -> int:
        """Completions that are journaled."""
        return sum(part.answered for part in self.parts.values())

    @property
    def failed(self) -> int:
        """Completions that were given up."""
        return sum(part.failed for part in self.parts.values())

    @property
    def done(self) -> int:
        """Experiments that were finished by this run or before it."""
        return sum(part.before or part.scores is not None for part in self.parts.values())

    @property
    def queued(self) -> int:
        """Completions that have not been requested yet."""
        return max(0, self.asked - self.finished - self.failed - len(self.requests))

    def in_flight(self) -> Counter[str]:
        """The number of requests in flight, by experiment."""
        return Counter(item.experiment.name for item in self.requests.values())

    def states(self) -> dict[str, str]:
        """The state of every experiment, by its name."""
        requests = self.in_flight()
        return {name: part.state(requests[name]) for name, part in self.parts.items()}

    def tokens_per_second(self) -> float | None:
        """Generated tokens per second since generation began, by the engine's counters if it has them."""
        if self.generation_began is None:
            return None
        seconds = time.monotonic() - self.generation_began
        tokens = max(self.counters.engine_tokens, self.counters.tokens)
        return tokens / seconds if seconds > 1 and tokens else None

    def seconds_left(self) -> float | None:
        """The remaining seconds at the rate of the completions so far; None before the first few."""
        if self.generation_began is None or self.counters.completions < 5:
            return None
        pace = self.counters.completions / (time.monotonic() - self.generation_began)
        return (self.asked - self.finished - self.failed) / pace

    def as_json(self) -> dict[str, Any]:
        """The content of the progress file, whose fields docs/live.md describes."""
        counters, states = self.counters, self.states()
        return {
            "model": self.model,
            "phase": self.phase,
            "experiments": len(self.parts),
            "experiments_done": self.done,
            "completions": self.finished,
            "completions_asked": self.asked,
            "tokens": counters.tokens,
            "tokens_per_second": self.tokens_per_second(),
            "seconds_left": self.seconds_left(),
            "seconds": round(time.monotonic() - self.began, 1),
            "in_flight": len(self.requests),
            "queued": self.queued,
            "running": counters.running,
            "waiting": counters.waiting,
            "engine_start_seconds": self.engine_start_seconds,
            "restarts": counters.restarts,
            "retries": counters.retries,
            "failed": self.failed,
            "graded": {name: part.scores for name, part in self.parts.items() if part.scores and not part.before},
            "by_experiment": {name: _part_json(part, states[name]) for name, part in self.parts.items()},
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }


def _part_json(part: Part, state: str) -> dict[str, Any]:
    counts = {name: getattr(part, name) for name in ("task", "seed", "asked", "answered", "failed")}
    return counts | {"state": state, "scores": part.scores}


def facts(status: Status) -> list[str]:
    """The state of the sweep as a whole, in words: counts, speed, queue, remaining time, restarts, failures."""
    texts = [f"{status.done:,}/{len(status.parts):,} experiments"]
    if status.asked:
        texts.append(f"{status.finished:,}/{status.asked:,} completions")
    if status.phase == "generating":
        if (speed := status.tokens_per_second()) is not None:
            texts.append(f"{speed:,.0f} tokens/s")
        texts.append(f"queue: {len(status.requests):,} in flight, {status.queued:,} waiting")
        if (left := status.seconds_left()) is not None:
            texts.append(f"{duration(left)} left")
    if restarts := status.counters.restarts:
        texts.append(f"{restarts} engine restart{'s' * (restarts > 1)}")
    return [*texts, f"{status.failed:,} failed"] if status.failed else texts


def line(status: Status) -> str:
    """The state of the sweep in one line."""
    return ", ".join([status.phase, *facts(status)])


def duration(seconds: float) -> str:
    """A duration in words.

    >>> duration(42), duration(3725)
    ('42 s', '1 h 02 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
