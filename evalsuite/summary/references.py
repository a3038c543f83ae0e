"""Reads references.csv: published numbers that tables show beside ours, marked as unpaired and never tested against."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

NAME = "references.csv"
COLUMNS = ("model", "task", "mean", "standard_deviation", "seeds", "source", "settings")


@dataclass(frozen=True)
class Reference:
    """A published mean and standard deviation over seeds, fractions in [0, 1]; NaN or None if not given."""

    model: str
    task: str
    mean: float
    standard_deviation: float
    seeds: int | None
    source: str
    settings: str

    @property
    def label(self) -> str:
        return f"{self.model} (published)"


def read_references(folder: Path) -> tuple[list[Reference], list[tuple[str, str]]]:
    """Read references.csv in `folder`; also returns (line, reason) of each bad row. Both are empty without the file."""
    path = folder / NAME
    if not path.is_file():
        return [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            table = csv.DictReader(stream)
            missing = [name for name in COLUMNS[:3] if name not in (table.fieldnames or ())]
            if missing:
                return [], [(NAME, f"no column {', '.join(missing)}; the first line must be {','.join(COLUMNS)}")]
            return _rows(table)
    except (OSError, ValueError, csv.Error) as error:
        return [], [(NAME, getattr(error, "strerror", None) or str(error))]


def _rows(table: csv.DictReader) -> tuple[list[Reference], list[tuple[str, str]]]:
    found, bad = [], []
    for row in table:
        try:
            found.append(_reference({key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}))
        except ValueError as error:
            bad.append((f"{NAME} line {table.line_num}", str(error)))
    return found, bad


def _reference(row: dict[str, str]) -> Reference:
    if not row["model"] or not row["task"]:
        raise ValueError("model or task is empty")
    seeds = row.get("seeds", "")
    if seeds and not seeds.isdecimal():
        raise ValueError(f"seeds is {seeds!r}, not a whole number")
    return Reference(
        model=row["model"],
        task=row["task"],
        mean=_fraction(row, "mean"),
        standard_deviation=_fraction(row, "standard_deviation") if row.get("standard_deviation") else math.nan,
        seeds=int(seeds) if seeds else None,
        source=row.get("source", ""),
        settings=row.get("settings", ""),
    )


def _fraction(row: dict[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except ValueError:
        raise ValueError(f"{name} is {row[name]!r}, not a number") from None
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {row[name]}, not a fraction in [0, 1]; write 28.7% as 0.287")
    return value
