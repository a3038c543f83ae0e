"""Writes figures/: every chart of every task as PDF and PNG."""

import hashlib
import re
import warnings
from typing import TYPE_CHECKING

import matplotlib

from evalsuite.files import replacing
from evalsuite.report.data import chart_data
from evalsuite.report.figures.charts import RC
from evalsuite.report.load import Study
from evalsuite.report.series import lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_figures(study: Study) -> int:
    """Write all charts that have something to show; returns their number."""
    from evalsuite.report.figures.charts import CHARTS, by_step

    data = chart_data(study, set())
    written = 0
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name with characters that the font lacks
        for task, name in enumerate(names(study.tasks)):
            for kind, chart in CHARTS.items():
                written += _save(chart(data, task), study, f"{kind}_{name}")
        for line, name in zip(data["series"], names([line.name for line in lines(study)]), strict=True):
            written += _save(by_step(data, line), study, f"series_{name}")
    return written


def names(tasks: list[str]) -> list[str]:
    """File names for tasks, with a hash appended where two would be the same.

    >>> names(["gpqa:diamond", "gpqa/diamond"])
    ['gpqa-diamond', 'gpqa-diamond-1af4df']
    """
    found: list[str] = []
    for task in tasks:
        plain = re.sub(r"[^A-Za-z0-9._]+", "-", task)[:60].strip(".-") or "task"
        ending = hashlib.sha256(task.encode("utf-8", "replace")).hexdigest()[:6]
        found.append(plain if plain not in found else f"{plain}-{ending}")
    return found


def _save(figure: "Figure | None", study: Study, name: str) -> bool:
    if figure is None:
        return False
    for kind, metadata in (("pdf", {"CreationDate": None}), ("png", {"Software": None})):
        with replacing(study.folder / "figures" / f"{name}.{kind}", "wb", sync=False) as stream:
            figure.savefig(stream, format=kind, metadata=metadata)
    return True
