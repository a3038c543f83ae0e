"""`python -m evalsuite.grading`: the order of lines, the added fields, limits, bad lines, parallel jobs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalsuite.grading import __main__ as cli
from evalsuite.grading.parallel import in_order

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def grade(tmp_path, capfdbinary):
    """Grade lines given as dicts or raw bytes; returns (exit code, graded lines, stderr)."""

    def run(*lines, jobs=1):
        path = tmp_path / "answers.jsonl"
        path.write_bytes(
            b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
        )
        code = cli.main([str(path), "--jobs", str(jobs)])
        out, err = capfdbinary.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err.decode().replace(str(path), "FILE")

    return run


def case(gold="8", response=r"\boxed{8}", kind="latex", **more):
    return {"gold": gold, "response": response, "kind": kind, **more}


def test_every_line_comes_back_in_order_with_its_verdict(grade):
    code, graded, err = grade(
        case(id=1), case(response="I cannot tell from this.", id=2), case(kind="mcq", gold="B", response="(B)", id=3)
    )
    assert (code, err) == (0, "")
    assert graded[0] == case(id=1) | {"verdict": True, "extracted": "8", "reason": "same text (box)"}
    assert [(line["id"], line["verdict"], line["extracted"]) for line in graded[1:]] == [
        (2, False, None),
        (3, True, "B"),
    ]


def test_the_fields_of_a_line_are_used(grade):
    cut = case(response="so 8", finish_reason="length")
    near = case(gold="4.0", response=r"\boxed{4.03}", tolerance=0.01)
    metres = case(gold="4", response=r"\boxed{400 \text{ cm}}", unit="m")
    either = case(gold=["7", "8"])
    _, graded, _ = grade(cut, near, metres, either)
    assert [line["verdict"] for line in graded] == [False, True, True, True]


def test_bad_lines_are_reported_and_the_others_graded(grade):
    bad = [b"not json", b"[1]", b'{"gold": "1", "response": "1"}', case(gold=1), case(kind="essay"), case(tolerance=-1)]
    more = [b'{"gold": "1", "response": "1", "kind": "expr", "tolerance": NaN}', b"\xff", b"[" * 100_000, b""]
    code, graded, err = grade(case(), *bad, *more, case(id="last"), jobs=2)
    assert code == 1 and [line.get("id") for line in graded] == [None, "last"]
    assert err.splitlines() == [
        "FILE line 2: not JSON in UTF-8: Expecting value: line 1 column 1 (char 0)",
        "FILE line 3: not a JSON object",
        "FILE line 4: `kind` must be one of latex, expr, mcq",
        "FILE line 5: `gold` must be a string or a list of strings",
        "FILE line 6: `kind` must be one of latex, expr, mcq",
        "FILE line 7: `tolerance` must be a number of at least 0",
        "FILE line 8: not JSON in UTF-8: NaN is not a JSON number",
        "FILE line 9: not JSON in UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        "FILE line 10: JSON nested too deeply",
    ]


def test_a_missing_file_or_a_bad_number_of_jobs_is_a_mistake_of_the_user(tmp_path, capsys):
    missing = tmp_path / "none.jsonl"
    assert cli.main([str(missing)]) == 2
    assert cli.main([str(tmp_path), "--jobs", "0"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"evalsuite.grading: cannot read {missing}: No such file or directory; give a file of JSON lines",
        "evalsuite.grading: --jobs 0: give a number of at least 1",
    ]


def test_surrogates_and_control_characters_are_kept(grade):
    odd = case(response="\ud800\0\x1b[31m \\boxed{8}")
    code, graded, _ = grade(odd)
    assert code == 0 and graded[0] == odd | {"verdict": True, "extracted": "8", "reason": "same text (box)"}


def test_a_case_that_takes_too_long_or_too_much_is_false_and_says_so(grade, monkeypatch):
    def graded_line(line):
        behaviour = json.loads(line)["response"]
        if behaviour == "slow":
            time.sleep(60)
        if behaviour == "large":
            return bytes(4 << 30)
        return os._exit(3) if behaviour == "dies" else cli._line(cli.fields_of(line), True, "x", "fine")

    monkeypatch.setattr(cli, "graded_line", graded_line)
    monkeypatch.setattr(cli, "SECONDS", 0.5)
    code, graded, err = grade(*(case(response=name) for name in ("fine", "slow", "large", "dies", "fine")), jobs=2)
    assert (code, err) == (0, "")
    assert [line["reason"] for line in graded] == [
        "fine",
        "grading took more than 0.5 s",
        "grading took too much memory",
        "grading failed: the child ended without a result (exit code 3)",
        "fine",
    ]
    assert [line["verdict"] for line in graded] == [True, False, False, False, True]


def test_results_keep_their_order_however_long_each_takes():
    def slow_if_even(number):
        time.sleep(0.05 * (number % 2 == 0))
        return number

    assert list(in_order(slow_if_even, ((number,) for number in range(30)), jobs=3)) == list(range(30))


def test_it_runs_as_a_module_from_standard_input():
    line = json.dumps(case()).encode()
    done = subprocess.run(
        [sys.executable, "-m", "evalsuite.grading", "-"], input=line, capture_output=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0 and json.loads(done.stdout)["verdict"] is True
