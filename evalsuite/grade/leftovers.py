"""What a grading that was killed left behind: files of lighteval's that no manifest names, and temporary ones."""

import contextlib
from pathlib import Path
from typing import Any

NAMED = ("results_file", "details_file")


def remove(folder: Path, manifest: dict[str, Any] | None) -> None:
    """Remove unnamed results, details and temporary files; whatever else a user put there stays."""
    kept = {folder / one[key] for one in _gradings(manifest) for key in NAMED if isinstance(one.get(key), str)}
    for path in [*folder.glob("results/**/results_*.json"), *folder.glob("details/**/details_*.parquet")]:
        if path not in kept:
            _remove(path)
            _remove(path.with_suffix(".csv"))
            _remove_empty(path.parent, folder)
    for pattern in (".completions.jsonl.zst.*", ".experiment.json.*", "details/**/.details_*.parquet.new"):
        for path in folder.glob(pattern):
            _remove(path)


def _gradings(manifest: dict[str, Any] | None) -> list[dict[str, Any]]:
    if manifest is None:
        return []
    history = manifest.get("history")
    return [manifest, *(one for one in history if isinstance(one, dict))] if isinstance(history, list) else [manifest]


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _remove_empty(path: Path, top: Path) -> None:
    with contextlib.suppress(OSError):
        while path != top:
            path.rmdir()
            path = path.parent
