"""Loading data: the places of local files, alternative column names, golds that agree between copies, and errors."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections import Counter

import pyarrow
import pyarrow.parquet
import pytest

from evalsuite.errors import UserError
from evalsuite.tasks import data
from evalsuite.tasks.names import resolve
from evalsuite.tasks.rows import canonical, normalise_answer, shuffled
from evalsuite.tasks.table import ROOT, Task

ROWS = [{"id": number, "problem": f"What is {number} + 1?", "answer": str(number + 1)} for number in range(5)]
GPQA = {  # a question of ours in GPQA's columns
    "Record ID": "rec1",
    "Question": "Which of these is a noble gas?\n",
    "Correct Answer": "Argon\n",
    "Incorrect Answer 1": "Iron",
    "Incorrect Answer 2": " Chlorine",
    "Incorrect Answer 3": "Sodium",
    "Explanation": "Argon has a full outer shell.",
}


def write_jsonl(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_local_file_may_be_in_any_of_three_places(tmp_path):
    task = resolve("aime24")
    write_jsonl(tmp_path / "a/aime24.jsonl", ROWS)
    (tmp_path / "b").mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "b/aime24.parquet")
    write_jsonl(tmp_path / "c/aime24/test.jsonl", ROWS)
    loaded = [data.load_rows(task, tmp_path / folder) for folder in "abc"]
    assert loaded[0] == loaded[1] == loaded[2]
    assert [data.count(task, tmp_path / folder) for folder in "abc"] == [5, 5, 5]


@pytest.mark.parametrize("name", ["gpqa:diamond.jsonl", "gpqa-diamond.jsonl", "gpqa-diamond/test.jsonl"])
def test_a_colon_in_a_name_may_be_a_dash_in_files(tmp_path, name):
    path = write_jsonl(tmp_path / name, [GPQA])
    assert data.find_file(resolve("gpqa:diamond"), tmp_path) == path


def test_a_local_file_wins_over_the_one_that_ships_with_the_table(tmp_path):
    task = resolve("demo_words")
    assert data.find_file(task, None) == ROOT / "data/demo_words.jsonl" == data.find_file(task, tmp_path)
    assert (
        data.find_file(task, tmp_path)
        != write_jsonl(tmp_path / "demo_words.jsonl", ROWS)
        == data.find_file(task, tmp_path)
    )


def test_a_data_dir_that_is_not_a_folder_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"--data_dir .*none is not a folder"):
        data.find_file(resolve("aime24"), tmp_path / "none")


def test_the_data_hash_depends_on_the_content_only(tmp_path):
    task = resolve("aime24")
    write_jsonl(tmp_path / "a/aime24.jsonl", ROWS)
    write_jsonl(tmp_path / "b/aime24/test.jsonl", ROWS)
    write_jsonl(tmp_path / "c/aime24.jsonl", ROWS[:4])
    first, copy, other = (data.data_hash(task, tmp_path / folder) for folder in "abc")
    assert first == copy != other and first.startswith("sha256:")
    assert data.data_hash(task) == "hub:HuggingFaceH4/aime_2024/default/train@main"


def test_the_number_of_problems_is_known_without_asking_the_hub():
    assert data.count(resolve("math_500")) == 500


@pytest.mark.parametrize(
    "task, hub, local, gold",
    [
        ("aime24", {"problem": "P", "answer": "25"}, {"problem": "P", "answer": "025"}, "25"),
        ("aime25", {"problem": "P", "answer": 70}, {"problem": "P", "answer": "70"}, "70"),
        ("amc23", {"question": "P", "answer": "27"}, {"problem": "P", "answer": 27.0}, "27"),
        ("amc23", {"question": "P", "answer": -1.0}, {"problem": "P", "answer": "-1.0"}, "-1"),
        (
            "gsm8k",
            {"question": "P", "answer": "3*2=<<3*2=6>>6\n#### 1,206"},
            {"problem": "P", "answer": "1,206"},
            "1206",
        ),
        ("minerva", {"question": "P", "answer": "3.2e4"}, {"problem": "P", "answer": "3.2e4\n"}, "3.2e4"),
        ("olympiadbench", {"question": "P", "final_answer": ["$2$"]}, {"problem": "P", "answer": "$2$"}, "$2$"),
        ("olympiadbench", {"question": "P", "final_answer": ["1", "3"]}, {"problem": "P", "answer": "1, 3"}, "1, 3"),
    ],
)
def test_a_problem_is_the_same_from_the_hub_and_from_a_file(task, hub, local, gold):
    first, second = (canonical(resolve(task), raw, "here", 0) for raw in (hub, local))
    assert first["gold"] == second["gold"] == gold
    assert first["problem_hash"] == second["problem_hash"]


@pytest.mark.parametrize("answer, gold", [("0", "0"), ("000", "0"), ("-08", "-8"), ("2.50", "2.50"), ("1/2", "1/2")])
def test_only_the_spelling_of_an_integer_changes(answer, gold):
    assert normalise_answer(answer, Task("t", "expr", "T")) == gold


def test_latex_golds_are_left_alone():
    assert normalise_answer("05", Task("t", "latex", "T")) == "05"


def test_minerva_has_one_percent_tolerance_and_olympiadbenchs_absolute_one_becomes_relative():
    olympiad = {"problem": "P", "answer": "4.2", "error": "1e-1", "unit": "%"}
    row = canonical(resolve("olympiadbench"), olympiad, "here", 0)
    assert row["tolerance"] == pytest.approx(0.1 / 4.2) and row["unit"] == "%"
    assert canonical(resolve("olympiadbench"), olympiad | {"error": None, "unit": None}, "h", 0)["tolerance"] == 0.0
    assert canonical(resolve("minerva"), {"problem": "P", "answer": "1.6"}, "h", 0)["tolerance"] == 0.01


def test_gpqa_choices_depend_on_their_texts_alone():
    task = resolve("gpqa:diamond")
    row = canonical(task, GPQA, "here", 0)
    names = ["Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"]
    mixed = GPQA | dict(zip(names, [GPQA[name] for name in names[::-1]], strict=True))
    assert canonical(task, mixed, "there", 9)["choices"] == row["choices"]
    assert row["choices"]["ABCD".index(row["gold"])] == "Argon" and row["id"] == "rec1"
    assert (row["choices"], row["gold"]) == (["Sodium", "Argon", "Iron", "Chlorine"], "B")  # on every machine


def test_the_right_choice_is_at_each_letter_equally_often():
    places = Counter(shuffled(f"Question {number}?", ["w", "x", "y", "z"]).index("w") for number in range(4000))
    assert all(900 < places[place] < 1100 for place in range(4))


def test_loading_gpqa_does_not_touch_the_global_random_generator(tmp_path):
    import random

    write_jsonl(tmp_path / "gpqa-diamond.jsonl", [GPQA])
    random.seed(7)
    expected = random.Random(7).random()
    data.load_rows(resolve("gpqa:diamond"), tmp_path)
    assert random.random() == expected


def test_a_question_whose_wrong_choices_hold_the_right_one_is_refused():
    with pytest.raises(UserError, match="row 3: a question needs 1 to 9 wrong choices"):
        canonical(resolve("gpqa:diamond"), GPQA | {"Incorrect Answer 1": "Argon"}, "row 3", 3)


@pytest.mark.parametrize(
    "row, said",
    [
        ({"problem": "P"}, "line 2: task aime24 needs the column answer; the columns are problem"),
        ({"answer": "1"}, "line 2: task aime24 needs the column problem; the columns are answer"),
        ({"problem": "P", "answer": None}, "line 2: column answer must hold text or a number, not None"),
        ({"problem": "P", "answer": True}, "line 2: column answer must hold text or a number, not True"),
        ({"problem": " ", "answer": "1"}, "line 2: column problem must hold text or a number, not ' '"),
        ([1], "line 2: must be a JSON object"),
    ],
)
def test_an_invalid_row_is_reported_with_file_and_line(tmp_path, row, said):
    path = write_jsonl(tmp_path / "aime24.jsonl", [ROWS[0], row])
    with pytest.raises(UserError) as caught:
        data.load_rows(resolve("aime24"), tmp_path)
    assert f"{path} {said}" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_gpqa_columns_are_reported(tmp_path):
    write_jsonl(tmp_path / "gpqa-diamond.jsonl", [{key: GPQA[key] for key in ("Question", "Correct Answer")}])
    said = r"needs the column Incorrect Answer 1 or .*; the columns are Question, Correct Answer"
    with pytest.raises(UserError, match=said):
        data.load_rows(resolve("gpqa:diamond"), tmp_path)


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("aime24.jsonl", b'{"problem": "P"', r"line 1: not valid JSON \(in UTF-8\)"),
        ("aime24.jsonl", b'{"problem": "\xff"}', r"line 1: not valid JSON \(in UTF-8\)"),
        ("aime24.jsonl", b"\n\n", "task aime24 has no problems"),
        ("aime24.parquet", b"PAR1", "not a Parquet file"),
    ],
)
def test_a_broken_file_is_a_user_error_of_one_line(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        data.load_rows(resolve("aime24"), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_are_accepted(tmp_path):
    text = "\ufeff" + "\r\n\r\n".join(json.dumps(row) for row in ROWS)
    (tmp_path / "aime24.jsonl").write_bytes(text.encode())
    assert len(data.load_rows(resolve("aime24"), tmp_path)) == data.count(resolve("aime24"), tmp_path) == 5


def test_repeated_problems_have_different_hashes(tmp_path):
    write_jsonl(tmp_path / "aime24.jsonl", [ROWS[0], ROWS[1], ROWS[0], ROWS[0]])
    hashes = [row["problem_hash"] for row in data.load_rows(resolve("aime24"), tmp_path)]
    assert len(set(hashes)) == 4
    write_jsonl(tmp_path / "aime24.jsonl", [ROWS[0]])
    assert data.load_rows(resolve("aime24"), tmp_path)[0]["problem_hash"] == hashes[0]


SIZES = {
    "aime24": 30,
    "aime25": 30,
    "amc23": 40,
    "math_500": 500,
    "minerva": 272,
    "olympiadbench": 675,
    "gsm8k": 1319,
}


@pytest.mark.parametrize("name, size", SIZES.items())
def test_the_usual_benchmarks_load_from_local_files(shared, name, size):
    rows = data.load_rows(resolve(name), shared / "data")
    assert len(rows) == len({row["problem_hash"] for row in rows}) == size
    assert data.count(resolve(name), shared / "data") == size


def test_golds_are_plain_integers_in_benchmarks_with_integer_answers_only(shared):
    for name in ("aime24", "aime25", "amc23", "gsm8k"):
        golds = [row["gold"] for row in data.load_rows(resolve(name), shared / "data")]
        assert all(gold == str(int(gold)) for gold in golds), name


class Refusing(http.server.BaseHTTPRequestHandler):
    """A hub that responds as the real one does to a request for a data set whose terms were not accepted."""

    def do_GET(self):
        self.send_response(401)
        self.send_header("X-Error-Code", "GatedRepo")
        self.send_header("X-Error-Message", "Access to dataset is restricted. You must be authenticated to access it.")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_POST = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def refusing_hub():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def load_in_process(tmp_path, **environment):
    """Load gpqa:diamond in a separate process, because the hub's client reads its environment when it is imported."""
    code = (
        "from evalsuite.tasks import data, names; from evalsuite.errors import command; import sys;"
        "sys.exit(command('t')(lambda argv: data.load_rows(names.resolve('gpqa:diamond'), sys.argv[1]) and 0)())"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": "", **environment}
    command = [sys.executable, "-c", code, str(tmp_path)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


def test_a_refused_download_says_to_accept_the_terms_and_set_hf_token(tmp_path, refusing_hub):
    done = load_in_process(tmp_path, HF_ENDPOINT=refusing_hub, HF_HUB_OFFLINE="0")
    page = f"{refusing_hub}/datasets/Idavidrein/gpqa"
    said = f"t: task gpqa:diamond: the hub refused Idavidrein/gpqa; accept its terms at {page} and set HF_TOKEN\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_without_a_network_the_error_lists_the_files_to_provide(tmp_path):
    done = load_in_process(tmp_path, HF_HUB_OFFLINE="1")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "cannot load Idavidrein/gpqa from the hub" in done.stderr
    files = "gpqa-diamond.jsonl, gpqa-diamond.parquet or gpqa-diamond/test.jsonl"
    assert f"put {files} into {tmp_path}" in done.stderr
