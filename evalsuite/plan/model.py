"""A model before it is loaded: its weights' identity (hub commit, or a hash of the folder), lengths, chat template."""

import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.errors import UserError

SAMPLING_FIELDS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class Model:
    """A model as the plan sees it. `folder` holds configuration and tokenizer files; None where only a server has them.

    `length` is the longest sequence in tokens, None where nobody says. `chat_template` is the template's text.
    """

    name: str
    source: str  # hub id or folder, as vLLM takes it
    weights: str
    folder: Path | None = None
    config: dict[str, Any] = field(default_factory=dict)
    length: int | None = None
    chat_template: str | None = field(default=None, repr=False)

    @property
    def chat_template_hash(self) -> str | None:
        text = self.chat_template
        return None if text is None else hashlib.sha256(text.encode()).hexdigest()[:16]

    def recommended_sampling(self) -> dict[str, float]:
        """What the model's generation_config.json sets. Raises UserError where there is none."""
        path = self.folder / "generation_config.json" if self.folder else None
        if path is None or not path.is_file():
            raise UserError(f"--sampling model: {self.source} has no generation_config.json; give the values yourself")
        values = _read(path)
        if values.get("do_sample") is False:
            return {"temperature": 0.0}
        return {name: values[name] for name in SAMPLING_FIELDS if values.get(name) is not None}


def inspect(name: str, source: str, revision: str | None, *, served_elsewhere: bool) -> Model:
    """Look at a model's files. With a server that runs elsewhere they may be absent; otherwise that is a UserError."""
    if served_elsewhere and not _at_hand(source, revision):
        return Model(name, source, f"served:{source}")
    identity = identify(source, revision)
    folder = local_folder(source, revision)
    config = model_config(folder)
    return Model(name, source, identity, folder, config, model_length(config), chat_template(folder))


def _at_hand(source: str, revision: str | None) -> bool:
    if Path(source).is_dir():
        return (Path(source) / "config.json").is_file()
    if looks_like_path(source):
        return False
    from huggingface_hub import try_to_load_from_cache

    try:
        found = [
            try_to_load_from_cache(source, file, revision=revision) for file in ("config.json", "tokenizer_config.json")
        ]
    except ValueError:  # not a hub id: a server's own name for it
        return False
    return all(isinstance(path, str) for path in found)


def chat_template(folder: Path) -> str | None:
    """The text of a model's chat template, wherever its format keeps it; None for a base model."""
    for name in ("chat_template.jinja", "chat_template.json"):
        path = folder / name
        if path.is_file():
            return path.read_text(encoding="utf-8") if path.suffix == ".jinja" else _template_of(_read(path))
    path = folder / "tokenizer_config.json"
    return _template_of(_read(path)) if path.is_file() else None


def _template_of(values: dict[str, Any]) -> str | None:
    template = values.get("chat_template")
    if isinstance(template, list):  # named templates: the default one
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        return named.get("default")
    return template if isinstance(template, str) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; is the model complete?") from error
    return value if isinstance(value, dict) else {}


def check_parallel(model: Model, tensor: int, pipeline: int, data: int, gpus: int | None) -> None:
    """Raise UserError if the parallel sizes do not divide the model, or need more GPUs than there are.

    `gpus` is the number of visible GPUs; None skips that check.
    """
    nested = model.config.get("text_config")
    config = nested if isinstance(nested, dict) else model.config
    heads, layers = config.get("num_attention_heads"), config.get("num_hidden_layers")
    if isinstance(heads, int) and (obstacle := _indivisible(config, tensor)):
        fitting = [size for size in range(1, heads + 1) if not _indivisible(config, size)]
        raise UserError(
            f"--tensor_parallel_size {tensor} does not divide the {obstacle} of {model.source}; "
            f"use one of {', '.join(map(str, fitting))}"
        )
    if isinstance(layers, int) and pipeline > layers:
        raise UserError(
            f"--pipeline_parallel_size {pipeline} exceeds the {layers} layers of {model.source}; use at most {layers}"
        )
    needed = tensor * pipeline * data
    if gpus is not None and needed > gpus:
        raise UserError(
            f"tensor {tensor} x pipeline {pipeline} x data {data} parallel need {needed} GPUs, but only {gpus} are "
            "visible; lower one of the sizes, or make more GPUs visible (CUDA_VISIBLE_DEVICES)"
        )


def _indivisible(config: dict[str, Any], tensor: int) -> str:
    """What of a model so many GPUs cannot share, empty where they can. Key-value heads may also be copied, evenly."""
    heads, pairs = config["num_attention_heads"], config.get("num_key_value_heads")
    width = config.get("intermediate_size")
    if heads % tensor:
        return f"{heads} attention heads"
    if isinstance(pairs, int) and pairs > 0 and pairs % tensor and tensor % pairs:
        return f"{pairs} key-value heads"
    if isinstance(width, int) and width % tensor and not any("expert" in name for name in config):
        return f"intermediate size {width}"
    return ""


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
