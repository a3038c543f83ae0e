"""The terminal while a sweep runs: lines are kept above the panel, and nothing about the terminal blocks the run."""

import io
import sys
import termios
from collections.abc import Iterator

import pytest

from evalsuite.progress.screen import Screen, Stream
from tests.support.sweeps import ROOT
from tests.support.terminals import Terminal, terminal

PANEL = ["panel one", "panel two", "panel three"]
COUNT = """
import sys, time
from evalsuite.progress import screen
screen.attach()
for number in range(60):
    screen.current().show(lambda width, height: [f"panel {number}", "x" * (width - 1)])
    print(f"line {number}")
    if len(sys.argv) > 1 and number == 30:
        import os
        os.kill(os.getpid(), 9)
sys.stderr.write("no end of line")
"""


@pytest.fixture
def shown() -> Iterator[Terminal]:
    with terminal() as made:
        yield made


def test_lines_are_kept_above_the_panel_and_the_panel_is_removed_at_the_end(shown: Terminal) -> None:
    screen = Screen(shown.name)
    screen.show(lambda width, height: PANEL)
    screen.say("first")
    screen.say("second\nthird")
    shown.read()
    assert shown.seen() == ["first", "second", "third", *PANEL]
    screen.show(lambda width, height: PANEL[:1])
    shown.read()
    assert shown.seen() == ["first", "second", "third", "panel one"]
    screen.close()
    shown.read()
    assert shown.seen() == ["first", "second", "third"] and shown.as_before()


def test_long_lines_are_broken_between_words(shown: Terminal) -> None:
    screen = Screen(shown.name)
    screen.say("word " * 17 + "/a/path" * 8)
    shown.read()
    assert shown.seen() == ["word " * 14 + "word word", "  word " + "/a/path" * 8]


def test_a_commands_lines_scroll_and_its_panel_is_removed(shown: Terminal) -> None:
    process = shown.start(sys.executable, "-c", COUNT, cwd=ROOT)
    last = shown.frames(process, lambda seen: seen[-1] == "no end of line")[-1]
    assert process.wait(600) == 0 and shown.as_before()
    assert shown.scrolled() + last == [*(f"line {number}" for number in range(60)), "no end of line"]


def test_a_killed_command_leaves_the_terminal_usable(shown: Terminal) -> None:
    process = shown.start(sys.executable, "-c", COUNT, "killed", cwd=ROOT)
    last = shown.frames(process, lambda seen: False)[-1]
    assert process.wait(600) == -9 and shown.as_before()
    assert last[-2:] == ["panel 30", "x" * 79] and shown.screen.cursor.x == 0
    assert b"\x1b[?" not in shown.written  # no mode was ever changed


def test_a_narrower_terminal_shows_the_panel_once(shown: Terminal) -> None:
    screen = Screen(shown.name)
    wide = ["a" * 70, "b" * 30]
    screen.say("stays")
    screen.show(lambda width, height: wide)
    shown.read()
    termios.tcsetwinsize(shown.slave, (24, 40))
    reflown = ["stays", "a" * 40, "a" * 30, "b" * 30]  # terminals wrap lines that no longer fit, but pyte cuts them
    shown.screen.resize(24, 40)
    shown.stream.feed(b"\x1b[H\x1b[J" + "".join(f"{line}\r\n" for line in reflown).encode())
    screen.show(lambda width, height: PANEL)
    shown.read()
    assert shown.seen() == ["stays", *PANEL]


def test_a_terminal_that_hangs_does_not_block(shown: Terminal) -> None:
    screen = Screen(shown.name)
    for number in range(2000):  # much more than a pty accepts while nothing is read
        screen.show(lambda width, height: ["x" * 70] * 20)
        if number % 100 == 0:
            screen.say(f"line {number}")
    shown.read()
    screen.show(lambda width, height: PANEL)
    shown.read()
    screen.show(lambda width, height: PANEL)
    shown.read()
    assert shown.seen()[-4:] == ["line 1900", *PANEL]


def test_a_terminal_that_is_gone_is_ignored() -> None:
    with terminal() as gone:
        screen = Screen(gone.name)
    screen.show(lambda width, height: PANEL)
    screen.say("unheard")
    screen.close()


def test_printed_lines_go_to_the_log_without_escape_codes(shown: Terminal) -> None:
    log = io.StringIO()
    screen = Screen(shown.name)
    stream = Stream(screen, log)
    print("one", file=stream)
    screen.show(lambda width, height: PANEL)
    print("two", "three", sep="\n", file=stream, flush=True)
    stream.write_log("four\n")
    shown.read()
    assert log.getvalue() == "one\ntwo\nthree\nfour\n"
    assert shown.seen() == ["one", "two", "three", *PANEL]


def test_a_dumb_terminal_gets_plain_lines(shown: Terminal) -> None:
    code = "from evalsuite.progress import screen; screen.attach(); print(screen.current())"
    shown.frames(shown.start(sys.executable, "-c", code, cwd=ROOT, TERM="dumb"), lambda seen: False)
    assert shown.seen() == ["None"]


def test_a_background_job_knows_that_it_is_not_in_the_foreground(shown: Terminal) -> None:
    code = (
        "import os\nfrom evalsuite.progress import screen\n"
        "screen.attach()\nprint(screen.current().in_foreground())\nif os.fork() == 0:\n    os.setpgid(0, 0)\n"
        "    print(screen.current().in_foreground())\n    os._exit(0)\nos.wait()\n"
    )
    shown.frames(shown.start(sys.executable, "-c", code, cwd=ROOT), lambda seen: False)
    assert shown.seen() == ["True", "False"]
