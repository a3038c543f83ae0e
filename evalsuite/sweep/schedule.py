"""The order of requests: seed by seed, within a seed the longest first, and in time what would outlast all the rest.

A half-finished sweep then has whole seeds to show. Near the end of the queue that order alone would start the last
seed's longest answers so late that the device idles behind them, for half the sweep's time or more. So a request
moves up, whatever its seed, as soon as it is expected to take longer than all that is left takes on every slot.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from evalsuite.engine.client import Request
from evalsuite.experiment import Configuration, Experiment

MARGIN = 2.0  # an answer may run so many times as long as expected; simulated: 1.5 is worse, 4 is no better
LOOK_AHEAD = 16  # requests a slot that are looked through; the longest is rarely so many times longer than the mean


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

    @property
    def problem(self) -> tuple[str, str]:
        """The task and its problem: what lengths are noted by."""
        return self.experiment.task, self.request.problem


class Lengths:
    """What answers' lengths were seen so far, in tokens: by problem of a task, else by task."""

    def __init__(self) -> None:
        self._problem: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._task: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._longest: dict[str, float] = defaultdict(float)
        self._open: Counter[tuple[str, str]] = Counter()

    def add(self, task: str, problem: str, tokens: int) -> None:
        """Note one answer's length."""
        for entry in (self._problem[task, problem], self._task[task]):
            entry[0] += tokens
            entry[1] += 1
        self._longest[task] = max(self._longest[task], tokens)
        self.ended(task, problem)

    def began(self, task: str, problem: str) -> None:
        """Note that an answer is being waited for."""
        self._open[task, problem] += 1

    def ended(self, task: str, problem: str) -> None:
        """Note that it is no more."""
        if self._open[task, problem] > 0:
            self._open[task, problem] -= 1

    def expected(self, task: str, problem: str, otherwise: float) -> float:
        """Mean length of the problem's answers, else of the task's, else the guess.

        A problem whose first answer is still being waited for while others came is taken for one of the longest:
        short answers come first, so what was seen of a task until then is a biased choice.
        """
        (tokens, count), (all_tokens, all_count) = (
            entry.get(key, (0.0, 0.0)) for entry, key in ((self._problem, (task, problem)), (self._task, task))
        )
        if count:
            return tokens / count
        if not all_count:
            return otherwise
        return self._longest[task] if self._open[task, problem] else all_tokens / all_count


@dataclass
class Queue:
    """Requests by seed position; each group is sorted when its turn comes, by the lengths seen until then.

    `slots` is the number of requests that the engine runs at once; 0 keeps the groups strictly apart.
    """

    groups: deque[list[Item]]
    lengths: Lengths = field(default_factory=Lengths)
    slots: int = 0
    _current: deque[Item] = field(default_factory=deque)
    _pops: int = 0

    def pop(self) -> Item | None:
        """The next request; None when none is left."""
        if self.slots and self._pops % max(1, self.slots // 8) == 0 and len(self) <= LOOK_AHEAD * self.slots:
            self._start_in_time()
        self._pops += 1
        while not self._current:
            if not self.groups:
                return None
            self._current = deque(sorted(self.groups.popleft(), key=self._tokens, reverse=True))
        item = self._current.popleft()
        self.lengths.began(*item.problem)
        return item

    def _start_in_time(self) -> None:
        """Move up, longest first, what may take as long as everything that is left takes on all slots."""
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
        """Ask these again, before all others."""
        for item in items:
            self.lengths.ended(*item.problem)
            self._current.appendleft(item)

    def rest(self) -> list[Item]:
        """All that is left, taken out."""
        left = [*self._current, *(item for group in self.groups for item in group)]
        self._current.clear()
        self.groups.clear()
        return left

    def __len__(self) -> int:
        return len(self._current) + sum(map(len, self.groups))
