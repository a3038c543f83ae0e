"""convert_parquet_to_csv.py as a command: what it skips, selects, refuses and reports, and how much memory it takes."""

import gzip
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convert_parquet_to_csv import main
from tests.conftest import ROOT
from tests.support import strict_csv

ROW = {
    "doc": {"query": "1+1?", "choices": ["2"]},
    "metric": {"verified_match": 1.0},
    "model_response": {"text": ['say "2"\n'], "input_tokens": [5, 6], "output_tokens": [[1, 2, 3], [4]]},
}


def put(path, rows=(ROW, None)):
    rows = [row or {**ROW, "model_response": None} for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def cells(data):
    return [[cell and cell.text for cell in row] for row in strict_csv.read(data)]


def test_token_ids_are_replaced_by_counts_unless_all_columns_are_asked_for(tmp_path):
    path = put(tmp_path / "a.parquet")
    assert main([str(path)]) == 0
    strict_csv.assert_same(path, (tmp_path / "a.csv").read_bytes(), tokens=False)
    lines = cells((tmp_path / "a.csv").read_bytes())
    assert [line[-2:] for line in lines] == [
        ["model_response.input_tokens_count", "model_response.output_tokens_count"], ["2", "4"], [None, None]
    ]  # fmt: skip
    assert main([str(path), "--columns", "all"]) == 0
    strict_csv.assert_same(path, (tmp_path / "a.csv").read_bytes())


def test_a_list_of_words_named_like_token_ids_is_kept(tmp_path):
    path = put(tmp_path / "a.parquet", [{"input_tokens": ["a", "b"]}])
    assert main([str(path)]) == 0
    assert cells((tmp_path / "a.csv").read_bytes()) == [["input_tokens"], ['["a","b"]']]


def test_only_the_columns_asked_for_are_written_in_that_order(tmp_path):
    path = put(tmp_path / "a.parquet")
    assert main([str(path), "--columns", "metric,doc.query"]) == 0
    assert cells((tmp_path / "a.csv").read_bytes())[:2] == [["metric.verified_match", "doc.query"], ["1.0", "1+1?"]]


def test_an_unknown_column_is_refused_with_the_names_that_exist(tmp_path, capsys):
    put(tmp_path / "a.parquet")
    assert main([str(tmp_path), "--columns", "nope"]) == 2
    said = "".join(capsys.readouterr())
    assert "--columns: no column nope; the file has doc.query" in said and not list(tmp_path.glob("*.csv"))


def test_files_that_are_up_to_date_are_skipped_unless_the_options_change(tmp_path, capsys):
    path = put(tmp_path / "a.parquet")
    main([str(path)])
    before = (tmp_path / "a.csv").stat().st_ino
    main([str(path)])
    assert "0 written (0 rows), 1 already up to date" in capsys.readouterr().out
    assert (tmp_path / "a.csv").stat().st_ino == before
    for more in (["--columns", "all"], ["--excel-safe"], ["--overwrite"], ["--columns", "doc"]):
        main([str(path), *more])
        assert "1 written" in capsys.readouterr().out, more


def test_a_changed_parquet_is_converted_again(tmp_path, capsys):
    path = put(tmp_path / "a.parquet")
    main([str(path)])
    put(path, [ROW] * 3)
    main([str(path)])
    assert "1 written (3 rows)" in capsys.readouterr().out


RISKY = ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "'=1", "plain", "", None]


def test_excel_safe_cells_are_no_formulas_and_the_text_can_be_restored(tmp_path):
    table = pa.table({"=name": RISKY, "n": range(-1, 10), "f": [-1.5] * 11, "b": [b"\xf8\xff"] * 11})
    pq.write_table(table, tmp_path / "a.parquet")
    assert main([str(tmp_path), "--excel-safe"]) == 0
    data = (tmp_path / "a.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    header, *rows = cells(data[3:])
    assert header[0] == "'=name" and rows[0][3] == "'+P8="
    for row, value in zip(rows, RISKY, strict=True):
        assert row[0] is None if value is None else row[0].removeprefix("'") == value
        assert value in ("plain", "", None) or row[0][0] == "'"
    assert [row[1] for row in rows] == [str(n) for n in range(-1, 10)] and rows[0][2] == "-1.5"


def test_compressed_files_hold_the_same_bytes(tmp_path):
    path = put(tmp_path / "a.parquet", [ROW] * 500)
    for more in ([], ["--compression", "gzip"], ["--compression", "zstd"]):
        assert main([str(path), *more]) == 0
    plain = (tmp_path / "a.csv").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == plain
    with pa.CompressedInputStream(pa.OSFile(str(tmp_path / "a.csv.zst")), "zstd") as stream:
        assert stream.read() == plain


NAMES = ["plain", "two words", 'quote"s', "new\nline", "a|b", "ümläut 🙂", "-dash", "a.parquet"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_bad_files_and_odd_names_are_reported_and_the_rest_is_converted(tmp_path, capsys, jobs):
    for name in NAMES:
        put(tmp_path / f"d {name}" / f"{name}.parquet")
    whole = put(tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:-30])
    (tmp_path / "head.parquet").write_bytes(whole[: len(whole) // 2] + b"\xff" * 40 + whole[len(whole) // 2 + 40 :])
    (tmp_path / "empty.parquet").touch()
    (tmp_path / "text.parquet").write_text("hello")
    (tmp_path / "loop.parquet").symlink_to("loop.parquet")
    os.mkfifo(tmp_path / "pipe.parquet")
    (tmp_path / "around").symlink_to(tmp_path)
    assert main([str(tmp_path), "--jobs", jobs]) == 1
    said = capsys.readouterr().out
    for name in NAMES:
        assert (tmp_path / f"d {name}" / f"{name}.csv").read_bytes().startswith(b'"doc.query"')
    for bad in ("cut", "empty", "text", "loop", "pipe"):
        assert f"/{bad}.parquet: " in said and not (tmp_path / f"{bad}.csv").exists()
    assert "Traceback" not in said and "new\\nline" in said and not list(tmp_path.rglob(".*.csv.*"))


def test_a_csv_that_cannot_be_written_is_reported_and_leaves_no_temporary_file(tmp_path, capsys):
    put(tmp_path / "a.parquet")
    put(tmp_path / "b.parquet")
    (tmp_path / "a.csv").mkdir()
    assert main([str(tmp_path)]) == 1
    assert "a.csv" in capsys.readouterr().out and (tmp_path / "b.csv").exists()
    assert sorted(os.listdir(tmp_path)) == [".csv_options.json", "a.csv", "a.parquet", "b.csv", "b.parquet"]


def test_a_missing_file_is_exit_2(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "no such file or folder" in "".join(capsys.readouterr())


def test_two_columns_of_the_same_name_keep_their_own_values(tmp_path):
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "a.parquet")
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "a.csv").read_bytes() == b'"a","a"\r\n1,2\r\n'


def test_help_does_not_import_arrow():
    code = "import sys, convert_parquet_to_csv as c\ntry: c.main(['--help'])\nfinally: print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.stdout.startswith("usage: convert_parquet_to_csv.py") and done.stdout.endswith("False\n")


def test_recorded_lighteval_details_read_back_exactly(tmp_path, shared):
    found = sorted((shared / "recorded" / "lighteval_tree").rglob("*.parquet"))
    assert found
    for number, path in enumerate(found):
        copy = tmp_path / f"{number}.parquet"
        copy.write_bytes(path.read_bytes())
    assert main([str(tmp_path), "--columns", "all"]) == 0
    for copy in tmp_path.glob("*.parquet"):
        strict_csv.assert_same(copy, copy.with_suffix(".csv").read_bytes())


PEAK = """
import re, sys
from convert_parquet_to_csv import main
code = main(sys.argv[1:])
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024)
sys.exit(code)
"""


@pytest.mark.parametrize("page", [1 << 20, 1 << 30], ids=["usual pages", "one page per column"])
def test_memory_stays_bounded_on_one_large_row_group(tmp_path, page):
    text = ("so \\frac{1}{2}\n" * 2000, 'we say "x" ' * 2500)
    rows = 3000  # 2 columns of about 80 MB
    table = pa.table(
        {"a": [[text[i % 2] + str(i)] for i in range(rows)], "b": [text[1 - i % 2] + str(i) for i in range(rows)]}
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=rows, data_page_size=page, use_dictionary=False)
    command = [sys.executable, "-c", PEAK, str(tmp_path), "--jobs", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.csv").stat().st_size > 160e6
    assert int(done.stdout.split()[-1]) < 450
