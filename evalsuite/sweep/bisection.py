"""Find the request that crashes the engine.

Requests that were in flight at two crashes are suspects. Suspects are run apart from the others, half of them at a
time, until one of them crashes the engine alone.
"""

from collections import deque

from evalsuite.sweep.schedule import Item, Queue

CRASHES_ALONE = 2  # after so many crashes with nothing else in flight, a request is given up
MAX_CULPRITS = 4  # given up without a completion in between, after which the engine itself is to blame
MAX_FIRST_CULPRITS = 2  # the same if the engine has never completed a request


class CrashBisection:
    """The search. Groups of suspects run one after the other, before the main queue continues."""

    def __init__(self, restarts: int) -> None:
        self.restarts = restarts
        self.groups: list[list[Item]] = []
        self.has_completed = False  # whether the engine has ever completed a request
        self.fruitless = 0  # crashes in a row that brought neither a completion nor a narrower search
        self.culprits = 0  # requests given up since the last completion

    def next_group(self) -> Queue | None:
        """The next group of suspects; None if there are none."""
        return Queue(deque([self.groups.pop()])) if self.groups else None

    def on_completion(self) -> None:
        """Record that the engine completed a request."""
        self.has_completed, self.fruitless, self.culprits = True, 0, 0

    @property
    def engine_is_broken(self) -> bool:
        """Whether the engine itself is to blame: it crashed too often in vain, or too many requests crash it."""
        limit = MAX_CULPRITS if self.has_completed else MAX_FIRST_CULPRITS
        return self.fruitless > self.restarts or self.culprits >= limit

    def on_crash(self, in_flight: list[Item], queue: Queue) -> Item | None:
        """Record a crash: requests go back into the queue or become suspects; returns one that is to be given up."""
        for item in in_flight:
            item.crashes += 1
        suspects = [item for item in in_flight if item.crashes >= 2]
        queue.put_back(item for item in in_flight if item.crashes < 2)
        if len(in_flight) == 1:
            return self._on_crash_alone(in_flight[0])
        self.fruitless += not suspects
        # If the engine has never completed anything, any request may crash it, so a single one is tried first.
        half = (len(suspects) + 1) // 2 if self.has_completed else 1
        self.groups += [part for part in (suspects[half:], suspects[:half]) if part]
        return None

    def _on_crash_alone(self, item: Item) -> Item | None:
        item.crashes_alone += 1
        if item.crashes_alone >= CRASHES_ALONE:
            self.culprits += 1
            self.fruitless = 0
            return item
        self.fruitless += 1
        if item.crashes >= 2:
            self.groups.append([item])
        return None
