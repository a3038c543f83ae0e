"""The order of the queue: seed by seed and longest first; nothing is lost when requests are put back."""

from collections import deque
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evalsuite.engine.client import Request
from evalsuite.experiment import Configuration, Experiment
from evalsuite.sweep.schedule import Item, Lengths, Queue

CONFIGURATION = Configuration("w", "1", "d", 0.8, 0.9, 64)


def item(problem: str, task: str = "t", seed: int = 0, expected: float = 10.0) -> Item:
    return Item(Experiment("m", task, seed, CONFIGURATION), CONFIGURATION, Request(problem, 0, seed, 64), expected)


def names(queue: Queue) -> list[str]:
    found = []
    while (one := queue.pop()) is not None:
        found.append(one.request.problem)
    return found


def test_all_of_a_seed_comes_before_any_of_the_next() -> None:
    first = [item("a", expected=1), item("b", expected=2)]
    queue = Queue(deque([first, [item("c", seed=1, expected=99)]]))
    assert names(queue) == ["b", "a", "c"]


def test_a_problems_own_lengths_win_over_its_tasks_and_those_over_the_guess() -> None:
    lengths = Lengths()
    lengths.add("t", "a", 5)
    lengths.add("t", "a", 15)
    lengths.add("t", "b", 100)
    assert lengths.expected("t", "a", 7) == 10 and lengths.expected("t", "new", 7) == 40
    assert lengths.expected("other", "a", 7) == 7


def test_lengths_of_one_seed_determine_the_order_of_the_next() -> None:
    lengths = Lengths()
    queue = Queue(deque([[item("a"), item("b")], [item("a", seed=1), item("b", seed=1)]]), lengths)
    queue.pop(), queue.pop()
    lengths.add("t", "a", 5)
    lengths.add("t", "b", 500)
    assert names(queue) == ["b", "a"]


def test_requests_that_are_put_back_come_first() -> None:
    queue = Queue(deque([[item("a", expected=3), item("b", expected=2), item("c", expected=1)]]))
    taken = queue.pop()
    queue.put_back([taken])
    assert len(queue) == 3 and names(queue) == ["a", "b", "c"]


def seeds(count: int, lengths: dict[str, int], slots: int) -> Queue:
    """A queue of `count` seeds of the same problems, whose lengths are known."""
    known = Lengths()
    for problem, tokens in lengths.items():
        known.add("t", problem, tokens)
    return Queue(deque([item(problem, seed=seed) for problem in lengths] for seed in range(count)), known, slots)


def test_long_requests_of_all_seeds_come_first_once_they_may_outlast_the_rest() -> None:
    queue = seeds(3, {"long": 64, "a": 10, "b": 10, "c": 10}, slots=4)
    # 2 x 64 tokens are more than what is left takes on four slots, so no long request waits for its seed.
    assert names(queue) == ["long"] * 3 + list("abc") * 3


def test_seeds_are_kept_apart_while_enough_work_is_left() -> None:
    queue = seeds(40, {"long": 64, "a": 10, "b": 10}, slots=1)
    seed = ["long", "a", "b"]
    assert names(queue) == seed * 38 + ["long", "long", "a", "b", "a", "b"]


def test_a_problem_whose_first_answer_is_in_flight_counts_as_long() -> None:
    queue = Queue(deque([[item(name, seed=seed) for name in ("a", "b", "c")] for seed in range(2)]))
    for _ in range(3):
        queue.pop()
    queue.lengths.add("t", "c", 12)
    queue.lengths.add("t", "a", 8)  # b is still in flight
    assert names(queue) == ["b", "c", "a"]


def test_expected_lengths_are_limited_by_max_tokens() -> None:
    capped = item("capped", expected=9000)
    capped.request = replace(capped.request, max_tokens=16)
    assert names(Queue(deque([[capped, item("b", expected=17)]]))) == ["b", "capped"]


@given(st.lists(st.lists(st.integers(0, 99), max_size=5), max_size=5), st.integers(0, 9), st.integers(0, 4))
def test_no_request_is_lost_or_duplicated(groups: list[list[int]], popped: int, slots: int) -> None:
    items = [[item(f"{at}-{place}", expected=size) for place, size in enumerate(g)] for at, g in enumerate(groups)]
    queue = Queue(deque(list(group) for group in items), slots=slots)
    taken = [one for _ in range(popped) if (one := queue.pop()) is not None]
    assert len(queue) + len(taken) == sum(map(len, items))
    queue.put_back(taken)
    rest = queue.rest()
    assert len(queue) == 0 and {id(one) for one in rest} == {id(one) for group in items for one in group}
