"""Which request kills the engine: what was in flight at two deaths is halved and run apart until one stands alone."""

from collections import deque

from evalsuite.sweep.schedule import Item, Queue

DEATHS_ALONE = 2  # engine deaths with nothing else in flight, after which a request is set aside


class Bisection:
    """The search. `groups` run apart from the main queue, one after the other, before it goes on."""

    def __init__(self, restarts: int) -> None:
        self.restarts = restarts
        self.groups: list[list[Item]] = []
        self.worked = False  # whether the engine ever gave a completion
        self.barren = 0  # deaths in a row without a completion that did not narrow the search either
        self.set_aside = 0  # requests set aside without a completion in between

    def next_group(self) -> Queue | None:
        """The suspects that run next; None when nobody is under suspicion."""
        return Queue(deque([self.groups.pop()])) if self.groups else None

    def progress(self) -> None:
        """Note that a completion came: the engine works."""
        self.worked, self.barren, self.set_aside = True, 0, 0

    @property
    def engine_is_broken(self) -> bool:
        """Whether the engine is to blame: too many deaths for nothing, or one request after the other kills it."""
        return self.barren > self.restarts or self.set_aside >= (4 if self.worked else 2)

    def sort_out(self, lost: list[Item], queue: Queue) -> Item | None:
        """After a death with `lost` in flight: ask most of them again; returns the one that is to be set aside."""
        for item in lost:
            item.deaths += 1
        suspects = [item for item in lost if item.deaths >= 2]
        queue.put_back(item for item in lost if item.deaths < 2)
        if len(lost) == 1:
            return self._alone(lost[0])
        self.barren += not suspects
        # An engine that never gave anything is tried with one request: it may die of any.
        half = (len(suspects) + 1) // 2 if self.worked else 1
        self.groups += [part for part in (suspects[half:], suspects[:half]) if part]
        return None

    def _alone(self, item: Item) -> Item | None:
        item.deaths_alone += 1
        if item.deaths_alone >= DEATHS_ALONE:
            self.set_aside += 1
            self.barren = 0
            return item
        self.barren += 1
        if item.deaths >= 2:
            self.groups.append([item])
        return None
