"""Whether a model can be split as --tensor_parallel_size, --pipeline_parallel_size and --data_parallel_size say."""

from typing import Any

from evalsuite.errors import UserError
from evalsuite.plan.model import Model


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
    """The part of a model that `tensor` GPUs cannot share evenly; empty if they can share everything. If there are more
    GPUs than key-value heads, these are copied, which must be even, too."""
    heads, kv_heads = config["num_attention_heads"], config.get("num_key_value_heads")
    width = config.get("intermediate_size")
    if heads % tensor:
        return f"{heads} attention heads"
    if isinstance(kv_heads, int) and kv_heads > 0 and kv_heads % tensor and tensor % kv_heads:
        return f"{kv_heads} key-value heads"
    if isinstance(width, int) and width % tensor and not any("expert" in name for name in config):
        return f"intermediate size {width}"
    return ""
