"""report.zip: the page, the answers, the figures and the tables, to be mailed. Nothing that the page would not show."""

import zipfile
from pathlib import Path

from evalsuite.files import replacing

NAME = "report.zip"
ALWAYS = ("report.html", "model_comparison.csv", "series_analysis.csv", "comparison_results.json", "references.csv")
FOLDERS = ("answers", "figures", "tables")
PER_MODEL = ("seed_analysis.csv", "config_analysis.csv")  # disagreements.csv holds ends of responses, private ones too


def write_zip(folder: Path) -> Path:
    """Write `folder`/report.zip, whole or not at all; packed scripts and pictures are stored as they are."""
    path = folder / NAME
    with replacing(path, "wb", sync=False) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in contents(folder):
            archive.write(file, Path("report") / file.relative_to(folder))
    return path


def contents(folder: Path) -> list[Path]:
    """The files that go in."""
    found = [folder / name for name in ALWAYS]
    for name in FOLDERS:
        found += sorted(path for path in (folder / name).rglob("*") if path.name != "stamp.json")
    found += sorted(path for name in PER_MODEL for path in folder.glob(f"*/{name}"))
    return [path for path in found if path.is_file() and not path.name.startswith(".")]
