"""Reading what lighteval wrote, alone or inside an earlier suite: one details file with the results of its date."""

import os
from dataclasses import dataclass, field
from typing import Any

from evalsuite.collect import naming
from evalsuite.collect.details import CountTokens, read_details
from evalsuite.collect.facts import ALWAYS, config_id
from evalsuite.collect.naming import split_key
from evalsuite.collect.samples import Allowed
from evalsuite.collect.source import LIGHTEVAL, Measured, Record, Source, Stopped, at, record
from evalsuite.collect.untrusted import Unreadable, integer, load_json, mapping, number, stamp, text
from evalsuite.experiment import facts


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


NOTHING = Run(None, None, None, {}, {}, {})
IDENTITY_FROM_FOLDER = ("seed", "task")


def read_lighteval(source: Source, count_tokens: CountTokens | None = None) -> Record:
    """One task of one run; raises Stopped."""
    run = at(source.results, parse_run, at(source.results, load_json, source.results)) if source.results else NOTHING
    if source.details is None:
        raise Stopped(source.path, _without_details(run))
    files = {path: at(path, stamp, path) for path in (source.results, source.details) if path}
    key = at(source.details, _task_key, source, run)
    identity = _identity(source, run, key)
    configuration = identity["configuration"]
    allowed = Allowed(integer(configuration.get("max_new_tokens")), integer(configuration.get("max_model_length")))
    samples = at(source.details, read_details, source.details, allowed, count_tokens)
    reported = run.tasks.get(key, {})
    asked = integer(run.task_config(key).get("effective_num_docs")) or 0
    found = Measured(samples, [*reported], reported, None, asked if asked > 0 else len(samples.id))
    return record(identity, found, files)


def _without_details(run: Run) -> str:
    """Why a results file alone is of no use, with what it says."""
    said = [f"{name} {value:.4f}" for values in run.tasks.values() for name, value in values.items()][:3]
    return f"results without details ({', '.join(said)}): each problem's score is needed (lighteval --save-details)"


def _task_key(source: Source, run: Run) -> str:
    """lighteval's key of the details file's task, as the results file spells it where it has it."""
    found = naming.task_key_in(os.path.basename(source.details or ""))
    if found in run.tasks:
        return found
    same = [key for key in run.tasks if naming.split_key(key) == naming.split_key(found)]
    if len(run.tasks) > 1 and not same:
        raise Unreadable(f"its results file has no task {found!r}"[:200])
    return (same or [*run.tasks] or [found])[0]


def _identity(source: Source, run: Run, key: str) -> dict[str, Any]:
    folder = naming.parameters_in(source.hint)
    seed, warnings = _seed(run, source.hint)
    parameters = {name: value for name, value in folder.items() if name not in IDENTITY_FROM_FOLDER}
    parameters |= run.parameters | run.task_parameters(key)
    parameters.setdefault("max_new_tokens", integer(run.task_config(key).get("generation_size")))
    batching = {
        name: run.circumstances.get(name, folder.get(name)) for name in ("max_num_seqs", "max_num_batched_tokens")
    }
    configuration = dict.fromkeys(ALWAYS) | parameters | batching
    model = run.model or _model_in(source) or "unknown"
    warnings += [] if source.results else ["no results file beside its details: parameters from folder names alone"]
    return {
        "model": model,
        **facts(model),
        "task": naming.task_of(key),
        "seed": seed,
        "config_id": config_id(configuration),
        "configuration": configuration,
        "circumstances": run.circumstances | {name: value for name, value in batching.items() if value is not None},
        "status": "unfinished" if source.provisional else "finished",
        "source": LIGHTEVAL,
        "date": naming.date_in(os.path.basename(source.details or "")),
        "named": None,
        "warnings": warnings,
    }


def _seed(run: Run, path: str) -> tuple[int | None, list[str]]:
    """The seed that the results file has, else the folder's; lighteval's default engine seed only for want of both."""
    hint = naming.seed_in(path)
    known = run.seed if run.seed is not None else run.engine_seed if run.engine_seed != DEFAULT_ENGINE_SEED else None
    if known is not None and hint is not None and known != hint:
        return known, [f"its folder's name says seed {hint}, its results file {known}; the file counts"]
    if known is None:
        known = hint if hint is not None else run.engine_seed
    return known, [] if known is not None else ["its seed is unknown: neither file nor folder names one"]


def _model_in(source: Source) -> str | None:
    """The model that lighteval's path names: details/<model>/<date>/..."""
    parts = os.path.relpath(os.path.dirname(source.details or ""), source.folder).split(os.sep)
    names = [part for part in parts[1:] if not naming.date_in(part)]
    return "/".join(names) or None


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
