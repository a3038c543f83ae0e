"""The panel fits the terminal, shows the state of the sweep, and escapes control characters in names."""

import re
import time
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from evalsuite.experiment import Configuration, Experiment
from evalsuite.progress.panel import Panel
from evalsuite.progress.status import Part, Status, groups

TASKS = ("aime24", "aime25", "amc23", "math_500", "minerva", "olympiadbench", "gpqa:diamond")


def status(tasks: tuple[str, ...] = TASKS, seeds: int = 10, done: int = 20, model: str = "small") -> Status:
    """A sweep in progress: `done` experiments are graded, one is being graded, eight are being answered."""
    parts = {f"{task} {seed}": Part(task, seed, task, asked=30) for seed in range(seeds) for task in tasks}
    names = list(parts)
    for at, name in enumerate(names[:done]):
        parts[name].answered, parts[name].scores = 30, {"verified_match": 0.4 + at % 5 / 50}
    for at, name in enumerate(names[done : done + 9]):
        parts[name].answered = 30 if at == 0 else at
    made = Status(model, parts, "generating", began=time.monotonic() - 730, generation_began=time.monotonic() - 700)
    made.counters.completions, made.counters.tokens, made.counters.restarts = 300, 1_225_000, 2
    made.requests = {at: SimpleNamespace(experiment=SimpleNamespace(name=name))
                     for at, name in enumerate(names[done + 1 : done + 9])}  # fmt: skip
    return made


def plain(made: Status, width: int = 80, height: int = 23) -> list[str]:
    return [line.rstrip() for line in Panel(None).lines(made, width, height)]


@pytest.mark.parametrize("size", [(80, 23), (40, 11), (20, 6), (12, 3), (200, 60), (80, 1), (60, 16), (61, 17)])
@pytest.mark.parametrize("sweep", [(TASKS, 10, 20), (("aime24",), 1, 0), (TASKS, 100, 350), (("x" * 90,), 3, 1)])
def test_the_panel_fits_terminals_of_any_size(size: tuple[int, int], sweep: tuple) -> None:
    lines = plain(status(*sweep), *size)
    assert 1 <= len(lines) <= size[1]
    assert max(map(cell_len, lines)) < size[0]


def test_seventy_experiments_are_shown_as_a_row_per_task_the_running_ones_and_a_count() -> None:
    lines = plain(status())
    assert lines[0].startswith("small  generating, 12 min ─")
    assert re.fullmatch(r"20/70 experiments   666/2,100 completions   1,7\d\d tokens/s", lines[1])
    assert re.fullmatch(r"queue: 8 in flight, 1,426 waiting   \d\d min left   2 engine restarts", lines[2])
    assert re.fullmatch(r"aime24 +━+╸? +3/10 seeds +44\.0 ± 4\.0", lines[4])
    assert re.fullmatch(r"gpqa:diamond +━+╸? +2/10 seeds +44\.0 ± 2\.8", lines[10])
    assert re.fullmatch(r"gpqa:diamond seed 2 +━+ +30/30 +grading", lines[11])
    assert re.fullmatch(r"aime24 seed 3 +━*╸? +1/30", lines[12])
    shown = sum(" seed " in line for line in lines)
    assert lines[-1] == f"and {9 - shown} more running, 41 waiting"


def test_a_few_experiments_have_a_row_each_with_their_state() -> None:
    made = status(("a",), 5, 1)
    made.parts["a 2"].lost, made.parts["a 3"].elsewhere, made.parts["a 4"].answered = True, True, 0
    made.parts["a 0"].before = True
    made.requests = {}
    ends = [line.split()[-1] for line in plain(made)[-5:]]
    assert ends == ["40.0", "grading", "failed", "elsewhere", "waiting"]


def test_failures_are_counted_in_red() -> None:
    made = status()
    made.parts["aime24 3"].failed = 2
    assert "2 failed" in " ".join(plain(made))
    assert "\x1b[31m2 failed" in " ".join(Panel("standard").lines(made, 80, 23))


def test_hostile_names_are_escaped() -> None:
    hostile = "\x1b[2J\x1b]0;title\x07[red]:smile:\u202e"
    text = "\n".join(plain(status((hostile,), 2, 1, model=hostile), 120))
    assert re.sub(r"[\n━╸─]", "", text).isprintable() and "\u202e" not in text
    assert "\\x1b[2J" in text and "[red]:smile:" in text


def test_labels_contain_what_the_sweep_varies() -> None:
    def one(seed: int, temperature: float = 1.0, model: str = "m", **more: str) -> Experiment:
        configuration = Configuration("w", "1", "d", temperature=temperature, top_p=0.9, max_new_tokens=8, **more)
        return Experiment(model, "aime24", seed, configuration)

    def shown(*experiments: Experiment) -> list[str]:
        return list(groups(experiments).values())

    assert shown(one(0), one(1)) == ["aime24", "aime24"]
    assert shown(one(0), one(0, 0.6)) == ["aime24 temp 1", "aime24 temp 0.6"]
    assert shown(one(0), one(0, 0.6, model="n")) == ["m aime24 temp 1", "n aime24 temp 0.6"]
    first, second = one(0), one(0, lora="x")
    assert shown(first, second) == [f"aime24 {each.configuration.config_id[-8:]}" for each in (first, second)]
