"""Converting damaged or changing files, and interruptions: the true reason is reported, finished work is kept."""

import os
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import convert_parquet_to_csv
from convert_parquet_to_csv import main
from evalsuite.convert import file
from evalsuite.convert.file import Options
from evalsuite.convert.tree import convert_all
from tests.support.sweeps import ROOT


def put(path, rows=2000):
    pq.write_table(pa.table({"a": [f"hello world {i}" * 20 for i in range(rows)]}), path)
    return path


def said(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr().out


def test_damaged_pages_are_reported_as_a_read_error_not_a_write_error(tmp_path, capsys):
    data = bytearray(put(tmp_path / "a.parquet").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = b"\xff" * 200
    (tmp_path / "a.parquet").write_bytes(data)
    code, text = said(capsys, tmp_path)
    assert code == 1 and "a.parquet: Corrupt snappy compressed data" in text and "cannot write" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_text_that_is_not_utf8_is_refused_so_that_every_csv_is_utf8(tmp_path, capsys):
    ends = pa.py_buffer(np.array([0, 1, 3], np.int32).tobytes())
    text = pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(b"a\xff\xfe")])
    pq.write_table(pa.table({"a": text, "b": pa.array([["x"], []])}), tmp_path / "a.parquet")
    code, text = said(capsys, tmp_path)
    assert code == 1 and "Invalid UTF8" in text and not (tmp_path / "a.csv").exists()


def test_a_parquet_replaced_while_it_is_read_is_not_up_to_date(tmp_path, capsys, monkeypatch):
    path = put(tmp_path / "a.parquet")
    real = file.convert

    def slow(source, *rest):
        rows = real(source, *rest)
        put(source, 30)
        return rows

    monkeypatch.setattr(file, "convert", slow)
    code, text = said(capsys, path)
    assert code == 1 and "changed while it was read" in text
    monkeypatch.undo()
    assert said(capsys, path)[1].endswith("1 written (30 rows), 0 already up to date\n")


@pytest.mark.parametrize("jobs", [1, 2])
def test_files_converted_before_an_interruption_are_not_converted_again(tmp_path, capsys, jobs):
    files = [put(tmp_path / f"{number}.parquet", 5) for number in range(6)]

    def interrupt(done, total):
        if done > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_all(files, Options(), jobs, overwrite=False, progress=interrupt)
    again, current = re.search(r"(\d) written .*, (\d) already up to date", said(capsys, tmp_path)[1]).groups()
    assert (int(again), int(current)) == (4 - jobs, 2 + jobs)  # with one job, the fourth was being converted


def test_temporary_files_of_a_killed_conversion_are_removed_once_they_are_old(tmp_path, capsys):
    path = put(tmp_path / "a.parquet", 5)
    old, new, foreign = (tmp_path / name for name in (".a.csv.abc_1234", ".a.csv.abc_5678", ".a.csv.notes"))
    for left in (old, new, foreign):
        left.touch()
    for left in (old, foreign):
        os.utime(left, (1, 1))
    assert said(capsys, path)[0] == 0
    assert not old.exists() and new.exists() and foreign.exists()


ENDLESS = """
import runpy, signal
from evalsuite.convert import file
file.rows = lambda *_, **more: (print("begun", flush=True), signal.pause())
runpy.run_path("convert_parquet_to_csv.py", run_name="__main__")
"""


def test_terminating_the_command_leaves_no_temporary_file(tmp_path):
    put(tmp_path / "a.parquet", 5)
    command = [sys.executable, "-c", ENDLESS, str(tmp_path), "--jobs", "1"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "begun\n" and list(tmp_path.glob(".a.csv.*"))
    running.terminate()
    assert "interrupted" in running.communicate(timeout=600)[1] and running.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_a_long_conversion_writes_its_progress_to_a_log(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(convert_parquet_to_csv, "LOG_SECONDS", 0.0)
    put(tmp_path / "a.parquet", 40_000)
    main([str(tmp_path)])
    lines = capsys.readouterr().err.splitlines()
    shares = [int(re.fullmatch(r"[01] of 1 files, (\d+)%", line)[1]) for line in lines]
    assert len(shares) > 2 and shares == sorted(shares) and shares[0] < 100 == shares[-1]


def test_stored_columns_are_those_of_the_parquet_file_with_structs_as_json(tmp_path):
    rows = [{"s": {"a": 1, "tokens": [1, 2]}, "n": 'x"'}, {"s": None, "n": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert main([str(tmp_path), "--columns", "stored"]) == 0
    wanted = b'"s","n"\r\n"{""a"":1,""tokens"":[1,2]}","x"""\r\n,\r\n'
    assert (tmp_path / "a.csv").read_bytes() == wanted


def test_a_folder_without_parquet_files_is_reported(tmp_path, capsys):
    assert said(capsys, tmp_path) == (0, f"no .parquet file in {tmp_path}\n")
