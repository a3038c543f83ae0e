#!/usr/bin/env python3
"""Evaluate a series of checkpoints with one command: the embedded model with increasing noise on its weights.

    python benchmarks/series.py FOLDER                          # about five minutes on two cores
    python benchmarks/series.py FOLDER --noise 0 0.1 0.2 0.3

Creates FOLDER/ckpts/run7/checkpoint-100, -200, ... by adding seeded noise to the weight matrices of the model. The
noise is an increasing share of each matrix's standard deviation, so the score must fall. Then it runs
run_interactive.sh --series on them with both demo tasks. FOLDER/output contains the report and the figures, one of
which is copied to docs/images/series.png for the README.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "models" / "SmolLM2-135M-Instruct"
PICTURE, LARGEST = ROOT / "docs" / "images" / "series.png", 150_000  # bytes
SHOWN = "series_run7-demo_arithmetic.png"
CONF = """\
OUTPUT_DIR={output!r}
TASKS=(demo_arithmetic demo_words)
SEEDS=({seeds})
SETUP=0
PYTHON={python!r}
"""


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    runs = arguments.folder.absolute() / "ckpts" / "run7"
    for number, noise in enumerate(arguments.noise, 1):
        make_checkpoint(arguments.model, runs / f"checkpoint-{100 * number}", 100 * number, noise)
    output = arguments.folder.absolute() / "output"
    conf = arguments.folder / "series.conf"
    conf.write_text(CONF.format(output=str(output), seeds=arguments.seeds, python=sys.executable))
    command = ["bash", str(ROOT / "run_interactive.sh"), str(conf), "--series", "run7", f"{runs}/checkpoint-*"]
    code = subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    if code == 0:
        print(f"\n{sentences(output)}\nreport: {output}/report.html\npicture: {publish(output / 'figures' / SHOWN)}")
    return code


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to create the checkpoints and the output")
    parser.add_argument("--model", type=Path, default=MODEL, help="folder of the model (default: the embedded one)")
    parser.add_argument(
        "--noise",
        type=float,
        nargs="+",
        default=[0.0, 0.08, 0.14],
        help="noise of each checkpoint (default: 0 0.08 0.14)",
    )
    parser.add_argument("--seeds", default="0-3", help="seeds of each task (default: 0-3)")
    return parser.parse_args(argv)


def make_checkpoint(model: Path, folder: Path, step: int, noise: float) -> None:
    """Copy the model with each matrix W replaced by W + noise * sd(W) * G; G is the same standard normal every time."""
    import torch
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    for file in model.iterdir():
        if file.is_file() and file.name != "model.safetensors":
            shutil.copy(file, folder)
    random = torch.Generator().manual_seed(7)
    tensors = load_file(model / "model.safetensors")
    for name in sorted(tensors):
        if tensors[name].ndim == 2:
            exact = tensors[name].float()
            step_away = noise * exact.std() * torch.randn(exact.shape, generator=random)
            tensors[name] = (exact + step_away).to(tensors[name].dtype)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": []}))


def sentences(output: Path) -> str:
    """The sentences of the summary on the series."""
    found = json.loads((output / "comparison_results.json").read_text("utf-8"))["series"]
    return "\n".join(sentence for line in found for sentence in line["sentences"])


def publish(figure: Path) -> Path:
    """Copy a figure to the images of the README."""
    if figure.stat().st_size > LARGEST:
        raise SystemExit(f"{figure} has {figure.stat().st_size} bytes, more than the limit of {LARGEST} for the README")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(figure, PICTURE))


if __name__ == "__main__":
    sys.exit(main())
