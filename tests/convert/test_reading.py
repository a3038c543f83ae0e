"""Reading parquet in small batches: the same rows for every kind of file, in bounded memory even with huge pages."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.convert import reading
from evalsuite.convert.reading import Reader
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

NO_LIMIT = 1 << 40


def answers(rows, length=50, seed=0):
    """A table like lighteval's details, with null structs in some rows and texts of about `length` characters."""
    rng = np.random.default_rng(seed)
    texts = ["".join(map(chr, rng.integers(97, 123, rng.integers(0, 2 * length)))) for _ in range(rows)]
    return pa.Table.from_pylist(
        [
            {
                "doc": {"query": text[:9], "specific": None if i % 7 == 3 else {"golds": [text[:3]] * (i % 3), "n": i}},
                "metric": {"verified_match": float(i % 2)},
                "response": None if i % 11 == 5 else {"text": [text], "again": text, "tokens": [[i] * (i % 5)]},
            }
            for i, text in enumerate(texts)
        ]
    )


def read(path, page_bytes=NO_LIMIT, paths=None):
    with Reader(path) as reader:
        paths = paths or [(i,) for i in range(len(reader.schema))]
        return list(reader.batches(paths, page_bytes, path.parent))


@pytest.mark.parametrize(
    "writing", [{}, {"row_group_size": 7}, {"use_dictionary": False}, {"data_page_version": "2.0"}]
)
@pytest.mark.parametrize("page_bytes", [NO_LIMIT, 1])
def test_all_rows_come_in_order_even_when_every_column_is_spooled(tmp_path, writing, page_bytes):
    table = answers(300)
    pq.write_table(table, tmp_path / "a.parquet", **writing)
    batches = read(tmp_path / "a.parquet", page_bytes)
    assert pa.Table.from_batches(batches).to_pylist() == table.to_pylist()
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_only_the_fields_asked_for_are_read(tmp_path):
    pq.write_table(answers(20), tmp_path / "a.parquet")
    (batch,) = read(tmp_path / "a.parquet", paths=[(2, 1), (0, 0)])
    assert batch.schema.names == ["doc", "response"]
    assert [field.name for field in batch.schema.field("response").type] == ["again"]


def test_small_batches_are_combined_and_large_ones_split(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BATCH_BYTES", 10_000)
    pq.write_table(answers(600, length=200), tmp_path / "a.parquet", row_group_size=5)
    sizes = [batch.nbytes for batch in read(tmp_path / "a.parquet")]
    assert 5_000 < np.median(sizes) < 20_000 and max(sizes) < 30_000


def test_structs_that_are_null_in_some_row_are_found_even_without_statistics(tmp_path):
    pq.write_table(answers(30), tmp_path / "with.parquet")
    pq.write_table(answers(30), tmp_path / "blind.parquet", write_statistics=False)
    pq.write_table(answers(3), tmp_path / "without.parquet")
    for name, expected in (("with", {(0, 1), (2,)}), ("blind", {(0, 1), (2,)}), ("without", set())):
        with Reader(tmp_path / f"{name}.parquet") as reader:
            assert reader.missing_structs() == expected, name


def test_structs_of_the_same_name_are_distinguished(tmp_path):
    structs = [pa.array([{"a": 1}, {"a": None}]), pa.array([{"a": 2}, None]), pa.array([{"a": None}, {"a": 3}])]
    pq.write_table(pa.Table.from_arrays(structs, names=["s", "s", "s"]), tmp_path / "a.parquet")
    with Reader(tmp_path / "a.parquet") as reader:
        assert not reader.unique and reader.missing_structs() == {(1,)}


@given(st.integers(1, 400), st.integers(1, 3000), st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_the_cost_of_dictionary_encoded_values_is_estimated_though_the_file_is_tiny(
    tmp_path_factory, rows, length, distinct
):
    path = tmp_path_factory.mktemp("cost") / "a.parquet"
    values = [f"{i % distinct}".rjust(length) for i in range(rows)]
    pq.write_table(pa.table({"a": values}), path)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
    with open(path, "rb") as file:
        found = reading.estimate_cost(file, chunk)
    true = sum(map(len, values))
    if chunk.total_uncompressed_size * rows >= 1 << 20:  # below this, the size does not matter and is not looked up
        assert 0.5 * true < found.decoded < 2 * true + 16 * rows + 200


def test_the_largest_page_of_plain_columns_is_known(tmp_path):
    pq.write_table(pa.table({"a": ["x" * 5000] * 2000}), tmp_path / "a.parquet", use_dictionary=False)
    chunk = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(0)
    with open(tmp_path / "a.parquet", "rb") as file:
        assert 1024 * 5000 <= reading.estimate_cost(file, chunk).pages <= 2000 * 5010


# VmHWM and not getrusage, whose peak starts with that of the process it was forked from.
PEAK = """
import os, re, sys
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "jemalloc"
from pathlib import Path
from evalsuite.convert.reading import Reader
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
path, limit = Path(sys.argv[1]), int(sys.argv[2])
with Reader(path) as reader:
    before = peak()
    rows = sum(b.num_rows for b in reader.batches([(i,) for i in range(len(reader.schema))], limit, path.parent))
print(rows, peak() - before)
"""


def growth(path: Path, page_bytes: int = NO_LIMIT) -> tuple[int, int]:
    """Read a file in a new process; returns the number of rows and the megabytes by which its peak memory grew."""
    command = [sys.executable, "-c", PEAK, str(path), str(page_bytes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    rows, megabytes = done.stdout.split()
    return int(rows), int(megabytes)


def test_a_tiny_file_that_decodes_to_a_gigabyte_is_read_in_little_memory(tmp_path):
    repeated = pa.DictionaryArray.from_arrays(np.zeros(1000, np.int32), ["x" * 1_000_000])  # without a gigabyte here
    table = pa.table({"a": repeated, "b": [[{"c": "y" * 1000}]] * 1000})
    pq.write_table(table, tmp_path / "a.parquet", store_schema=False)  # so that it is read as plain text
    assert pq.read_schema(tmp_path / "a.parquet").field("a").type == pa.string()
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    rows, megabytes = growth(tmp_path / "a.parquet")
    assert rows == 1000 and megabytes < 100


def test_several_columns_with_huge_pages_take_the_memory_of_one(tmp_path):
    text = np.random.default_rng(0).bytes(40_000).hex()
    texts = [f"{i}{text}" for i in range(1000)]  # pages of 80 MB, whatever the page size asked for
    pq.write_table(pa.table(dict.fromkeys("abcd", texts)), tmp_path / "a.parquet", use_dictionary=False)
    rows, together = growth(tmp_path / "a.parquet")
    rows, apart = growth(tmp_path / "a.parquet", 100 << 20)
    assert rows == 1000 and apart < 220 < 320 < together
