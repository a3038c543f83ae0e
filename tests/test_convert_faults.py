"""Conversion of what is damaged, changes meanwhile or is interrupted: the true reason named, finished work kept."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convert_parquet_to_csv import main
from evalsuite.convert import file
from evalsuite.convert.file import Options
from evalsuite.convert.tree import convert_all


def put(path, rows=2000):
    pq.write_table(pa.table({"a": [f"hello world {i}" * 20 for i in range(rows)]}), path)
    return path


def said(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr().out


def test_damaged_pages_are_a_fault_in_reading_not_in_writing(tmp_path, capsys):
    data = bytearray(put(tmp_path / "a.parquet").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = b"\xff" * 200
    (tmp_path / "a.parquet").write_bytes(data)
    code, text = said(capsys, tmp_path)
    assert code == 1 and "a.parquet: Corrupt snappy compressed data" in text and "cannot write" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_text_that_is_not_utf8_is_refused_so_that_the_csv_always_is(tmp_path, capsys):
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
    assert said(capsys, path)[1].endswith("1 written (30 rows), 0 were up to date\n")


@pytest.mark.parametrize("jobs", [1, 2])
def test_files_done_before_an_interruption_are_not_done_again(tmp_path, capsys, jobs):
    files = [put(tmp_path / f"{number}.parquet", 5) for number in range(6)]

    def interrupt(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_all(files, Options(), jobs, again=False, tell=interrupt)
    assert "3 written (15 rows), 3 were up to date" in said(capsys, tmp_path)[1]
