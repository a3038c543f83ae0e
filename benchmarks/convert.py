"""Compare the conversion of a large details file with pandas and DuckDB, and time that of 10,000 small files.

    python benchmarks/convert.py --dir /tmp/convert-benchmark          # 12,000 rows: 1.5 GB of CSV, 10,000 small files
    python benchmarks/convert.py --dir /tmp/convert-benchmark --rows 500 --files 100 --repeats 1

Every converter runs `--repeats` times in a process of its own, in turn with the others; the table shows medians of
wall time, CPU time and peak memory. Every cell of our CSV is also compared with the parquet file. Writes
benchmarks/results/convert.json.
"""

import argparse
import csv
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from evalsuite.files import write_json  # noqa: E402 - the path is set above

RESULT = ROOT / "benchmarks" / "results" / "convert.json"
GROUP = 500  # rows per row group, as written by lighteval
BYTES_PER_ROW = 400_000  # on disk at the same time: the parquet file and two CSVs
PIECES = [r"\frac{1}{2}", r"\(x^2+y^2=z^2\)", r"$\boxed{42}$", '"so"', "\n", ".\n\n", "we,", "🙂", "é", "\t"]
TIMED = """
import re, sys, time
source, target = sys.argv[1:]
begun = time.perf_counter()
{body}
wall = time.perf_counter() - begun
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print(wall, time.process_time(), int(peak) / 1024)
"""
DUCKDB = """
import duckdb
db = duckdb.connect()
names = [row[0] for row in db.execute(f"describe select * from '{source}'").fetchall()]
json = ", ".join(f'to_json("{name}") as "{name}"' for name in names)
db.execute(f"copy (select {json} from '{source}') to '{target}' (header, delimiter ',')")"""
OURS = """
from convert_parquet_to_csv import main
sys.stdout, screen = open("/dev/null", "w"), sys.stdout
assert main([source, "--overwrite", *%r]) == 0
sys.stdout = screen"""
WAYS = {
    "pandas": "import pandas\npandas.read_parquet(source).to_csv(target, index=False)",
    "DuckDB": DUCKDB,
    "ours, all columns": OURS % ["--columns", "all"],
    "ours, counts for token ids": OURS % [],
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, required=True, help="where to create the files")
    parser.add_argument("--rows", type=int, default=12_000, help="rows of the large file (default: 12000)")
    parser.add_argument("--files", type=int, default=10_000, help="number of small files of 50 rows (default: 10000)")
    parser.add_argument("--repeats", type=int, default=3, help="runs per converter (default: 3)")
    args = parser.parse_args(argv)
    args.dir.mkdir(parents=True, exist_ok=True)
    needed = (args.rows * BYTES_PER_ROW + args.files * 50_000) * 1.1
    if shutil.disk_usage(args.dir).free < needed:
        parser.error(f"this needs {needed / 1e9:.1f} GB of free disk space in {args.dir}")
    source = args.dir / f"details-{args.rows}.parquet"
    if not source.exists():
        make(source, args.rows, mean_tokens=8000)
    result = {"machine": machine(), "parquet_mb": source.stat().st_size / 1e6, **measured(source, args.repeats)}
    result["small_files"] = many(args.dir / "small", args.files) if args.files else None
    show(result)
    write_json(RESULT, result)
    return 0


def make(path: Path, rows: int, mean_tokens: int, seed: int = 0) -> None:
    """Write a details file like lighteval's: Zipf-distributed words, log-normal lengths, and token ids."""
    rng = np.random.default_rng(seed)
    letters = list("etaoinshrdlucmfwypvbgk")
    words = ["".join(rng.choice(letters, rng.integers(1, 10))) for _ in range(6000)] + PIECES * 60
    words = np.array(words, dtype=object)[rng.permutation(len(words))]
    ids = rng.permutation(150_000)[: len(words)]
    stream = rng.zipf(1.3, 2_000_000) % len(words)
    with open(path.with_suffix(".part"), "wb") as file:
        writer = None
        for first in range(0, rows, GROUP):
            table = group(rng, words, ids, stream, range(first, min(first + GROUP, rows)), mean_tokens)
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
        writer.close()
    path.with_suffix(".part").rename(path)


def group(rng, words, ids, stream, numbers: range, mean_tokens: int) -> pa.Table:
    """Generate one row group."""
    lengths = np.clip(rng.lognormal(np.log(mean_tokens) - 0.32, 0.8, len(numbers)), 16, 8 * mean_tokens).astype(int)
    spans = [
        (start, start + n) for start, n in zip(rng.integers(0, len(stream) // 2, len(numbers)), lengths, strict=True)
    ]
    texts = [" ".join(words[stream[a:b]]) for a, b in spans]
    tokens = pa.ListArray.from_arrays(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
                                      np.concatenate([ids[stream[a:b]] for a, b in spans]))  # fmt: skip
    singly = pa.array(np.arange(len(numbers) + 1), pa.int32())
    docs = [
        {"query": text[:400], "choices": [str(n)], "gold_index": 0, "instruction": None, "id": str(n), "task_name": "t",
         "specific": {"extracted_predictions": [str(n)], "extracted_golds": [str(n + 1), "2"]}, "num_samples": 1}
        for n, text in zip(numbers, texts, strict=True)
    ]  # fmt: skip
    answers = {
        "input": [text[:420] for text in texts],
        "text": pa.ListArray.from_arrays(singly, pa.array(texts)),
        "output_tokens": pa.ListArray.from_arrays(singly, tokens),
        "text_post_processed": pa.ListArray.from_arrays(singly, pa.array(texts)),
        "reasonings": pa.array([[None]] * len(texts), pa.list_(pa.string())),
    }
    answers = {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in answers.items()}
    return pa.table({
        "doc": pa.array(docs),
        "metric": pa.array([{"extractive_match": float(n % 2), "verified_match": float(n % 3 == 0)} for n in numbers]),
        "model_response": pa.StructArray.from_arrays(list(answers.values()), names=list(answers)),
    })  # fmt: skip


def measured(source: Path, repeats: int) -> dict:
    """The medians of all converters, and the number of equal cells in our CSV with all columns."""
    runs: dict[str, list] = {way: [] for way in WAYS}
    cells = 0
    for turn in range(repeats):
        for way, body in WAYS.items():
            target = source.with_suffix(".csv") if way.startswith("ours") else source.with_suffix(".other.csv")
            runs[way].append([*timed(body, source, target), target.stat().st_size / 1e6])
            if turn == 0 and way == "ours, all columns":
                cells = equal_cells(source, target)
            target.unlink()
    keys = ("wall_s", "cpu_s", "peak_mb", "csv_mb")
    ways = {
        way: dict(zip(keys, map(statistics.median, zip(*rows, strict=True)), strict=True)) for way, rows in runs.items()
    }
    against = [ours[0] / duck[0] for ours, duck in zip(runs["ours, all columns"], runs["DuckDB"], strict=True)]
    return {"repeats": repeats, "ways": ways, "wall_ratio_to_duckdb": statistics.median(against), "equal_cells": cells}


def timed(body: str, source: Path, target: Path) -> list[float]:
    """Wall seconds, CPU seconds and peak MB of one converter in a process of its own, including imports."""
    command = [sys.executable, "-c", TIMED.format(body=body), str(source), str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"a converter failed:\n{done.stderr}")
    return [float(number) for number in done.stdout.splitlines()[-1].split()]


def equal_cells(source: Path, target: Path) -> int:
    """Compare all cells and return their number. Raises AssertionError at a difference; null equals an empty cell."""
    csv.field_size_limit(1 << 30)
    cells = 0
    with open(target, newline="", encoding="utf-8") as file:
        lines = csv.reader(file, strict=True)
        names = next(lines)
        for batch in pq.ParquetFile(source).iter_batches(50):
            for row in batch.to_pylist():
                for name, cell in zip(names, next(lines), strict=True):
                    value = row
                    for part in name.split("."):
                        value = value[part]
                    assert parsed(cell, value) == ("" if value is None else value), (name, cell[:200])
                    cells += 1
        assert next(lines, None) is None
    return cells


def parsed(cell: str, value: object) -> object:
    return cell if value is None or isinstance(value, str) else json.loads(cell)


def many(folder: Path, count: int) -> dict:
    """Seconds to convert `count` files of 50 rows, and of a second call, which finds them up to date."""
    shutil.rmtree(folder, ignore_errors=True)
    one = folder / "one.parquet"
    folder.mkdir(parents=True)
    make(one, 50, mean_tokens=60)
    for number in range(count):
        model = folder / f"model-{number // 100}"
        model.mkdir(exist_ok=True)
        shutil.copyfile(one, model / f"details-{number}.parquet")
    one.unlink()
    command = [sys.executable, str(ROOT / "convert_parquet_to_csv.py"), str(folder)]
    seconds = []
    for _ in range(2):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - begun)
    assert len(list(folder.rglob("*.csv"))) == count
    shutil.rmtree(folder)
    return {"files": count, "wall_s": seconds[0], "again_s": seconds[1]}


def machine() -> dict:
    return {"cores": len(os.sched_getaffinity(0)), "system": platform.platform(), "load_before": os.getloadavg()[0],
            "date": time.strftime("%Y-%m-%d")}  # fmt: skip


def show(result: dict) -> None:
    print(f"{'converter':28}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}{'CSV MB':>8}")
    for way, row in result["ways"].items():
        print(f"{way:28}{row['wall_s']:8.1f}{row['cpu_s']:8.1f}{row['peak_mb']:9.0f}{row['csv_mb']:8.0f}")
    print(f"ratio of wall times, ours with all columns to DuckDB: {result['wall_ratio_to_duckdb']:.2f}")
    print(f"{result['equal_cells']} cells equal those of the parquet file, none differ")
    if small := result["small_files"]:
        print(f"{small['files']} files of 50 rows: {small['wall_s']:.1f} s; when up to date: {small['again_s']:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
