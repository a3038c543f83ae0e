"""Writes report.html: a single page that opens from disk, without a network or a server."""

import time
from pathlib import Path

from evalsuite.files import write_text
from evalsuite.report import assets
from evalsuite.report.assets import is_private
from evalsuite.report.conditions import all_conditions, cost, manifests, source
from evalsuite.report.data import chart_data, discriminating_problems
from evalsuite.report.load import Study
from evalsuite.report.sentences import headline, leading, task_line
from evalsuite.report.series import by_series
from evalsuite.report.table import result_table
from evalsuite.summary.series_tables import row_cells

SCRIPTS = ("base.js", "plots.js", "dots.js", "series.js", "pairs.js", "curves.js", "lengths.js", "rates.js", "heat.js",
           "tables.js", "report.js")  # fmt: skip


def write_page(study: Study, answered: set[str], remarks: list[str]) -> Path:
    """Write OUTPUT_DIR/report.html and return its path; `remarks` says what was left out of the answers."""
    path = study.folder / "report.html"
    write_text(path, page(study, answered, remarks))
    return path


def page(study: Study, answered: set[str], remarks: list[str]) -> str:
    """The HTML text of the page."""
    scripts = [assets.vendored("echarts.min.js"), assets.script(*SCRIPTS)]
    found = manifests(study)
    return assets.render(
        "report.html",
        scripts,
        style=assets.style("base.css", "tables.css", "report.css"),
        data=assets.embedded(chart_data(study, answered)),
        study=study,
        tasks=study.tasks,
        counts=_counts(study),
        made=time.strftime("%d %B %Y, %H:%M"),
        headline=headline(study),
        task_lines=[(task, task_line(study, task)) for task in study.tasks],
        table=result_table(study),
        series=by_series(study),
        shown=row_cells,
        several={task for task in study.tasks if len(study.of(task)) > 1},
        discriminating={task: discriminating_problems(study, task) for task in study.tasks},
        leads={task: leading(study, task) for task in study.tasks},
        costs=[cost(model, runs) for model, runs in found.items()],
        sources=[source(model, runs) for model, runs in found.items()],
        conditions=all_conditions(study),
        private={task for task in study.tasks if is_private(task)},
        answered=answered,
        remarks=remarks,
        notices=assets.notices("echarts"),
    )


def _counts(study: Study) -> list[str]:
    models = len({entry.model for entry in study.entries})
    answers = sum(entry.counts.answers for entry in study.entries if entry.counts)
    seeds = max((entry.row["n_seeds"] for entry in study.entries), default=0)
    shown = [(models, "model"), (len(study.tasks), "task"), (seeds, "seed")]
    words = [f"{count} {name}{'s' * (count != 1)}" for count, name in shown]
    return [*words, f"{answers:,} answers"] if answers else words
