"""What is known of a model before anything is loaded: its weights, lengths, chat template and recommended sampling."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite import weights
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
    identity = weights.identify(source, revision)
    folder = weights.local_folder(source, revision)
    config = weights.model_config(folder)
    return Model(name, source, identity, folder, config, weights.model_length(config), chat_template(folder))


def _at_hand(source: str, revision: str | None) -> bool:
    if Path(source).is_dir():
        return (Path(source) / "config.json").is_file()
    if weights.looks_like_path(source):
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
    """Raise UserError where the parallel sizes cannot work: heads that do not divide, more GPUs than there are.

    `gpus` is the number of GPUs, None on a CPU.
    """
    nested = model.config.get("text_config")
    config = nested if isinstance(nested, dict) else model.config
    heads, layers = config.get("num_attention_heads"), config.get("num_hidden_layers")
    if isinstance(heads, int) and (obstacle := _indivisible(config, tensor)):
        fitting = [size for size in range(1, heads + 1) if not _indivisible(config, size)]
        raise UserError(
            f"--tensor_parallel_size {tensor} does not divide the {obstacle} of {model.source}; "
            f"{', '.join(map(str, fitting))} would"
        )
    if isinstance(layers, int) and pipeline > layers:
        raise UserError(
            f"--pipeline_parallel_size {pipeline} exceeds the {layers} layers of {model.source}; 1 to {layers} would do"
        )
    needed = tensor * pipeline * data
    if gpus is not None and needed > gpus:
        raise UserError(
            f"tensor {tensor} x pipeline {pipeline} x data {data} parallel need {needed} GPUs, {gpus} are visible; "
            "lower a size or free more GPUs (CUDA_VISIBLE_DEVICES)"
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
