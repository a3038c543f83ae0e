"""Shared fixtures: where the optional shared folder lies, and the repository's root."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared benchmark data and recorded answers; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("EVALSUITE_SHARED", ROOT.parent / "shared"))
    if not (folder / "README.md").is_file():
        pytest.skip(f"shared folder not found at {folder}")
    return folder
