"""Files left behind by a grading that was killed: temporary ones, and lighteval's files that no manifest lists."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMED = ("results_file", "details_file")  # the keys under which a manifest lists lighteval's files
TEMPORARY = (".completions.jsonl.zst.*", ".experiment.json.*", "details/**/.details_*.parquet.new")


def remove(folder: Path, manifest: dict[str, Any] | None) -> None:
    """Remove results and details that the manifest does not list, and temporary files. Any other file is kept."""
    for path in [*unnamed(folder, gradings(manifest)), *temporary(folder)]:
        remove_file(path, folder)


def unnamed(folder: Path, named: list[dict[str, Any]]) -> Iterator[Path]:
    """Results and details files that none of these gradings lists; each details file is followed by its CSV."""
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
    """The current grading in a manifest and, after it, the earlier ones from its history."""
    if manifest is None:
        return []
    history = manifest.get("history")
    return [manifest, *(one for one in history if isinstance(one, dict))] if isinstance(history, list) else [manifest]


def remove_file(path: Path, top: Path) -> None:
    """Remove a file, then the folders between it and `top` that this leaves empty. If that fails, the file stays."""
    with contextlib.suppress(OSError):
        path.unlink()
        while (path := path.parent) != top:
            path.rmdir()
