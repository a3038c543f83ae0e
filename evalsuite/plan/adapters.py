"""LoRA adapters in PEFT's format: which a call names, what they are, and whether the base model can carry them.

All adapters of a call share one engine. Each is a model of its own in the output tree, by the name BASE+NAME; a single
one given without a name goes by the base model's.
"""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalsuite.engine.command import Adapter
from evalsuite.errors import UserError
from evalsuite.files import printable
from evalsuite.plan.model import Model, folder_hash

WEIGHTS = tuple(f"adapter_model{suffix}" for suffix in (".safetensors", ".bin", ".pt"))  # what vLLM looks for
MOST_RANK = 512
_TENSOR = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_(embedding_)?(A|B)(?:\.\w+)?(?:\.weight)?")
_LAYER = re.compile(r"(?:^|\.)((?:layers|h|blocks)\.(\d+)\..+)$")
_READ_BY_HIDDEN = ("q_proj", "k_proj", "v_proj", "qkv_proj", "gate_proj", "up_proj", "gate_up_proj")
_WRITE_TO_HIDDEN = ("o_proj", "down_proj")


def read_adapters(given: list[str], name: str, base: Model) -> tuple[Adapter, ...]:
    """The adapters of --lora, checked against their base model. Raises UserError for what cannot work."""
    adapters: list[Adapter] = []
    for named, folder in map(_split, given):
        own_name = named or Path(folder).resolve().name
        rows = name if not named and len(given) == 1 else f"{name}+{own_name}"
        adapter = Adapter(rows, folder, f"adapter:{own_name}", _content(folder), _rank(folder))
        for other in adapters:
            if other.model == adapter.model:
                raise UserError(f"--lora: two adapters are named {own_name}; name one otherwise: NAME={folder}")
            if other.content == adapter.content:
                raise UserError(f"--lora {folder} is the same adapter as {other.folder}; give it once")
        _check_fit(adapter, base)
        adapters.append(adapter)
    return tuple(adapters)


def other_base(adapter: Adapter, base: Model) -> str | None:
    """The base model that the adapter's configuration names, where that reads like another one than `base`."""
    named = _config(adapter.folder).get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        return None
    known = {base.source, str(Path(base.source).resolve()), str(base.config.get("_name_or_path") or "")}
    return None if _last_part(named) in map(_last_part, known) else printable(named, 100)


def _last_part(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def _split(given: str) -> tuple[str, str]:
    """Name and folder of `NAME=FOLDER`; no name where the whole is a folder."""
    name, separator, folder = given.partition("=")
    if not separator or Path(given).exists():
        return "", given
    if not name or not folder:
        raise UserError(f"--lora {given!r}: give FOLDER or NAME=FOLDER, both sides filled")
    return name, folder


def _content(folder: str) -> str:
    _config(folder)
    if not any((Path(folder) / name).is_file() for name in WEIGHTS):
        raise UserError(f"--lora {folder} holds no weights ({WEIGHTS[0]}); is the adapter complete?")
    return f"folder:{folder_hash(folder)}"


def _config(folder: str) -> dict[str, Any]:
    """adapter_config.json. Raises UserError where it is missing, or asks for what vLLM cannot do."""
    path = Path(folder) / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--lora {folder} is no adapter in PEFT's format: cannot read {path.name}") from error
    kind = config.get("peft_type", "LORA") if isinstance(config, dict) else "no JSON object"
    if kind != "LORA":
        raise UserError(f"--lora {folder}: its peft_type is {kind}; vLLM serves LORA alone")
    for key, harmless in (("use_dora", False), ("modules_to_save", []), ("bias", "none"), ("lora_bias", False)):
        if (value := config.get(key)) and value != harmless:
            raise UserError(f"--lora {folder} has {key}={value}, which vLLM cannot serve; merge it into the base model")
    return config


def _rank(folder: str) -> int:
    """The largest rank of the adapter's modules."""
    config = _config(folder)
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    if not all(isinstance(rank, int) and 0 < rank <= MOST_RANK for rank in ranks):
        raise UserError(f"--lora {folder}: its ranks r={ranks} must be whole numbers from 1 to {MOST_RANK}")
    return max(ranks)


def _check_fit(adapter: Adapter, base: Model) -> None:
    """Raise UserError where a tensor of the adapter has no counterpart, or another shape, in the base model."""
    path = Path(adapter.folder) / WEIGHTS[0]
    if not path.is_file() or base.folder is None:
        return
    found = [(match, shape) for name, shape in _shapes(path, "--lora ")
             if (match := _TENSOR.fullmatch(name)) and len(shape) == 2]  # fmt: skip
    if not found:
        raise UserError(f"--lora {adapter.folder}: {path.name} holds no LoRA tensors; is it an adapter?")
    # Quantized weights are packed in many ways.
    known = {} if base.config.get("quantization_config") else _base_shapes(base.folder)
    for match, shape in found:
        _check_tensor(adapter, base, known, match, shape)


def _check_tensor(
    adapter: Adapter, base: Model, known: dict[str, list[list[int]]], match: re.Match, shape: list[int]
) -> None:
    module, embedding, side = match.groups()
    rank, size = shape if side == "A" else shape[::-1]
    if rank > adapter.rank:
        raise UserError(f"--lora {adapter.folder}: {module} has rank {rank}, adapter_config.json says {adapter.rank}")
    inner = (side == "A") != bool(embedding)  # which side of the base's matrix (out, in) this one meets
    fitting = _sizes(known, module, inner) if known else _sizes_by_config(base, module, inner)
    if fitting is None or size in fitting:
        return
    has = f"has {' or '.join(map(str, sorted(fitting)))} there" if fitting else "has no such module"
    raise UserError(
        f"--lora {adapter.folder} does not fit {base.source}: {printable(module, 120)} (lora_{side}) wants {size}, "
        f"the model {has}; it was made for another model"
    )


def _sizes(known: dict[str, list[list[int]]], module: str, inner: bool) -> set[int] | None:
    """Sizes that the base model's modules of this name have on one side; None where its weights do not tell."""
    if "experts" in module:  # every family keeps them in its own way
        return None
    shapes = known.get(_tail(module))
    if shapes is None:
        return set() if _LAYER.search(module) else None  # a tied lm_head is stored as the embedding alone
    plain = [shape for shape in shapes if len(shape) == 2]
    return {shape[1 if inner else 0] for shape in plain} if plain else None


def _sizes_by_config(base: Model, module: str, inner: bool) -> set[int] | None:
    """The same from config.json alone, where the weights are not at hand."""
    nested = base.config.get("text_config")
    config = nested if isinstance(nested, dict) else base.config
    layers, hidden = config.get("num_hidden_layers"), config.get("hidden_size")
    layer = _LAYER.search(module)
    if layer and isinstance(layers, int) and int(layer[2]) >= layers:
        return set()
    meets = _READ_BY_HIDDEN if inner else _WRITE_TO_HIDDEN
    return {hidden} if isinstance(hidden, int) and module.rpartition(".")[2] in meets else None


def _tail(module: str) -> str:
    """A module's name from its layer on: what stands before differs between frameworks and wrappers."""
    match = _LAYER.search(module)
    return match[1] if match else module.rpartition(".")[2]


def _base_shapes(folder: Path) -> dict[str, list[list[int]]]:
    """Shapes of the base model's weights by module; a packed (quantized) one has an empty shape. Empty without files.

    A module may stand for several: a language model's layer 0 and a vision tower's.
    """
    known: dict[str, list[list[int]]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        for name, shape in _shapes(path, "--model "):
            module, _, leaf = name.rpartition(".")
            known.setdefault(_tail(module), []).append(shape if leaf == "weight" else [])
    return known


def _shapes(path: Path, flag: str) -> Iterator[tuple[str, list[int]]]:
    """Names and shapes of a safetensors file, by its header. Raises UserError for a file that is none."""
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > min(path.stat().st_size, 100 << 20):
                raise ValueError("no header")
            header = json.loads(stream.read(length))
        yield from ((name, list(entry["shape"])) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{flag}{path}: not a safetensors file; is it complete?") from error
