"""Send the scores of checkpoint series to the run that is being trained, in Weights & Biases or TensorBoard.

    python -m evalsuite.launch.curves OUTPUT_DIR --series run7 --wandb_run ID --tensorboard FOLDER

It reads OUTPUT_DIR/series_analysis.csv. A point that was sent before is sent again only if its value has changed.
"""

import argparse
import csv
import hashlib
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.bounded import deadline
from evalsuite.errors import EXIT_FAILED, EXIT_OK, RunError, UserError, command
from evalsuite.experiment import path_part
from evalsuite.files import printable, read_json, write_json
from evalsuite.plan import uploads

SENT = ".curves.json"  # in a checkpoint's folder: {tracker: {line: hash of the values that were sent}}
TIMEOUT_SECONDS = 300.0  # for sending to a service
NAMES = {
    "mean_accuracy": "accuracy", "seed_ci_low": "seed_ci_low", "seed_ci_high": "seed_ci_high", "n_seeds": "n_seeds",
    "mean_output_tokens": "mean_output_tokens", "truncated_rate": "truncated_rate", "no_answer_rate": "no_answer_rate",
}  # fmt: skip
INTERVALS = (("wilson_low", "wilson_high"), ("ci_low", "ci_high"))  # the first that is not empty is sent


@dataclass(frozen=True)
class Point:
    """One checkpoint on one line (a task, and the setting if the series has several), with values by name."""

    series: str
    step: int
    model: str
    line: str
    values: dict[str, float]

    @property
    def named(self) -> dict[str, float]:
        """The values by the names that trackers show, such as `eval/aime24/accuracy`."""
        return {f"eval/{self.line}/{name}": value for name, value in self.values.items()}

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(sorted(self.named.items())).encode()).hexdigest()[:16]


def read_points(output_dir: Path, series: list[str]) -> list[Point]:
    """Read the finished checkpoints of these series, sorted by step. Raises RunError if there is no analysis."""
    path = output_dir / "series_analysis.csv"
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row["series"] in series and row["provisional"] != "true"]
        found = [_point(row) for row in rows]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise RunError(f"cannot read {path} ({error}); run analyze_results.py and analyze_summary.py") from error
    return sorted(found, key=lambda point: (point.series, point.step))


def _point(row: dict[str, str]) -> Point:
    ends = next((pair for pair in INTERVALS if row[pair[0]] and row[pair[1]]), ())
    names = NAMES | {name: name for name in ends}
    values = {new: float(row[name]) for name, new in names.items() if row[name]}
    setting = row["setting"].replace("/", "_")
    line = f"{row['task'].replace('/', '_')}{f'/{setting}' if setting else ''}"
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return Point(row["series"], int(row["step"]), row["model"], line, finite)


def send_new(output_dir: Path, points: list[Point], tracker: str, send: Callable[[list[Point]], None]) -> int:
    """Send the points that the tracker does not have yet, and record them; returns their number. Raises RunError."""
    sent = {point.model: _sent(output_dir, point.model) for point in points}
    new = [point for point in points if sent[point.model].get(tracker, {}).get(point.line) != point.digest]
    if not new:
        return 0
    try:
        with deadline(TIMEOUT_SECONDS):
            send(new)
    except Exception as error:  # clients of services raise anything, and the results do not depend on them
        reason = str(error).strip().splitlines() or [""]
        raise RunError(
            f"not sent to {tracker}: {type(error).__name__}: {printable(reason[0])}; the next report tries again"
        ) from error
    for point in new:
        sent[point.model].setdefault(tracker, {})[point.line] = point.digest
    for model in {point.model for point in new}:
        write_json(output_dir / path_part(model) / SENT, sent[model])
    return len(new)


def _sent(output_dir: Path, model: str) -> dict[str, Any]:
    try:
        value = read_json(output_dir / path_part(model) / SENT)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) and all(isinstance(one, dict) for one in value.values()) else {}


def to_wandb(run_id: str, folder: Path, points: list[Point]) -> None:
    """Add rows to a W&B run, on an x axis of their own, because the run's own step may be further on."""
    uploads.leave_inherited_service()
    import wandb

    worker = {"x_primary": False, "x_update_finish_state": False} if os.environ.get("WANDB_MODE") == "shared" else {}
    settings = wandb.Settings(console="off", silent=True, x_disable_stats=True, x_disable_meta=True,
                              x_save_requirements=False, **worker)  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with wandb.init(id=run_id, resume="allow", dir=os.environ.get("WANDB_DIR", str(folder)), settings=settings) as run:
        for name in dict.fromkeys(name for point in points for name in point.named):
            run.define_metric(name, step_metric="eval/step")  # by its full name: patterns do not match slashes
        for step in dict.fromkeys(point.step for point in points):
            rows = [point.named for point in points if point.step == step]
            run.log({"eval/step": step} | {name: value for row in rows for name, value in row.items()})


def to_tensorboard(folder: Path, points: list[Point]) -> None:
    """Write an event file per series below the folder, with the steps of the training."""
    from tensorboardX import SummaryWriter

    suffix = f".{time.time_ns()}"  # tensorboardX names files by the second, and would overwrite the previous one
    for series in dict.fromkeys(point.series for point in points):
        with SummaryWriter(logdir=str(folder / path_part(series)), filename_suffix=suffix) as writer:
            for point in (point for point in points if point.series == series):
                for name, value in point.named.items():
                    writer.add_scalar(name, value, global_step=point.step)


def check(args: argparse.Namespace) -> None:
    """Raise UserError if a package or key is missing."""
    if args.wandb_run:
        uploads.check_wandb(f"WANDB_RUN_ID={args.wandb_run}")
    if args.tensorboard:
        uploads.check_tensorboard("WATCH_TENSORBOARD")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evalsuite.launch.curves", description=__doc__.splitlines()[0])
    parser.add_argument("output_dir", type=Path, metavar="OUTPUT_DIR", help="the OUTPUT_DIR of the evaluations")
    parser.add_argument("--series", nargs="+", required=True, metavar="NAME", help="the series to send")
    parser.add_argument("--wandb_run", metavar="ID", help="an existing W&B run; project and key as set up for wandb")
    parser.add_argument("--tensorboard", type=Path, metavar="FOLDER", help="the folder for event files")
    parser.add_argument("--check", action="store_true", help="only check that packages and keys are present")
    return parser


@command("curves")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if not args.wandb_run and not args.tensorboard:
        raise UserError("give --wandb_run ID, --tensorboard FOLDER, or both")
    check(args)
    if args.check:
        return EXIT_OK
    points = read_points(args.output_dir, args.series)
    run, events, failed = args.wandb_run, args.tensorboard, False
    trackers: list[tuple[str, Callable[[list[Point]], None]]] = []
    if run:
        trackers.append((f"W&B run {run}", lambda new: to_wandb(run, args.output_dir / "logs", new)))
    if events:
        trackers.append((f"TensorBoard {events.resolve()}", lambda new: to_tensorboard(events, new)))
    for tracker, send in trackers:
        try:
            count = send_new(args.output_dir, points, tracker, send)
            print(f"sent to {printable(tracker)}: {count} new of {len(points)} points", flush=True)
        except RunError as error:
            failed = True
            print(f"curves: {error}", file=sys.stderr)
    return EXIT_FAILED if failed else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
