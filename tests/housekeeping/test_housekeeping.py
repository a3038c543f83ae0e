"""Housekeeping deletes only what no result needs: results stay the same byte for byte, half-done work can continue."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import analyze_summary
from evalsuite.collect import read_tree
from evalsuite.housekeeping.__main__ import main
from evalsuite.housekeeping.survey import survey
from evalsuite.store.journal import Completion, Journal
from evalsuite.store.locks import Locks
from tests.conftest import ROOT
from tests.support import tree_maker
from tests.support.calls import Calls

pytestmark = pytest.mark.slow

DEAD = json.dumps({"host": "gone", "machine": "another", "pid": 1, "start": "1", "id": "x"})
OLD = time.time() - 100_000


def old(path: Path, text: str = "torn") -> Path:
    """Write a file and set its time to more than a day ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (OLD, OLD))
    return path


def answers(count: int, start: int = 0) -> list[Completion]:
    return [Completion(f"{at:016x}", 0, f"text {at}", "stop", 5, 10) for at in range(start, start + count)]


def journal(folder: Path, completions: list[Completion], packed: bool) -> Journal:
    found = Journal(folder)
    for one in completions:
        found.append(one)
    found.close()
    if packed:
        found.pack()
    return found


def finished(root: Path, model: str, seed: int, **changes) -> Path:
    """A finished experiment with its packed journal, sessions and CSV."""
    folder = tree_maker.own(root, model, seed=seed, **changes)
    journal(folder, answers(6), packed=True)
    (folder / "sessions.jsonl").write_text("\n{}\n")
    next(folder.glob("details/**/*.parquet")).with_suffix(".csv").write_text("a,b\n")
    return folder


def superseded(folder: Path) -> list[Path]:
    """Add an older grading to the manifest's history; returns its files."""
    path = folder / "experiment.json"
    value = json.loads(path.read_text())
    parts = {
        "results_file": "results/tiny/results_2020.json",
        "details_file": "details/tiny/2020/details_a_2020.parquet",
    }
    path.write_text(json.dumps(value | {"history": [parts | {"graded_at": "2020"}]}))
    gone = [*parts.values(), "details/tiny/2020/details_a_2020.csv"]
    return [old(folder / name) for name in gone]


def orphaned(folder: Path) -> list[Path]:
    """Create what killed gradings leave: results that no manifest names, temporary files, a dead lock."""
    names = ("results/tiny/results_2021.json", "details/tiny/2021/details_a_2021.parquet")
    torn = (".experiment.json.abcd1234", ".completions.jsonl.zst.new", "details/x/.details_a.parquet.new")
    return [old(folder / name) for name in (*names, *torn)] + [
        old(folder / ".lock", DEAD),
        old(folder / ".lock.a1", DEAD),
    ]


def moved_aside(folder: Path) -> list[Path]:
    aside = folder.with_name(f"{folder.name}.replaced-20260101-000000")
    shutil.copytree(folder, aside)
    return [aside]


def unpacked(folder: Path) -> list[Path]:
    journal(folder, answers(6), packed=False)
    return [folder / "completions.jsonl"]


def beside(folder: Path) -> list[Path]:
    return [old(folder.parent / ".seed_analysis.csv.abcd1234"), old(folder.parents[1] / ".report.html.x_y12345")]


REMOVABLE = (superseded, orphaned, moved_aside, unpacked, beside)


def half_done(root: Path, model: str, seed: int) -> Path:
    folder = root / model / f"aime24_temp0.6-topp0.95-max100-1a2b3c4d_seed{seed}"
    journal(folder, answers(3), packed=False)
    with (folder / "completions.jsonl").open("a") as stream:
        stream.write('{"torn')
    return folder


def growing(root: Path, model: str, seed: int) -> Path:
    """Finished on six problems, with three more completions since, which the manifest does not know."""
    folder = finished(root, model, seed)
    journal(folder, answers(3, 6), packed=False)
    return folder


def empty(root: Path, model: str, seed: int) -> Path:
    """Killed before the first answer: the analysis counts it as unfinished."""
    folder = root / model / f"aime24_temp0.6-topp0.95-max100-1a2b3c4d_seed{seed}"
    old(folder / ".lock", DEAD)
    return folder


def damaged(root: Path, model: str, seed: int) -> Path:
    folder = finished(root, model, seed)
    next(folder.glob("details/**/*.parquet")).unlink()
    old(folder / "results" / "tiny" / "results_other.json")
    return folder


def contents(root: Path) -> dict[str, str]:
    """The hash of every file, and every empty folder, by path."""
    found = {}
    for place, folders, names in os.walk(root):
        found |= {f"{place}/{name}": hashlib.sha256(Path(place, name).read_bytes()).hexdigest() for name in names}
        found |= {f"{place}/": "empty"} if not names and not folders else {}
    return found


def analysis(root: Path, copy: Path) -> dict[str, str]:
    """What both analysis passes write, from a copy of the tree."""
    shutil.copytree(root, copy / root.name, symlinks=True)
    read_tree(copy / root.name)
    assert analyze_summary.main([str(copy / root.name), "--bootstrap", "100"]) == 0
    made = contents(copy / root.name)
    return {name.removeprefix(str(copy)): value for name, value in made.items()
            if name.endswith((".csv", ".json")) and "_seed" not in name}  # fmt: skip


def removed(paths: list[Path]) -> set[Path]:
    """Those of the paths that no longer exist."""
    return {path for path in paths if not os.path.lexists(path)}


@pytest.mark.parametrize("seed", range(6))
def test_in_random_trees_only_unneeded_files_go_and_every_result_stays(tmp_path, seed, capsys):
    choose, root = random.Random(seed), tmp_path / "output"
    gone: list[Path] = []
    for number in range(choose.randint(2, 5)):
        folder = finished(root, choose.choice(("tiny", "big")), number)
        for kind in choose.sample(REMOVABLE, choose.randint(0, len(REMOVABLE))):
            gone += kind(folder)
    kept = [
        make(root, "tiny", 20 + at)
        for at, make in enumerate((half_done, growing, damaged, empty))
        if choose.random() < 0.7
    ]
    old(root / "tiny" / "notes.txt"), old(root / "lighteval" / "results" / "x" / "results_a.json")
    before, scores = contents(root), analysis(root, tmp_path / "before")
    journals = {path.parent: list(Journal(path.parent).read()) for path in root.glob("*/*_seed*/completions*")}
    assert main([str(root)]) == 0 and contents(root) == before  # without --yes nothing changes
    assert main([str(root), "--yes"]) == 0
    assert removed(gone) == set(gone)
    after = contents(root)
    lost = [Path(name) for name in before if name not in after]
    assert all(any(path == one or one in path.parents for one in gone) for path in lost)
    assert {name for name in after if after[name] != before.get(name)} <= {
        f"{path.parent}/completions.jsonl.zst" for path in gone if path.name == "completions.jsonl"
    }
    assert analysis(root, tmp_path / "after") == scores
    assert all(list(Journal(folder).read()) == found for folder, found in journals.items() if folder.exists())
    assert all(contents(folder) == {k: v for k, v in before.items() if k.startswith(f"{folder}/")} for folder in kept)
    assert not [item for item in survey(root).items if item.action != "can be made again"]
    capsys.readouterr()


def test_the_tables_list_states_and_kinds_within_80_columns(tmp_path, capsys):
    for kind in REMOVABLE:
        kind(finished(tmp_path, "tiny", 0) if not (tmp_path / "tiny").exists() else next(tmp_path.glob("tiny/*_seed0")))
    half_done(tmp_path, "tiny", 8), growing(tmp_path, "tiny", 9), damaged(tmp_path, "tiny", 7)
    empty(tmp_path, "tiny", 5)
    assert main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for words in (
        "half-done               1",
        "3 completions not graded yet",
        "damaged                 1",
        "no answer yet           1",
        "moved aside by --overwrite",
        "gradings from before --regrade",
        "results that no manifest names",
        "locks of dead processes",
        "journals of finished experiments (compress)",
        "CSV files of details (--csv)",
        "Nothing was changed",
    ):
        assert words in out, words


def test_the_tables_are_printed_by_the_module_as_a_command(tmp_path):
    moved_aside(finished(tmp_path, "tiny", 0))
    command = [sys.executable, "-m", "evalsuite.housekeeping", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "moved aside by --overwrite" in done.stdout and "Nothing was changed" in done.stdout


def test_json_lists_all_paths_and_what_was_done(tmp_path, capsys):
    aside = moved_aside(finished(tmp_path, "tiny", 0))[0]
    assert main([str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    states = {one["path"]: one["state"] for one in told["experiments"]}
    assert states[f"tiny/{aside.name}"] == "moved aside" and len(states) == 2
    assert [item["done"] for item in told["items"]] == [False] * 2
    assert main([str(tmp_path), "--yes", "--json"]) == 0
    done = {item["kind"]: item["done"] for item in json.loads(capsys.readouterr().out)["items"]}
    assert done == {"superseded: moved aside by --overwrite": True, "CSV files of details": False}


def test_csvs_are_deleted_only_with_the_flag_and_their_parquet_files_stay(tmp_path, capsys):
    folder = finished(tmp_path, "tiny", 0)
    assert main([str(tmp_path), "--yes"]) == 0 and list(folder.glob("details/**/*.csv"))
    assert main([str(tmp_path), "--yes", "--csv"]) == 0
    assert not list(folder.glob("details/**/*.csv")) and list(folder.glob("details/**/*.parquet"))


def test_an_experiment_locked_by_a_live_process_is_left_alone(tmp_path, capsys):
    folder, other = finished(tmp_path, "tiny", 0), finished(tmp_path, "tiny", 1)
    for one in (folder, other):
        superseded(one), unpacked(one)
    held = Locks()
    assert held.acquire(folder) is None
    before = contents(folder)
    old(other / ".lock", json.dumps({"host": "elsewhere", "machine": "another"}))
    os.utime(other / ".lock")  # a process on another machine keeps it fresh
    elsewhere = contents(other)
    assert main([str(tmp_path), "--yes"]) == 0
    assert contents(folder) == before and contents(other) == elsewhere
    held.release_all()
    assert "in use                  2" in capsys.readouterr().out


def test_links_are_never_followed(tmp_path, capsys):
    elsewhere = tmp_path / "precious"
    superseded(finished(elsewhere, "tiny", 0))
    root = tmp_path / "output"
    finished(root, "tiny", 5)
    (root / "linked").symlink_to(elsewhere / "tiny")
    (root / "tiny" / "x_seed1.replaced-20260101-000000").symlink_to(elsewhere)
    before = contents(elsewhere)
    assert main([str(root), "--yes", "--csv"]) == 0 and contents(elsewhere) == before


def test_two_folders_of_one_experiment_are_reported_and_both_stay(tmp_path, capsys):
    folder = finished(tmp_path, "tiny", 0)
    shutil.copytree(folder, folder.with_name("copy of it_seed0"))
    before = contents(tmp_path)
    assert main([str(tmp_path), "--yes"]) == 0 and contents(tmp_path) == before
    assert "1 experiment is in several folders" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nowhere", "foreign"])
def test_a_folder_without_our_experiments_is_refused_in_one_line(tmp_path, capsys, name):
    old(tmp_path / "foreign" / "photos" / "2020" / "a.jpg")
    assert main([str(tmp_path / name), "--yes"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1 and (tmp_path / "foreign/photos/2020/a.jpg").exists()


def test_a_half_done_experiment_continues_afterwards_without_repeated_requests(fake_server: Calls, capsys) -> None:
    output = fake_server.folder / "half"
    assert fake_server.asked("half", "--seed", "0-1")[0].code == 0
    (folder,) = output.glob("*/*_seed1")
    completions = list(Journal(folder).read())
    shutil.rmtree(folder)
    journal(folder, completions[:4], packed=False)
    orphaned(folder)
    assert main([str(output), "--yes"]) == 0
    assert not list(folder.glob(".*")) and list(Journal(folder).read()) == completions[:4]
    outcome, requests = fake_server.asked("half", "--seed", "0-1")
    assert outcome.code == 0 and len(requests) == 2
