"""The order of requests: seed by seed, and within a seed those expected to run longest first.

A half-finished sweep then has whole seeds to show, and the last answers to end are short ones: the tail, where
the device idles, is the shortest that ordering can make it.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from evalsuite.engine.client import Request
from evalsuite.identity import Configuration, Experiment


@dataclass
class Item:
    """A request on its way, for one experiment. `deaths` counts engine deaths while it was in flight."""

    experiment: Experiment
    configuration: Configuration  # the experiment's, with the task's own stop sequences where the user gave none
    request: Request
    expected: float  # prior guess of the answer's tokens, from the task table
    deaths: int = 0
    deaths_alone: int = 0
    tries: int = 0


class Lengths:
    """What answers' lengths were seen so far, in tokens: by problem of a task, else by task."""

    def __init__(self) -> None:
        self._problem: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._task: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, task: str, problem: str, tokens: int) -> None:
        """Note one answer's length."""
        for entry in (self._problem[task, problem], self._task[task]):
            entry[0] += tokens
            entry[1] += 1

    def expected(self, task: str, problem: str, otherwise: float) -> float:
        """Mean length of the problem's answers, else of the task's, else the guess."""
        for entry in (self._problem.get((task, problem)), self._task.get(task)):
            if entry and entry[1]:
                return entry[0] / entry[1]
        return otherwise


@dataclass
class Queue:
    """Requests by seed position; each group is sorted when its turn comes, by the lengths seen until then."""

    groups: deque[list[Item]]
    lengths: Lengths = field(default_factory=Lengths)
    _current: deque[Item] = field(default_factory=deque)

    def pop(self) -> Item | None:
        """The next request; None when none is left."""
        while not self._current:
            if not self.groups:
                return None
            self._current = deque(sorted(self.groups.popleft(), key=self._tokens, reverse=True))
        return self._current.popleft()

    def _tokens(self, item: Item) -> float:
        return self.lengths.expected(item.experiment.task, item.request.problem, item.expected)

    def put_back(self, items: Iterable[Item]) -> None:
        """Ask these again, before all others."""
        self._current.extendleft(items)

    def rest(self) -> list[Item]:
        """All that is left, taken out."""
        left = [*self._current, *(item for group in self.groups for item in group)]
        self._current.clear()
        self.groups.clear()
        return left

    def __len__(self) -> int:
        return len(self._current) + sum(map(len, self.groups))
