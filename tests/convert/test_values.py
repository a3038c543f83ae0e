"""Every value of a parquet file is in its CSV: a strict reader reads it back and compares cell by cell."""

import datetime
import decimal
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert_parquet_to_csv import main
from tests.support import strict_csv

HOSTILE = [
    None,
    "",
    " ",
    '"',
    '""',
    ",",
    "\r\n",
    "\n",
    "\r",
    "\x00",
    "a\x00b",
    "\x1b[31m",
    "\x01\x1f\x7f",
    "\\",
    '\\"',
    "\\n",
    "null",
    "NaN",
    "🙂",
    "é\u202e",
    "\ufeff",
    "\u2028",
    "=1+1",
    "x" * 70_000,
    '"' * 999,
    "line\nline\r\nline",
]
TIMES = [0, 1, None, 43_200, 86_399]


def converted(path, table, *options, **writing):
    """The CSV of `table`, written to `path` as parquet first."""
    pq.write_table(table, path, **writing)
    assert main([str(path), "--overwrite", "--jobs", "1", *options]) == 0
    return path.with_suffix(".csv").read_bytes()


def check(path, table, **writing):
    strict_csv.assert_same(path, converted(path, table, "--columns", "all", **writing))


FLAT = {
    "text": pa.array(HOSTILE),
    "large_text": pa.array(HOSTILE, pa.large_string()),
    "dictionary": pa.array(HOSTILE).dictionary_encode(),
    "nothing": pa.nulls(3),
    "bool": pa.array([True, False, None]),
    **{
        str(kind): pa.array([0, 1, None, 2**bits - 1 if low == 0 else 2 ** (bits - 1) - 1, low], kind)
        for bits in (8, 16, 32, 64)
        for kind, low in (
            (pa.from_numpy_dtype(f"int{bits}"), -(2 ** (bits - 1))),
            (pa.from_numpy_dtype(f"uint{bits}"), 0),
        )
    },
    "float16": pa.array([0.0, -1.5, None, math.inf, math.nan], pa.float32()).cast(pa.float16()),
    "float32": pa.array([0.1, 1e38, None, 1e-45, 16777216.0, -math.inf], pa.float32()),
    "float64": pa.array(
        [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e15, 1e16, 123456789012345680.0, 1e22, math.nan, math.inf, None]
    ),
    "decimal": pa.array([decimal.Decimal("-0.10"), decimal.Decimal("99999999.99"), None], pa.decimal128(10, 2)),
    "wide_decimal": pa.array([decimal.Decimal(10) ** 60 + decimal.Decimal("0.00001"), None], pa.decimal256(70, 5)),
    "seconds": pa.array([0, 1_700_000_000, -5, None], pa.timestamp("ms")),
    "nanoseconds": pa.array([1, -1, 1_700_000_000_123_456_789, None], pa.timestamp("ns")),
    "zoned": pa.array([1, 1_700_000_000_123_456, None], pa.timestamp("us", "Europe/Berlin")),
    "date": pa.array([0, 19_000, -1, None], pa.int32()).cast(pa.date32()),
    "time_ms": pa.array(TIMES, pa.int32()).cast(pa.time32("s")).cast(pa.time32("ms")),
    "time_ns": pa.array([0, 1, None, 86_399_999_999_999]).cast(pa.time64("ns")),
    "duration": pa.array([0, -1, None, 10**15], pa.duration("us")),
    "bytes": pa.array([b"", b"\x00\xff", b'",\r\n', None]),
    "large_bytes": pa.array([b"\xff" * 1000, None], pa.large_binary()),
    "fixed_bytes": pa.array([b"\x00\xff\n", None], pa.binary(3)),
}


@pytest.mark.parametrize("name", FLAT)
def test_every_flat_type_reads_back_exactly(tmp_path, name):
    check(tmp_path / "a.parquet", pa.table({name: FLAT[name]}))


NESTED = {
    "lists": pa.array([[], None, [None], HOSTILE, [""]]),
    "large_lists": pa.array([[1.5, None], None, []], pa.large_list(pa.float64())),
    "fixed_lists": pa.array([[1, 2], None, [None, 4]], pa.list_(pa.int64(), 2)),
    "lists_of_lists": pa.array([[[1], [], None], None, [], [[2, 3]]]),
    "structs": pa.array([{"a": 1, "b": {"c": "x"}}, None, {"a": None, "b": None}, {"a": 2, "b": {"c": None}}]),
    "lists_of_structs": pa.array([[{"a": 1, "b": HOSTILE}, None], None, []]),
    "hostile_keys": pa.array([[{'a"\\\n\x00,': 1}]]),
    "maps": pa.array([[("k", 1), ("k", None)], None, []], pa.map_(pa.string(), pa.int64())),
    "maps_of_structs": pa.array(
        [[(1, {"x": [1.0]})], [(2, None)]], pa.map_(pa.int32(), pa.struct({"x": pa.list_(pa.float64())}))
    ),
    "lists_of_bytes": pa.array([[b"\xff", None]]),
    "lists_of_decimals": pa.array([[decimal.Decimal("1.50")]]),
    "lists_of_words": pa.array([["a", "b"], ["a"]], pa.list_(pa.string())),
    "lists_of_odd_floats": pa.array([[math.nan, math.inf, -math.inf, -0.0, 1e300, 1.0]]),
    "lists_of_large_floats": pa.array([[1e9, 1e10, -1e14, 123456789012.0, 1e15, 1e16]]),
    "lists_of_bools": pa.array([[True, False, None]]),
    "lists_of_nothing": pa.array([[None], [], None]),
    "many_numbers": pa.array([list(range(30_000)), None, [-1, 2**63 - 1]]),
    "lists_of_dates": pa.array([[datetime.date(2025, 1, 31), None]]),
}


@pytest.mark.parametrize("name", NESTED)
def test_every_nested_type_reads_back_exactly(tmp_path, name):
    if name in ("lists_of_decimals", "lists_of_dates"):
        assert (
            str(NESTED[name][0].as_py()[0]) in converted(tmp_path / "a.parquet", pa.table({"v": NESTED[name]})).decode()
        )
        return
    check(tmp_path / "a.parquet", pa.table({"v": NESTED[name]}))


def test_all_types_in_one_file_whose_row_groups_differ_from_the_batches_read_back(tmp_path):
    columns = {**FLAT, **NESTED}
    for skipped in ("lists_of_decimals", "lists_of_dates"):
        columns.pop(skipped)
    rows = 41
    table = pa.table({name: pa.concat_arrays([array] * rows)[:rows] for name, array in columns.items()})
    check(tmp_path / "a.parquet", table, row_group_size=7)


def test_sliced_arrays_read_back_exactly(tmp_path):
    array = pa.array([{"t": ["a", None], "n": [[1, 2], []]}, None, {"t": [], "n": None}, {"t": ['"'], "n": [[3]]}] * 50)
    check(tmp_path / "a.parquet", pa.table({"v": array[3:151]}), row_group_size=11)


def test_a_null_struct_differs_from_one_whose_fields_are_null(tmp_path):
    rows = [{"a": "", "b": 1}, None, {"a": None, "b": None}]
    csv = converted(tmp_path / "a.parquet", pa.table({"s": pa.array(rows)}))
    assert csv == b'"s","s.a","s.b"\r\n"{}","",1\r\n,,\r\n"{}",,\r\n'


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.list_(pa.string()))}),
        pa.table({}),
        pa.table({"e": pa.array([{}, None], pa.struct([]))}),
    ],
    ids=["no rows", "no columns", "empty struct"],
)
def test_an_empty_table_still_becomes_a_csv(tmp_path, table):
    try:
        pq.write_table(table, tmp_path / "probe.parquet")
    except pa.ArrowException:
        pytest.skip("parquet cannot hold it")
    check(tmp_path / "a.parquet", table)


def test_hostile_column_names_are_kept_in_the_header(tmp_path):
    names = ['a"b', "c,d", "e\nf", "g.h", "é🙂", " ", "=x", "|"]
    check(tmp_path / "a.parquet", pa.table({name: [1, None] for name in names}))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from([one for one in HOSTILE if one])
LEAVES = st.sampled_from(
    [
        (pa.string(), TEXT),
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.float64(), st.floats()),
        (pa.bool_(), st.booleans()),
        (pa.large_string(), TEXT),
        (pa.int8(), st.integers(-128, 127)),
        (pa.binary(), st.binary(max_size=5)),
    ]
)


def _wrap(inner):
    def lists(pair):
        return pa.list_(pair[0]), st.lists(st.none() | pair[1], max_size=3)

    def structs(pairs):
        kind = pa.struct([pa.field(name, pair[0]) for name, pair in pairs.items()])
        return kind, st.fixed_dictionaries({name: st.none() | pair[1] for name, pair in pairs.items()})

    def maps(pair):
        return pa.map_(pa.string(), pair[0]), st.lists(st.tuples(TEXT, st.none() | pair[1]), max_size=3)

    names = st.sampled_from(["a", "b.c", 'd"', "\n"])
    return inner.map(lists) | st.dictionaries(names, inner, min_size=1, max_size=3).map(structs) | inner.map(maps)


@st.composite
def tables(draw):
    """Tables of one to three columns with any nesting and hostile values."""
    rows = draw(st.integers(0, 5))
    kinds = draw(st.lists(st.recursive(LEAVES, _wrap, max_leaves=5), min_size=1, max_size=3))
    columns = [
        pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind) for kind, values in kinds
    ]
    return pa.table(columns, names=[f"c{index}" for index in range(len(columns))])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(table=tables(), group=st.integers(1, 5))
def test_any_nesting_of_hostile_values_reads_back_exactly(tmp_path, table, group):
    check(tmp_path / "a.parquet", table, row_group_size=group)


@pytest.mark.parametrize("top", [9, (1 << 18) - 1, 1 << 18])
def test_many_integers_in_lists_of_any_length_read_back_exactly(tmp_path, top):
    ids = [None if i % 9 == 4 else [(i * j * j) % (top + 1) for j in range(i % 200)] for i in range(400)] + [[top]]
    assert sum(map(len, filter(None, ids))) > 30_000  # so many that their digits are looked up in a table
    check(tmp_path / "a.parquet", pa.table({"a": ids, "b": [[one, one] if one else one for one in ids]}))
