"""However the files of a tree are damaged, the first pass ends with an exit code and a valid file."""

import contextlib
import json
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyze_results import main
from tests.support import tree_maker as make

EXAMPLES = int(os.environ.get("EVALSUITE_FUZZ_EXAMPLES", "60"))
ODD = (None, True, -1, 0, 1e308, 10**30, "", "x", "\ud800", "../..", [], {}, [[]], {"a": None}, ["a", 1], float("nan"))
NAMES = (
    "a b",
    "q'\"",
    "n\nl",
    "ünï",
    "-x",
    "results",
    "details",
    "experiment.json",
    "details_x.parquet",
    "seed",
    "logs",
)


@pytest.fixture(scope="module")
def original():
    """A tree of our own, lighteval's and an earlier suite's experiments, analysed once, so that it has a cache."""
    folder = Path(tempfile.mkdtemp())
    make.own(folder, seed=0, count=3)
    make.own(folder, seed=1, count=3)
    make.unfinished(folder, seed=2)
    make.nested(folder / "other/run-seed0", model="org/other", count=3)
    make.flat(folder / "old/3-0.8-0.9-bfloat16-128-32768-aime24-100", model="org/old", count=3)
    make.flat(folder / "old/4-0.8-0.9-aime24-100", model="org/old", count=3, text=True)
    assert main([str(folder)]) == 0
    yield folder
    shutil.rmtree(folder)


def mutate(rng: random.Random, tree: Path) -> None:
    """Damage one file or folder in one way."""
    path = rng.choice(sorted(tree.rglob("*")))
    with contextlib.suppress(OSError):  # links and pipes from earlier mutations cannot be changed further
        rng.choice(ON_FILES if path.is_file() else ON_FOLDERS)(rng, tree, path)


def cut(rng, tree, path):
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size + 1)])


def flip(rng, tree, path):
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 3, 30))):
        if content:
            content[rng.randrange(len(content))] = rng.randrange(256)
    path.write_bytes(content)


def swap(rng, tree, path):
    other = rng.choice([one for one in sorted(tree.rglob("*")) if one.is_file()])
    path.write_bytes(other.read_bytes())


def change_json(rng, tree, path):
    """Put an unexpected value at a random place of a JSON file."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        return swap(rng, tree, path)
    place = value
    while isinstance(place, dict) and place:
        key = rng.choice(sorted(place))
        if rng.random() < 0.4 or not isinstance(place[key], dict):
            place[key] = rng.choice(ODD)
            break
        place = place[key]
    path.write_text(json.dumps(value if rng.random() < 0.95 else rng.choice(ODD)))


def change_rows(rng, tree, path):
    """Replace a details file by rows of another shape."""
    if path.suffix != ".parquet":
        return change_json(rng, tree, path)
    rows = rng.choice((make.own_rows, make.flat_rows))(rng.randrange(1, 4))
    key = rng.choice(sorted(rows[0]))
    inner = rows[0][key]
    for row in rows:
        if isinstance(inner, dict) and rng.random() < 0.7:
            row[key] = row[key] | {rng.choice(sorted(inner)): rng.choice((None, "x", 1.5))}
        else:
            row[key] = str(row[key]) if rng.random() < 0.5 else None
    try:
        make.write_parquet(path, rows)
    except (ValueError, TypeError, OSError):  # Arrow does not accept columns of mixed types
        path.write_bytes(b"PAR1")


def to_folder(rng, tree, path):
    path.unlink()
    path.mkdir()


def to_pipe(rng, tree, path):
    path.unlink()
    os.mkfifo(path)


def remove(rng, tree, path):
    path.unlink() if path.is_file() else shutil.rmtree(path)


def rename(rng, tree, path):
    target = path.with_name(rng.choice(NAMES))
    if not target.exists():
        path.rename(target)


def link(rng, tree, path):
    """Create a link in a folder, to anything in the tree or to nothing."""
    target = path / rng.choice(NAMES)
    if not target.exists() and not target.is_symlink():
        target.symlink_to(rng.choice([*sorted(tree.rglob("*")), tree, tree / "nowhere"]))


def copy(rng, tree, path):
    target = rng.choice([one for one in sorted(tree.rglob("*")) if one.is_dir() and not one.is_symlink()]) / rng.choice(
        NAMES
    )
    if not target.exists() and path not in target.parents:
        with contextlib.suppress(shutil.Error):  # named pipes
            shutil.copytree(path, target, symlinks=True)


def drop(rng, tree, path):
    (path / rng.choice(("x.json", "y.parquet", "z.jsonl", "results_1.json", "details_a.parquet"))).write_bytes(b"{}")


ON_FILES = (cut, flip, flip, swap, change_json, change_json, change_rows, to_folder, to_pipe, remove, rename)
ON_FOLDERS = (remove, rename, link, drop, copy)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 5), fresh=st.booleans())
def test_no_mutation_of_a_tree_ends_in_a_traceback(original, capsys, seed, count, fresh):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(shutil.copytree(original, f"{folder}/out", symlinks=True))
        for _ in range(count):
            mutate(rng, tree)
        first = main([str(tree), "--jobs", "1", *(["--fresh"] if fresh else [])])
        out, err = capsys.readouterr()
        assert first in (0, 1, 2) and "Traceback" not in out + err
        assert first != 1 or "skipped: " in out or "error: " in out or err
        assert not any(ord(char) < 32 and char != "\n" for char in out)
        for path in tree.rglob("all_experiments_results.json"):
            if path.stat().st_mtime_ns > original.stat().st_mtime_ns and f"{path}\n" in out:
                check(json.loads(path.read_bytes()))
        assert main([str(tree), "--jobs", "1"]) == first
        capsys.readouterr()


def check(written):
    """Assert that columns have the same length, scores are numbers or null, and names agree."""
    for name, experiment in written["experiments"].items():
        samples, count = experiment["samples"], experiment["results"]["num_samples"]
        columns = [value for value in samples.values() if isinstance(value, list)]
        columns += [column for value in samples.values() if isinstance(value, dict) for column in value.values()]
        assert experiment["experiment"] == name and {len(column) for column in columns} == {count}
        assert all(isinstance(v, float | None) for column in samples["scores"].values() for v in column)
