"""lighteval's results JSON: model, parameters, seed and metrics of one run, whatever release wrote it.

Since 0.10 the parameters lie in config_general.model_config, before in config_general itself.
"""

import os
from dataclasses import dataclass, field
from typing import Any

from evalsuite.trees.hints import split_key
from evalsuite.trees.safe import Unreadable, integer, mapping, number, text

DEFAULT_ENGINE_SEED = 1234  # what lighteval's vLLM model takes when no seed is given
CIRCUMSTANCES = (
    "max_num_seqs", "max_num_batched_tokens", "tensor_parallel_size", "data_parallel_size", "pipeline_parallel_size",
    "gpu_memory_utilization", "swap_space", "enable_prefix_caching", "batch_size", "override_batch_size",
    "model_parallel", "load_format", "base_url", "concurrent_requests", "timeout", "api_max_retry", "lighteval_sha",
)  # fmt: skip
NO_PARAMETERS = ("model_name", "model", "cache_dir", "seed", "generation_parameters", "is_async", "tokenizer",
                 "api_key", "token", "device", "verbose", "multichoice_continuations_start_space",
                 "pairwise_tokenization", "batched_compute")  # fmt: skip
TASK_PARAMETERS = {"version": "task_version", "hf_repo": "hf_repo",
                   "hf_subset": "hf_subset", "hf_revision": "hf_revision", "prompt_function": "prompt_function",
                   "stop_sequence": "stop"}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One results file. `tasks` maps lighteval's task keys to {metric: value}."""

    model: str | None
    seed: int | None
    engine_seed: int | None
    parameters: dict[str, Any]
    circumstances: dict[str, Any]
    tasks: dict[str, dict[str, float]]
    config_tasks: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None

    def task_config(self, key: str) -> dict[str, Any]:
        """The task's own configuration; old releases keep it without the few-shot part of the key."""
        return mapping(self.config_tasks.get(key, self.config_tasks.get(key.rpartition("|")[0])))

    def task_parameters(self, key: str) -> dict[str, Any]:
        """The part of the configuration that the task sets."""
        config = self.task_config(key)
        values = {ours: config[theirs] for theirs, ours in TASK_PARAMETERS.items() if config.get(theirs)}
        return values | {"num_fewshot": split_key(key)[1]}


def parse_run(data: dict[str, Any]) -> Run:
    """Read a results file's object; raises Unreadable when it is another tool's."""
    general = mapping(data.get("config_general"))
    if not general or not isinstance(data.get("results"), dict):
        raise Unreadable("not lighteval's results: no config_general and results in it")
    model_config = mapping(general.get("model_config"))
    generation = mapping(model_config.get("generation_parameters") or general.get("generation_parameters"))
    return Run(
        model=_model_name(general, model_config),
        seed=integer(generation.get("seed")),
        engine_seed=integer(model_config.get("seed")),
        parameters=_parameters(general, model_config, generation),
        circumstances=_circumstances(general, model_config),
        tasks=_tasks(data["results"]),
        config_tasks=mapping(data.get("config_tasks")),
        seconds=_seconds(general.get("total_evaluation_time_secondes")),
    )


def _model_name(general: dict, model_config: dict) -> str | None:
    """A hub id as it is; of a folder the last part."""
    names = (general.get("model_name"), model_config.get("model_name"), model_config.get("model"))
    name = next((found for found in names if text(found)), None)
    if name is None or (name.count("/") == 1 and not name.startswith(("/", ".", "~"))):
        return name
    return os.path.basename(name.rstrip("/")) or name


def _parameters(general: dict, model_config: dict, generation: dict) -> dict[str, Any]:
    """All that may change a result and is not null; what is unknown to us counts as such."""
    values = {key: value for key, value in model_config.items() if key not in (*NO_PARAMETERS, *CIRCUMSTANCES)}
    values |= {key: value for key, value in generation.items() if key != "seed"}
    values.setdefault("dtype", text(general.get("model_dtype")))
    values.setdefault("revision", text(general.get("model_sha")))
    if "stop_tokens" in values:
        values["stop"] = values.pop("stop_tokens")
    return {key: value for key, value in values.items() if value is not None and value != [] and value != {}}


def _circumstances(general: dict, model_config: dict) -> dict[str, Any]:
    both = general | model_config
    return {key: both[key] for key in CIRCUMSTANCES if both.get(key) is not None and both[key] != "?"}


def _tasks(results: dict) -> dict[str, dict[str, float]]:
    """Metrics of each task; lighteval's averages over tasks and its standard errors are left out."""
    tasks = {}
    for key, values in results.items():
        if key != "all" and ":_average" not in key and isinstance(values, dict):
            tasks[key] = {
                name: float(value)
                for name, value in values.items()
                if number(value) is not None and not name.endswith("_stderr")
            }
    return tasks


def _seconds(value: Any) -> float | None:
    try:
        return number(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
