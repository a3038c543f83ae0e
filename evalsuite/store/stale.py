"""What a grading that was killed left behind: files of lighteval's that no manifest names, and temporary ones."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMED = ("results_file", "details_file")
TEMPORARY = (".completions.jsonl.zst.*", ".experiment.json.*", "details/**/.details_*.parquet.new")


def remove(folder: Path, manifest: dict[str, Any] | None) -> None:
    """Remove unnamed results, details and temporary files; whatever else a user put there stays."""
    for path in [*unnamed(folder, gradings(manifest)), *temporary(folder)]:
        remove_file(path, folder)


def unnamed(folder: Path, named: list[dict[str, Any]]) -> Iterator[Path]:
    """Results and details that none of these gradings names, each details file followed by its CSV."""
    kept = {folder / one[key] for one in named for key in NAMED if isinstance(one.get(key), str)}
    for path in [*folder.glob("results/**/results_*.json"), *folder.glob("details/**/details_*.parquet")]:
        if path not in kept:
            yield path
            if path.with_suffix(".csv").is_file():
                yield path.with_suffix(".csv")


def temporary(folder: Path) -> list[Path]:
    """Files that were being written when a process was killed."""
    return [path for pattern in TEMPORARY for path in folder.glob(pattern)]


def gradings(manifest: dict[str, Any] | None) -> list[dict[str, Any]]:
    if manifest is None:
        return []
    history = manifest.get("history")
    return [manifest, *(one for one in history if isinstance(one, dict))] if isinstance(history, list) else [manifest]


def remove_file(path: Path, top: Path) -> None:
    """Remove a file, and folders below `top` that are empty then; a disk that refuses keeps it."""
    with contextlib.suppress(OSError):
        path.unlink()
        while (path := path.parent) != top:
            path.rmdir()
