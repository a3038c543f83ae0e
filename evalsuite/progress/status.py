"""A sweep in numbers while it runs: for the panel, for plain lines, and for other programs."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from evalsuite.experiment import Experiment
from evalsuite.plan.sweep import Sweep

SHOWN = {"temperature": "temp", "top_p": "top_p", "max_new_tokens": "max"}  # what a sweep varies, as labels have it


class InFlight(Protocol):
    """A request that is being answered."""

    @property
    def experiment(self) -> Experiment: ...


@dataclass
class Counters:
    """What the progress display shows. Tokens are generated ones; `engine_*` come from the server's own counters."""

    completions: int = 0
    tokens: int = 0
    empty_or_cut: int = 0
    restarts: int = 0
    retries: int = 0
    engine_tokens: float = 0.0
    running: float | None = None
    waiting: float | None = None
    began: float = field(default_factory=time.monotonic)


@dataclass
class Part:
    """One experiment: `answered` and `failed` of `asked` completions, and `scores` (primary first) once graded."""

    task: str
    seed: int
    group: str  # what is the same for all its seeds, as people are shown it
    folder: Path = Path()
    asked: int = 0
    answered: int = 0
    failed: int = 0
    before: bool = False  # finished by an earlier run, whose completions are not counted here
    elsewhere: bool = False  # another run works on it
    lost: bool = False  # nothing will come of it in this run
    scores: dict[str, float] | None = None

    @property
    def label(self) -> str:
        return f"{self.group} seed {self.seed}"

    def state(self, in_flight: int) -> str:
        """finished, elsewhere, failed, grading, generating or waiting."""
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
    """For each experiment's name what its seeds share, in as few words as tell it from the sweep's others."""
    found = list(experiments)
    varied = [name for name in SHOWN if len({getattr(one.configuration, name) for one in found}) > 1]
    several = len({one.model for one in found}) > 1
    words, seen = {}, {}
    for one in found:
        values = [f"{SHOWN[name]} {getattr(one.configuration, name):g}" for name in varied]
        words[one.name] = " ".join([*([one.model] if several else []), one.task, *values])
        seen.setdefault(words[one.name], set()).add(one.configuration.config_id)
    hashed = {one.name: one.configuration.config_id[-8:] for one in found}
    return {name: f"{text} {hashed[name]}" if len(seen[text]) > 1 else text for name, text in words.items()}


@dataclass
class Status:
    """The sweep's experiments by name, and what the engine does. Times are of the monotonic clock, in seconds."""

    model: str
    parts: dict[str, Part]
    phase: str = "planning"
    counters: Counters = field(default_factory=Counters)
    requests: Mapping[int, InFlight] = field(default_factory=dict)  # in flight
    began: float = field(default_factory=time.monotonic)
    generation_began: float | None = None
    engine_start_seconds: float | None = None  # from launching the engine until it answered

    @classmethod
    def of(cls, sweep: Sweep, todo: Iterable[Experiment], elsewhere: Iterable[str]) -> "Status":
        """The status of a sweep before it begins; what is neither to do nor another run's is finished."""
        now, others, shared = {one.name for one in todo}, set(elsewhere), groups(sweep.experiments)
        parts = {}
        for one in sweep.experiments:
            part = parts[one.name] = Part(one.task, one.seed, shared[one.name])
            part.folder = sweep.folder_of(one)
            part.elsewhere = one.name in others
            part.before = one.name not in (now | others)
        return cls(sweep.model.name, parts)

    def ask(self, name: str, asked: int, had: int) -> None:
        """Note how many completions an experiment is to have, and how many are journaled already."""
        self.parts[name].asked, self.parts[name].answered = asked, had

    @property
    def asked(self) -> int:
        return sum(part.asked for part in self.parts.values())

    @property
    def finished(self) -> int:
        """Completions that are journaled."""
        return sum(part.answered for part in self.parts.values())

    @property
    def failed(self) -> int:
        return sum(part.failed for part in self.parts.values())

    @property
    def done(self) -> int:
        """Experiments that are finished, now or before."""
        return sum(part.before or part.scores is not None for part in self.parts.values())

    @property
    def queued(self) -> int:
        """Completions that are still to be asked for."""
        return max(0, self.asked - self.finished - self.failed - len(self.requests))

    def in_flight(self) -> Counter[str]:
        """Requests that are being answered, by experiment."""
        return Counter(item.experiment.name for item in self.requests.values())

    def states(self) -> dict[str, str]:
        """Every experiment's state by its name, in the sweep's order."""
        asking = self.in_flight()
        return {name: part.state(asking[name]) for name, part in self.parts.items()}

    def tokens_per_second(self) -> float | None:
        """Generated tokens a second since generation began, by the engine's counters where it has them."""
        if self.generation_began is None:
            return None
        seconds = time.monotonic() - self.generation_began
        tokens = max(self.counters.engine_tokens, self.counters.tokens)
        return tokens / seconds if seconds > 1 and tokens else None

    def seconds_left(self) -> float | None:
        """Time left at the pace of the completions so far; None before the first few."""
        if self.generation_began is None or self.counters.completions < 5:
            return None
        pace = self.counters.completions / (time.monotonic() - self.generation_began)
        return (self.asked - self.finished - self.failed) / pace

    def as_json(self) -> dict[str, Any]:
        """What the progress file holds; docs/live.md has its fields."""
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
    """What there is to say of the sweep as a whole, in words: counts, speed, queue, restarts, time left."""
    said = [f"{status.done:,}/{len(status.parts):,} experiments"]
    if status.asked:
        said.append(f"{status.finished:,}/{status.asked:,} completions")
    if status.phase == "generating":
        if (speed := status.tokens_per_second()) is not None:
            said.append(f"{speed:,.0f} tokens/s")
        said.append(f"queue: {len(status.requests):,} in flight, {status.queued:,} waiting")
        if (left := status.seconds_left()) is not None:
            said.append(f"{duration(left)} left")
    if restarts := status.counters.restarts:
        said.append(f"{restarts} engine restart{'s' * (restarts > 1)}")
    return [*said, f"{status.failed:,} failed"] if status.failed else said


def line(status: Status) -> str:
    """The sweep in one line."""
    return ", ".join([status.phase, *facts(status)])


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(42), duration(3725)
    ('42 s', '1 h 02 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
