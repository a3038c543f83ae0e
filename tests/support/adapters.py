"""Make adapters in PEFT's format, without PEFT."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

MODULE = "base_model.model.model.layers.0.self_attn.q_proj"


def make_adapter(
    folder: Path, rank: int = 12, size: int = 8, scale: float = 1.0, module: str = MODULE, seed: int = 0, **config: Any
) -> Path:
    """An adapter for one square module. `scale` is how much it changes the model."""
    folder.mkdir(parents=True, exist_ok=True)
    target = module.rpartition(".")[2]
    values = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": [target]} | config
    (folder / "adapter_config.json").write_text(json.dumps(values))
    rng = np.random.default_rng(seed)
    down, up = (rng.standard_normal(shape, dtype=np.float32) for shape in ((rank, size), (size, rank)))
    tensors = {f"{module}.lora_A.weight": down, f"{module}.lora_B.weight": np.float32(scale) * up}
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder
