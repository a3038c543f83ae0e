"""LoRA adapters in PEFT's format: reading --lora, and checking that the adapters fit the base model.

All adapters of a call share one engine. In the output tree, each is a model of its own with the name BASE+NAME. If
there is only one adapter and it has no name, it goes by the base model's name.
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

WEIGHTS = tuple(f"adapter_model{suffix}" for suffix in (".safetensors", ".bin", ".pt"))  # the files that vLLM reads
MAX_RANK = 512  # of vLLM
MAX_HEADER_BYTES = 100 << 20  # of a safetensors file
_TENSOR = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_(embedding_)?(A|B)(?:\.\w+)?(?:\.weight)?")
_LAYER = re.compile(r"(?:^|\.)((?:layers|h|blocks)\.(\d+)\..+)$")
_INPUT_IS_HIDDEN = ("q_proj", "k_proj", "v_proj", "qkv_proj", "gate_proj", "up_proj", "gate_up_proj")
_OUTPUT_IS_HIDDEN = ("o_proj", "down_proj")


def read_adapters(given: list[str], name: str, base: Model) -> tuple[Adapter, ...]:
    """The adapters given with --lora, for a base model of this name.

    Raises UserError for an adapter that is broken, that vLLM does not support, or that does not fit the base model.
    """
    adapters: list[Adapter] = []
    for given_name, folder in map(_split, given):
        own_name = given_name or Path(folder).resolve().name
        model = name if not given_name and len(given) == 1 else f"{name}+{own_name}"
        adapter = Adapter(model, folder, f"adapter:{own_name}", _content(folder), _rank(folder))
        for other in adapters:
            if other.model == adapter.model:
                raise UserError(f"--lora: two adapters have the name {own_name}; rename one, as in NAME={folder}")
            if other.content == adapter.content:
                raise UserError(f"--lora {folder} is the same adapter as {other.folder}; give it only once")
        _check_fit(adapter, base)
        adapters.append(adapter)
    return tuple(adapters)


def other_base(adapter: Adapter, base: Model) -> str | None:
    """The base model in the adapter's configuration if it seems to be another model than `base`, else None."""
    named = _config(adapter.folder).get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        return None
    known = {base.source, str(Path(base.source).resolve()), str(base.config.get("_name_or_path") or "")}
    return None if _last_part(named) in map(_last_part, known) else printable(named, 100)


def _last_part(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def _split(given: str) -> tuple[str, str]:
    """The name and folder in `NAME=FOLDER`; the name is empty if there is only a folder."""
    name, separator, folder = given.partition("=")
    if not separator or Path(given).exists():
        return "", given
    if not name or not folder:
        raise UserError(f"--lora {given!r}: write FOLDER or NAME=FOLDER")
    return name, folder


def _content(folder: str) -> str:
    """What identifies an adapter: `folder:` and a hash of its files."""
    _config(folder)
    if not any((Path(folder) / name).is_file() for name in WEIGHTS):
        raise UserError(f"--lora {folder} has no weights ({WEIGHTS[0]}); is the adapter complete?")
    return f"folder:{folder_hash(folder)}"


def _config(folder: str) -> dict[str, Any]:
    """adapter_config.json. Raises UserError if it is missing, or needs something that vLLM does not support."""
    path = Path(folder) / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--lora {folder} is not a PEFT adapter: cannot read {path.name}; check the path") from error
    if not isinstance(config, dict):
        raise UserError(f"--lora {folder} is not a PEFT adapter: {path.name} is not a JSON object; is it complete?")
    if (kind := config.get("peft_type", "LORA")) != "LORA":
        raise UserError(f"--lora {folder} has the peft_type {kind}, but vLLM supports only LORA")
    for key, harmless in (("use_dora", False), ("modules_to_save", []), ("bias", "none"), ("lora_bias", False)):
        if (value := config.get(key)) and value != harmless:
            raise UserError(
                f"--lora {folder} has {key}={value}, which vLLM does not support; merge it into the base model"
            )
    return config


def _rank(folder: str) -> int:
    """The largest rank of the adapter's modules."""
    config = _config(folder)
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    if not all(isinstance(rank, int) and 0 < rank <= MAX_RANK for rank in ranks):
        raise UserError(f"--lora {folder} has the ranks {ranks}; vLLM supports whole numbers from 1 to {MAX_RANK}")
    return max(ranks)


def _check_fit(adapter: Adapter, base: Model) -> None:
    """Raise UserError if a tensor of the adapter has no counterpart in the base model, or one of another shape."""
    path = Path(adapter.folder) / WEIGHTS[0]
    if not path.is_file() or base.folder is None:
        return
    found = [(match, shape) for name, shape in _shapes(path, "--lora ")
             if (match := _TENSOR.fullmatch(name)) and len(shape) == 2]  # fmt: skip
    if not found:
        raise UserError(f"--lora {adapter.folder}: {path.name} has no LoRA tensors; is it an adapter?")
    # The shapes of quantized weights tell nothing, because there are many ways to pack them.
    known = {} if base.config.get("quantization_config") else _base_shapes(base.folder)
    for match, shape in found:
        _check_tensor(adapter, base, known, match, shape)


def _check_tensor(
    adapter: Adapter, base: Model, known: dict[str, list[list[int]]], match: re.Match, shape: list[int]
) -> None:
    """Compare one tensor with the base model's matrix (out, in): lora_A has the shape (rank, in), lora_B (out, rank),
    and for an embedding it is the other way round."""
    module, embedding, side = match.groups()
    rank, size = shape if side == "A" else shape[::-1]
    if rank > adapter.rank:
        raise UserError(
            f"--lora {adapter.folder}: {module} has rank {rank}, but adapter_config.json says {adapter.rank}"
        )
    is_input = (side == "A") != bool(embedding)
    fitting = _sizes(known, module, is_input) if known else _sizes_by_config(base, module, is_input)
    if fitting is None or size in fitting:
        return
    has = f"has {' or '.join(map(str, sorted(fitting)))} there" if fitting else "has no such module"
    raise UserError(
        f"--lora {adapter.folder} does not fit {base.source}: {printable(module, 120)} (lora_{side}) has size {size}, "
        f"but the model {has}; the adapter was trained for another model"
    )


def _sizes(known: dict[str, list[list[int]]], module: str, is_input: bool) -> set[int] | None:
    """The input or output sizes of the base model's modules of this name; None if its weights do not tell."""
    if "experts" in module:  # every model family stores them differently
        return None
    shapes = known.get(_tail(module))
    if shapes is None:
        return set() if _LAYER.search(module) else None  # a tied lm_head is stored as the embedding alone
    plain = [shape for shape in shapes if len(shape) == 2]
    return {shape[1 if is_input else 0] for shape in plain} if plain else None


def _sizes_by_config(base: Model, module: str, is_input: bool) -> set[int] | None:
    """The same from config.json alone, for a base model whose weights are not here as safetensors."""
    nested = base.config.get("text_config")
    config = nested if isinstance(nested, dict) else base.config
    layers, hidden = config.get("num_hidden_layers"), config.get("hidden_size")
    layer = _LAYER.search(module)
    if layer and isinstance(layers, int) and int(layer[2]) >= layers:
        return set()
    known = _INPUT_IS_HIDDEN if is_input else _OUTPUT_IS_HIDDEN
    return {hidden} if isinstance(hidden, int) and module.rpartition(".")[2] in known else None


def _tail(module: str) -> str:
    """A module's name from its layer on, since the part before it differs between frameworks and wrappers."""
    match = _LAYER.search(module)
    return match[1] if match else module.rpartition(".")[2]


def _base_shapes(folder: Path) -> dict[str, list[list[int]]]:
    """The shapes of the base model's weights by module, from its safetensors files; a packed (quantized) weight has the
    shape []. A module may have several shapes, such as layer 0 of a language model and of its vision tower.
    """
    known: dict[str, list[list[int]]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        for name, shape in _shapes(path, "--model "):
            module, _, leaf = name.rpartition(".")
            known.setdefault(_tail(module), []).append(shape if leaf == "weight" else [])
    return known


def _shapes(path: Path, flag: str) -> Iterator[tuple[str, list[int]]]:
    """The names and shapes in the header of a safetensors file. Raises UserError for any other file."""
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > min(path.stat().st_size, MAX_HEADER_BYTES):
                raise ValueError("no header")
            header = json.loads(stream.read(length))
        yield from ((name, list(entry["shape"])) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{flag}{path} is not a valid safetensors file; is it complete?") from error
