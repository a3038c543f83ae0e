"""A model before it is loaded: what identifies its weights, its maximum length, its chat template."""

import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.errors import UserError

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
READ_SUFFIXES = (".json", ".jinja", ".model", ".txt", ".tiktoken", ".py")  # .py because a model may come with code
SAMPLES = 16  # places that are read in each weight file
SAMPLE_BYTES = 4096
TENSOR_BYTES = 64  # read at the start, middle and end of every tensor: merging an adapter alters only some of them
SAMPLING_FIELDS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class Model:
    """A model before it is loaded."""

    name: str
    source: str  # hub id or folder, as vLLM takes it
    weights: str  # what identifies them, see `identify`
    folder: Path | None = None  # with the configuration and tokenizer files; None if only a server has them
    config: dict[str, Any] = field(default_factory=dict)
    length: int | None = None  # maximum tokens of prompt and answer; None if the configuration does not say
    chat_template: str | None = field(default=None, repr=False)  # the text of the template

    @property
    def chat_template_hash(self) -> str | None:
        """16 hex digits; None without a chat template."""
        text = self.chat_template
        return None if text is None else hashlib.sha256(text.encode()).hexdigest()[:16]

    def recommended_sampling(self) -> dict[str, float]:
        """The sampling values in the model's generation_config.json. Raises UserError if there is no such file."""
        path = self.folder / "generation_config.json" if self.folder else None
        if path is None or not path.is_file():
            raise UserError(f"--sampling model: {self.source} has no generation_config.json; give the values as flags")
        values = _read(path)
        if values.get("do_sample") is False:
            return {"temperature": 0.0}
        return {name: values[name] for name in SAMPLING_FIELDS if values.get(name) is not None}


def inspect(name: str, source: str, revision: str | None, *, served_elsewhere: bool) -> Model:
    """Read a model's files. Raises UserError if they are missing or broken; if the model is served elsewhere, they may
    be missing."""
    if served_elsewhere and not _is_available(source, revision):
        return Model(name, source, f"served:{source}")
    identity = identify(source, revision)
    folder = local_folder(source, revision)
    config = model_config(folder)
    return Model(name, source, identity, folder, config, model_length(config), chat_template(folder))


def _is_available(source: str, revision: str | None) -> bool:
    """Whether the configuration and the tokenizer can be read without downloading anything."""
    if Path(source).is_dir():
        return (Path(source) / "config.json").is_file()
    if looks_like_path(source):
        return False
    from huggingface_hub import try_to_load_from_cache

    try:
        found = [
            try_to_load_from_cache(source, file, revision=revision) for file in ("config.json", "tokenizer_config.json")
        ]
    except ValueError:  # not a hub id but the server's own name for the model
        return False
    return all(isinstance(path, str) for path in found)


def identify(model: str, revision: str | None = None) -> str:
    """What identifies a model's weights: `folder:<hash>` or `hub:<commit>`. Raises UserError if there are none."""
    if Path(model).is_dir():
        check_folder(model)
        return f"folder:{folder_hash(model)}"
    if looks_like_path(model):
        raise UserError(f"model folder {model} does not exist; check the path, or give a hub id (org/name)")
    return f"hub:{hub_commit(model, revision)}"


def looks_like_path(model: str) -> bool:
    """Whether a model can only be meant as a path, not as a hub id.

    >>> looks_like_path("./run7"), looks_like_path("Qwen/Qwen3-8B")
    (True, False)
    """
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or Path(model).exists()


def check_folder(model: str | Path) -> None:
    """Raise UserError if the folder has no readable config.json or no weight file."""
    folder = Path(model)
    if not (folder / "config.json").is_file():
        raise UserError(f"model folder {folder} has no config.json; give a folder in Hugging Face format")
    model_config(folder)
    if not any(p.suffix in WEIGHT_SUFFIXES for p in folder.iterdir()):
        raise UserError(f"model folder {folder} has no weights ({', '.join(WEIGHT_SUFFIXES[:2])}); is it complete?")


def hub_commit(model: str, revision: str | None) -> str:
    """The commit of a hub id and revision, from the local cache if possible, else from the hub.

    Raises UserError if neither has it.
    """
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
    except Exception as error:  # the hub's client raises many types, which all mean the same to a user
        raise UserError(
            f"model {model} (revision {revision or 'main'}) is not in the local cache, and asking the hub failed "
            f"({type(error).__name__}); check the name, accept its terms and set HF_TOKEN, or download it beforehand"
        ) from error


def folder_hash(folder: str | Path) -> str:
    """Hash a model folder; returns 16 hex digits.

    The hash covers the names and sizes of files, the content of small files, the headers of safetensors files, and
    sampled bytes of every tensor and every weight file. It does not cover times or the folder's name. So a copy is the
    same model, and a checkpoint that is overwritten in place is another one.
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
    """The (start, end) of every tensor, in bytes after the safetensors header; empty if the header cannot be read."""
    try:
        entries = json.loads(header)
        return sorted(tuple(entry["data_offsets"]) for name, entry in entries.items() if name != "__metadata__")
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def local_folder(model: str, revision: str | None = None) -> Path:
    """The folder with a model's configuration and tokenizer files, which are downloaded if they are only on the hub.

    Raises UserError if that fails.
    """
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken"]
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=patterns))
    except Exception as error:  # see hub_commit
        raise UserError(f"cannot download the tokenizer of {model}: {type(error).__name__}: {error}") from error


def model_config(folder: str | Path) -> dict[str, Any]:
    """Read config.json. Raises UserError if it is not a JSON object."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; is the checkpoint complete?") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} is not a JSON object; is the checkpoint complete?")
    return config


def model_length(config: dict[str, Any]) -> int | None:
    """The longest sequence that a model's configuration allows, in tokens; None if it does not say."""
    nested = config.get("text_config")
    for source in (config, nested if isinstance(nested, dict) else {}):
        for key in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "model_max_length"):
            if isinstance(source.get(key), int):
                return source[key]
    return None


def chat_template(folder: Path) -> str | None:
    """The text of a model's chat template, which may be in any of three files; None for a base model."""
    for name in ("chat_template.jinja", "chat_template.json"):
        path = folder / name
        if path.is_file():
            return path.read_text(encoding="utf-8") if path.suffix == ".jinja" else _template_of(_read(path))
    path = folder / "tokenizer_config.json"
    return _template_of(_read(path)) if path.is_file() else None


def _template_of(values: dict[str, Any]) -> str | None:
    template = values.get("chat_template")
    if isinstance(template, list):  # several named templates
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        return named.get("default")
    return template if isinstance(template, str) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; is the model complete?") from error
    return value if isinstance(value, dict) else {}
