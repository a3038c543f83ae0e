"""What users and programs see of main.py while it runs, on a terminal of 80x24 and through run_interactive.sh."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sweeps import ROOT, Suite, ending, running_server
from tests.support.terminals import terminal

pytestmark = pytest.mark.slow

TASKS = ("demo_arithmetic", "demo_words")
TITLE = re.compile(r"bytes  (planning|loading tasks and model|generating|grading), \d+ s ─+")
FACT = re.compile(
    r"\d/\d experiments|\d+/\d+ completions|[\d,]+ tokens/s|queue: \d+ in flight, \d+ waiting|\d+ (s|min) left"
)
HEAD = re.compile(r"experiment +completions  \w+ %")
ROW = re.compile(r"demo_\w+ seed [0-2] +━+[╸╺]?━*( +\d+/6)?( +(waiting|grading|\d+\.\d))?")
SCORE = re.compile(r" \d+\.\d$")
ENOUGH = {4: 21, 2: 11}  # after so many answers of 4 or 2 experiments of six problems, at least one is complete


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite(tmp_path_factory.mktemp("live"), problems=6, tasks=TASKS)


@pytest.fixture(scope="module")
def base_url(suite: Suite) -> Iterator[str]:
    with running_server(suite.fake) as url:
        yield url


def panel_of(seen: list[str]) -> list[str]:
    """The lines of the panel, from its title to the end; empty if there is none."""
    starts = [at for at, line in enumerate(seen) if TITLE.fullmatch(line)]
    assert len(starts) <= 1, seen
    return seen[starts[0] :] if starts else []


def see_whole(panel: list[str], rows: int) -> None:
    """Every line of the panel has one of the expected forms and appears once: none is wrapped, torn or left over."""
    *facts, head = panel[1:-rows]
    assert all(ROW.fullmatch(line) for line in panel[-rows:]) and HEAD.fullmatch(head), panel
    assert len({line.split("━")[0] for line in panel[-rows:]}) == rows, panel
    facts = [fact for line in facts for fact in line.split("   ")]
    assert all(FACT.fullmatch(fact) for fact in facts), panel
    assert len({re.sub(r"\d", "", fact) for fact in facts}) == len(facts), panel


def scores(seen: list[str]) -> int:
    """How many experiments show a score."""
    return sum(bool(SCORE.search(line)) for line in panel_of(seen)[3:])


@pytest.fixture(scope="module")
def watched(suite: Suite, base_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[list[str]], Path]:
    """The screens of a sweep from start to end, and its output folder. It pauses until a score has been seen."""
    output = tmp_path_factory.mktemp("watched") / "out"
    command = [sys.executable, str(ROOT / "main.py"), *suite.arguments(output, "--seed", "0-1")]
    command += ["--dtype", "bfloat16"]  # run_interactive.sh's, so that its run continues this one
    suite.fake.tell(hold={"id": 1, "count": ENOUGH[4]})
    with terminal() as screen:
        process = screen.start(*command, "--base_url", base_url, "--max_num_seqs", "1")
        with ending(process):
            frames = screen.frames(process, scores)
            suite.fake.tell()
            frames += screen.frames(process, lambda seen: False)
            assert process.wait(600) == 0 and screen.as_before()
    return frames, output


def test_the_panel_is_whole_in_every_frame_and_gone_at_the_end(watched: tuple[list[list[str]], Path]) -> None:
    frames, _ = watched
    panels = [panel for seen in frames if (panel := panel_of(seen))]
    for panel in panels:
        see_whole(panel, 4)
    phases = list(dict.fromkeys(TITLE.fullmatch(panel[0])[1] for panel in panels))
    in_order = [phase for phase in ("planning", "loading tasks and model", "generating", "grading") if phase in phases]
    assert phases == in_order and "generating" in phases  # the others may pass between two looks
    assert any("in flight" in "".join(panel) and scores(panel) for panel in panels)  # before the end
    assert not panel_of(frames[-1]) and sum(line.startswith("graded demo_") for line in frames[-1]) == 4


def test_run_interactive_shows_the_panel_with_earlier_scores_and_its_log_has_plain_lines(
    suite: Suite, base_url: str, watched: tuple[list[list[str]], Path]
) -> None:
    """The sweep continues with another seed, for which one experiment gets all its answers, and ends with Ctrl-C."""
    output = watched[1]
    variables = {
        "SETUP": "0", "PYTHON": sys.executable, "OUTPUT_DIR": str(output), "MODELS": str(suite.model),
        "TASKS": " ".join(TASKS), "SEEDS": "0-2", "DATA_DIR": str(suite.data), "BASE_URL": base_url,
        "MAX_NUM_SEQUENCES": "1", "USE_CHAT_TEMPLATE": "0", "MAX_NEW_TOKENS": "400", "MAX_MODEL_LENGTHS": "",
    }  # fmt: skip
    suite.fake.tell(hold={"id": 2, "count": ENOUGH[2]})
    with terminal() as screen:
        process = screen.start("bash", str(ROOT / "run_interactive.sh"), **variables)
        with ending(process):
            panel = panel_of(screen.frames(process, lambda seen: scores(seen) == 5)[-1])
            screen.type(b"\x03")  # Ctrl-C
            last = screen.frames(process, lambda seen: False)[-1]
            assert process.wait(600) == 130 and screen.as_before()
    see_whole(panel, 6)
    assert "5/6 experiments" in panel[1]
    assert sum(bool(re.search(r"seed [01] +━+ +\d+\.\d$", line)) for line in panel) == 4
    said = " ".join(" ".join(last).split())
    assert "main.py: stopping; press Ctrl-C again to stop immediately main.py: stopped; " in said and not panel_of(last)
    assert "run_interactive: interrupted; all finished work is kept" in said and said.count("stopping") == 1
    (log,) = output.glob("logs/*_01_bytes.log")
    text = log.read_text()
    assert "\x1b" not in text and "━" not in text and "graded demo_" in text
    assert re.search(r"^\[\d\d:\d\d:\d\d\] loading tasks and model, 4/6 experiments$", text, re.MULTILINE)
    see_progress_file(output)


def see_progress_file(output: Path) -> None:
    """The progress file has what the panel shows."""
    path = max(output.glob("logs/progress-*.json"), key=lambda path: path.stat().st_mtime_ns)
    found = json.loads(path.read_text())
    assert (found["model"], found["experiments"], found["completions_asked"], found["failed"]) == ("bytes", 6, 12, 0)
    one = found["by_experiment"][next(iter(found["graded"]))]
    assert one["state"] == "finished" and one["answered"] == one["asked"] == 6
    assert 0 <= one["scores"]["verified_match"] <= 1 and one["task"] in TASKS and one["seed"] == 2
    assert {"tokens_per_second", "seconds_left", "in_flight", "queued", "restarts"} <= set(found)
    assert sum(each["answered"] for each in found["by_experiment"].values()) == found["completions"]
