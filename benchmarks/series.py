#!/usr/bin/env python3
"""A real series of checkpoints: the embedded model, ever further from its weights, evaluated by one command.

    python benchmarks/series.py FOLDER                          # about five minutes on two cores
    python benchmarks/series.py FOLDER --noise 0 0.1 0.2 0.3

Makes FOLDER/ckpts/run7/checkpoint-100, -200, ... from the model by adding seeded noise to its weight matrices, a
growing share of each matrix's own spread, so that the score must fall. Then runs run_interactive.sh --series on them
and both demo tasks; FOLDER/output holds the report and the figures. One of these becomes docs/images/series.png, for
the README.
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
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--model", type=Path, default=MODEL, help="its folder (default: the embedded one)")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.08, 0.14], help="shares, one a checkpoint")
    parser.add_argument("--seeds", default="0-3", help="seeds of each task (default: 0-3)")
    return parser.parse_args(argv)


def make_checkpoint(model: Path, folder: Path, step: int, noise: float) -> None:
    """A copy of the model whose matrices W are W + noise * sd(W) * G; G is the same standard normal at every step."""
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
    """What the summary says of the series."""
    found = json.loads((output / "comparison_results.json").read_text("utf-8"))["series"]
    return "\n".join(sentence for line in found for sentence in line["sentences"])


def publish(figure: Path) -> Path:
    """Copy a figure to where the README shows it."""
    if figure.stat().st_size > LARGEST:
        raise SystemExit(
            f"{figure} has {figure.stat().st_size} bytes, more than the {LARGEST} that a README should load"
        )
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(figure, PICTURE))


if __name__ == "__main__":
    sys.exit(main())
