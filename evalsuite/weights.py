"""Which weights a model name stands for: a hub commit, or a hash of a folder's content."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from evalsuite.errors import UserError

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
READ_SUFFIXES = (".json", ".jinja", ".model", ".txt", ".tiktoken", ".py")  # the model's own code may run, too
SAMPLES = 16  # places read in each weight file
SAMPLE_BYTES = 4096
TENSOR_BYTES = 64  # read at the beginning, middle and end of each tensor: a merged adapter alters only some
COMMIT_LENGTH = 40


def folder_hash(folder: str | Path) -> str:
    """Hash a model folder by its files' names and sizes, small files' content, safetensors headers and bytes of every
    tensor, sampled bytes of other weight files.

    Never by times or the folder's own name: a copy is the same model, a checkpoint overwritten in place another.
    Returns 16 hex digits.
    """
    root, digest = Path(folder), hashlib.sha256()
    for path in sorted(p for p in root.iterdir() if p.is_file() and not p.name.startswith(".")):
        size = path.stat().st_size
        if path.suffix in WEIGHT_SUFFIXES:
            digest.update(f"{path.name}\0{size}\0".encode())
            _add_weights(digest, path, size)
        elif path.suffix in READ_SUFFIXES:
            digest.update(f"{path.name}\0{size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _add_weights(digest: Any, path: Path, size: int) -> None:
    with path.open("rb") as stream:
        if path.suffix == ".safetensors" and size >= 8:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = stream.read(min(length, size - 8, 64 << 20))
            digest.update(header)
            for start, end in _tensors(header):
                for at in (start, (start + end) // 2, end - TENSOR_BYTES):
                    stream.seek(8 + length + max(start, at))
                    digest.update(stream.read(min(TENSOR_BYTES, end - start)))
        for index in range(SAMPLES):
            stream.seek(max(0, (size - SAMPLE_BYTES) * index // (SAMPLES - 1)))
            digest.update(stream.read(SAMPLE_BYTES))


def _tensors(header: bytes) -> list[tuple[int, int]]:
    """Where each tensor lies, in bytes after the safetensors header; none where that cannot be read."""
    try:
        entries = json.loads(header)
        return sorted(tuple(entry["data_offsets"]) for name, entry in entries.items() if name != "__metadata__")
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def identify(model: str, revision: str | None = None) -> str:
    """Name the weights behind `model`: `folder:<hash>` or `hub:<commit>`. Raises UserError where there are none."""
    if Path(model).is_dir():
        check_folder(model)
        return f"folder:{folder_hash(model)}"
    if looks_like_path(model):
        raise UserError(f"model folder {model} does not exist; check the path, or give a hub id (org/name)")
    return f"hub:{hub_commit(model, revision)}"


def looks_like_path(model: str) -> bool:
    """True where a model's name can only be meant as a path, never as a hub id.

    >>> looks_like_path("./run7"), looks_like_path("Qwen/Qwen3-8B")
    (True, False)
    """
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or Path(model).exists()


def check_folder(model: str | Path) -> None:
    """Raise UserError unless the folder holds a readable config.json and at least one weight file."""
    folder = Path(model)
    if not (folder / "config.json").is_file():
        raise UserError(f"model folder {folder} has no config.json; give a folder in Hugging Face format")
    model_config(folder)
    if not any(p.suffix in WEIGHT_SUFFIXES for p in folder.iterdir()):
        raise UserError(f"model folder {folder} holds no weights ({', '.join(WEIGHT_SUFFIXES[:2])}); is it complete?")


def model_config(folder: str | Path) -> dict[str, Any]:
    """Read config.json. Raises UserError where it is not a JSON object."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} is not a JSON object; is the checkpoint complete?")
    return config


def model_length(config: dict[str, Any]) -> int | None:
    """The longest sequence a model's configuration admits, in tokens; None where it does not say."""
    nested = config.get("text_config")
    for source in (config, nested if isinstance(nested, dict) else {}):
        for key in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "model_max_length"):
            if isinstance(source.get(key), int):
                return source[key]
    return None


def hub_commit(model: str, revision: str | None) -> str:
    """Resolve a hub id and revision to a commit: from the local cache when it is there, else by asking the hub."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(model, "config.json", revision=revision)
    except HFValidationError as error:
        raise UserError(f"model {model!r} is neither a folder nor a hub id (org/name)") from error
    if isinstance(cached, str):
        return Path(cached).parent.name
    try:
        return HfApi().model_info(model, revision=revision, timeout=20).sha
    except Exception as error:  # the hub's client raises many kinds; all mean the same to a user
        raise UserError(
            f"model {model} (revision {revision or 'main'}) is not in the local cache and the hub did not give it "
            f"({type(error).__name__}); check the name, accept its terms and set HF_TOKEN, or download it beforehand"
        ) from error


def local_folder(model: str, revision: str | None = None) -> Path:
    """The folder that holds a model's configuration and tokenizer files; fetches those from the hub if need be."""
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken"]
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=patterns))
    except Exception as error:  # see hub_commit
        raise UserError(f"cannot fetch the tokenizer of {model}: {type(error).__name__}: {error}") from error
