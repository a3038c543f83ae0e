"""The order of requests: seed by seed, within a seed the longest first, and the last long ones early enough.

Going seed by seed, an unfinished sweep has complete seeds to show. But near the end of the queue, this order alone
would start the longest answers of the last seed so late that the device idles while it waits for them, for half the
sweep's time or more. So a request of any seed moves to the front as soon as it is expected to take longer than
everything else that is left takes on all slots together.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from evalsuite.engine.client import Request
from evalsuite.experiment import Configuration, Experiment

MARGIN = 2.0  # answers may be this many times longer than expected; in simulations, 1.5 is worse and 4 is no better
LOOK_AHEAD = 16  # requests per slot that are searched; the longest answer is rarely 16 times longer than the mean


@dataclass
class Item:
    """A request of one experiment, with what has happened to it."""

    experiment: Experiment
    configuration: Configuration  # the experiment's, with the task's own stop sequences if --stop was not given
    request: Request
    expected: float  # guess of the answer's length in tokens, from the task table
    crashes: int = 0  # of the engine while this request was in flight
    crashes_alone: int = 0  # the same with no other request in flight
    tries: int = 0  # that ended with a broken connection

    @property
    def problem(self) -> tuple[str, str]:
        """The task and the problem, by which lengths are recorded."""
        return self.experiment.task, self.request.problem


class Lengths:
    """The lengths of answers so far, in tokens, by problem and by task."""

    def __init__(self) -> None:
        self._problem: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])  # [sum, count]
        self._task: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])  # [sum, count]
        self._longest: dict[str, float] = defaultdict(float)
        self._in_flight: Counter[tuple[str, str]] = Counter()

    def add(self, task: str, problem: str, tokens: int) -> None:
        """Record the length of one answer."""
        for entry in (self._problem[task, problem], self._task[task]):
            entry[0] += tokens
            entry[1] += 1
        self._longest[task] = max(self._longest[task], tokens)
        self.ended(task, problem)

    def began(self, task: str, problem: str) -> None:
        """Record that a request was sent."""
        self._in_flight[task, problem] += 1

    def ended(self, task: str, problem: str) -> None:
        """Record that a request is no longer in flight."""
        if self._in_flight[task, problem] > 0:
            self._in_flight[task, problem] -= 1

    def expected(self, task: str, problem: str, otherwise: float) -> float:
        """The mean length of the problem's answers, else that of the task's answers, else `otherwise`.

        If the problem's first answer is in flight while others of the task have come, its length is taken to be that of
        the longest: short answers come first, so the mean of those that have come is biased.
        """
        (tokens, count), (all_tokens, all_count) = (
            entry.get(key, (0.0, 0.0)) for entry, key in ((self._problem, (task, problem)), (self._task, task))
        )
        if count:
            return tokens / count
        if not all_count:
            return otherwise
        return self._longest[task] if self._in_flight[task, problem] else all_tokens / all_count


@dataclass
class Queue:
    """Groups of requests, one per seed. A group is sorted when its turn comes, by the lengths known then.

    `slots` is the number of requests that the engine runs in parallel; with 0, groups are never mixed.
    """

    groups: deque[list[Item]]
    lengths: Lengths = field(default_factory=Lengths)
    slots: int = 0
    _current: deque[Item] = field(default_factory=deque)
    _pops: int = 0

    def pop(self) -> Item | None:
        """Take out the next request; None if none is left."""
        if self.slots and self._pops % max(1, self.slots // 8) == 0 and len(self) <= LOOK_AHEAD * self.slots:
            self._move_long_ones_up()
        self._pops += 1
        while not self._current:
            if not self.groups:
                return None
            self._current = deque(sorted(self.groups.popleft(), key=self._tokens, reverse=True))
        item = self._current.popleft()
        self.lengths.began(*item.problem)
        return item

    def _move_long_ones_up(self) -> None:
        """Move requests to the front, longest first, that may take as long as all that is left takes on all slots."""
        items = [*self._current, *(item for group in self.groups for item in group)]
        tokens = {id(item): self._tokens(item) for item in items}
        share = sum(tokens.values()) / self.slots
        late = [item for item in items if MARGIN * tokens[id(item)] >= share]
        if not late:
            return
        moved = {id(item) for item in late}
        late.sort(key=lambda item: tokens[id(item)], reverse=True)
        self._current = deque([*late, *(item for item in self._current if id(item) not in moved)])
        self.groups = deque([item for item in group if id(item) not in moved] for group in self.groups)

    def _tokens(self, item: Item) -> float:
        return min(self.lengths.expected(*item.problem, item.expected), item.request.max_tokens)

    def put_back(self, items: Iterable[Item]) -> None:
        """Put requests back, to be sent again before all others."""
        for item in items:
            self.lengths.ended(*item.problem)
            self._current.appendleft(item)

    def rest(self) -> list[Item]:
        """Take out everything that is left."""
        left = [*self._current, *(item for group in self.groups for item in group)]
        self._current.clear()
        self.groups.clear()
        return left

    def __len__(self) -> int:
        return len(self._current) + sum(map(len, self.groups))
