"""Reads what lighteval wrote, by itself or inside an earlier suite: a details file and the results file of its date."""

import os
from dataclasses import dataclass, field
from typing import Any

from evalsuite.collect import path_parsing
from evalsuite.collect.details import CountTokens, read_details
from evalsuite.collect.metadata import ALWAYS, config_id
from evalsuite.collect.path_parsing import split_key
from evalsuite.collect.samples import TokenLimits
from evalsuite.collect.source import LIGHTEVAL, Measurements, ReadError, Record, Source, blaming, build_record
from evalsuite.collect.validation import Unreadable, integer, load_json, mapping, number, stamp, text
from evalsuite.experiment import facts

DEFAULT_ENGINE_SEED = 1234  # lighteval's vLLM model uses it when no seed is given
IDENTITY_FROM_FOLDER = ("seed", "task")
CIRCUMSTANCES = (
    "max_num_seqs", "max_num_batched_tokens", "tensor_parallel_size", "data_parallel_size", "pipeline_parallel_size",
    "gpu_memory_utilization", "swap_space", "enable_prefix_caching", "batch_size", "override_batch_size",
    "model_parallel", "load_format", "base_url", "concurrent_requests", "timeout", "api_max_retry", "lighteval_sha",
)  # fmt: skip
NO_PARAMETERS = ("model_name", "model", "cache_dir", "seed", "generation_parameters", "is_async", "tokenizer",
                 "api_key", "token", "device", "verbose", "multichoice_continuations_start_space",
                 "pairwise_tokenization", "batched_compute")  # fmt: skip
TASK_PARAMETERS = {  # by lighteval's name of the parameter
    "version": "task_version",
    "hf_repo": "hf_repo",
    "hf_subset": "hf_subset",
    "hf_revision": "hf_revision",
    "prompt_function": "prompt_function",
    "stop_sequence": "stop",
}


@dataclass(frozen=True)
class Run:
    """The contents of one results file. `tasks` maps lighteval's task keys to {metric: value}."""

    model: str | None
    seed: int | None
    engine_seed: int | None
    parameters: dict[str, Any]
    circumstances: dict[str, Any]
    tasks: dict[str, dict[str, float]]
    config_tasks: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None

    def task_config(self, key: str) -> dict[str, Any]:
        """The task's own configuration; old releases store it without the few-shot part of the key."""
        return mapping(self.config_tasks.get(key, self.config_tasks.get(key.rpartition("|")[0])))

    def task_parameters(self, key: str) -> dict[str, Any]:
        """The part of the configuration that the task determines."""
        config = self.task_config(key)
        values = {ours: config[theirs] for theirs, ours in TASK_PARAMETERS.items() if config.get(theirs)}
        return values | {"num_fewshot": split_key(key)[1]}


NO_RUN = Run(None, None, None, {}, {}, {})


def read_lighteval(source: Source, count_tokens: CountTokens | None = None) -> Record:
    """Read one task of one run; raises ReadError."""
    run = NO_RUN
    if source.results:
        run = blaming(source.results, parse_run, blaming(source.results, load_json, source.results))
    if source.details is None:
        raise ReadError(source.path, _without_details(run))
    files = {path: blaming(path, stamp, path) for path in (source.results, source.details) if path}
    key = blaming(source.details, _task_key, source, run)
    identity = _identity(source, run, key)
    configuration = identity["configuration"]
    limits = TokenLimits(integer(configuration.get("max_new_tokens")), integer(configuration.get("max_model_length")))
    samples = blaming(source.details, read_details, source.details, limits, count_tokens)
    reported = run.tasks.get(key, {})
    asked = integer(run.task_config(key).get("effective_num_docs")) or 0
    found = Measurements(samples, [*reported], reported, None, asked if asked > 0 else len(samples.id))
    return build_record(identity, found, files)


def _without_details(run: Run) -> str:
    """The reason for skipping a results file without details, with the scores that it reports."""
    scores = [f"{name} {value:.4f}" for values in run.tasks.values() for name, value in values.items()][:3]
    return f"results without details ({', '.join(scores)}): run lighteval with --save-details for per-problem scores"


def _task_key(source: Source, run: Run) -> str:
    """The task key in the details file's name, spelled as in the results file if that has the task."""
    found = path_parsing.task_key_in(os.path.basename(source.details or ""))
    if found in run.tasks:
        return found
    same = [key for key in run.tasks if split_key(key) == split_key(found)]
    if len(run.tasks) > 1 and not same:
        raise Unreadable(f"its results file has no task {found!r}"[:200])
    return (same or [*run.tasks] or [found])[0]


def _identity(source: Source, run: Run, key: str) -> dict[str, Any]:
    folder = path_parsing.parameters_in(source.hint)
    seed, warnings = _seed(run, source.hint)
    parameters = {name: value for name, value in folder.items() if name not in IDENTITY_FROM_FOLDER}
    parameters |= run.parameters | run.task_parameters(key)
    parameters.setdefault("max_new_tokens", integer(run.task_config(key).get("generation_size")))
    batching = {
        name: run.circumstances.get(name, folder.get(name)) for name in ("max_num_seqs", "max_num_batched_tokens")
    }
    configuration = dict.fromkeys(ALWAYS) | parameters | batching
    model = run.model or _model_in(source) or "unknown"
    warnings += [] if source.results else ["no results file; parameters are taken from folder names only"]
    return {
        "model": model,
        **facts(model),
        "task": path_parsing.task_of(key),
        "seed": seed,
        "config_id": config_id(configuration),
        "configuration": configuration,
        "circumstances": run.circumstances | {name: value for name, value in batching.items() if value is not None},
        "status": "unfinished" if source.provisional else "finished",
        "source": LIGHTEVAL,
        "date": path_parsing.date_in(os.path.basename(source.details or "")),
        "manifest_name": None,
        "warnings": warnings,
    }


def _seed(run: Run, path: str) -> tuple[int | None, list[str]]:
    """The seed in the results file, else in a folder's name, else lighteval's default engine seed; and warnings."""
    hint = path_parsing.seed_in(path)
    known = run.seed if run.seed is not None else run.engine_seed if run.engine_seed != DEFAULT_ENGINE_SEED else None
    if known is not None and hint is not None and known != hint:
        return known, [f"the folder's name says seed {hint}, the results file {known}; the results file is used"]
    if known is None:
        known = hint if hint is not None else run.engine_seed
    return known, [] if known is not None else ["unknown seed: neither the results file nor a folder's name has one"]


def _model_in(source: Source) -> str | None:
    """The model in the path of a details file: details/<model>/<date>/..."""
    parts = os.path.relpath(os.path.dirname(source.details or ""), source.folder).split(os.sep)
    names = [part for part in parts[1:] if not path_parsing.date_in(part)]
    return "/".join(names) or None


def parse_run(data: dict[str, Any]) -> Run:
    """Parse the object in a results file; raises Unreadable if it is not lighteval's."""
    general = mapping(data.get("config_general"))
    if not general or not isinstance(data.get("results"), dict):
        raise Unreadable("not a results file of lighteval: config_general or results is missing")
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
    """The model's hub id, or the last part of a local path."""
    names = (general.get("model_name"), model_config.get("model_name"), model_config.get("model"))
    name = next((found for found in names if text(found)), None)
    if name is None or (name.count("/") == 1 and not name.startswith(("/", ".", "~"))):
        return name
    return os.path.basename(name.rstrip("/")) or name


def _parameters(general: dict, model_config: dict, generation: dict) -> dict[str, Any]:
    """All parameters that may change a result and are set; those that are not known here are included."""
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
    """The metrics of each task, without lighteval's averages over tasks and its standard errors."""
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
