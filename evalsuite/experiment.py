"""An experiment is one task, one seed and one configuration of a model; names, hashes and seeds follow from these."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

SEED_BITS = 31  # hosted servers refuse larger seeds
_STEP = re.compile(r"(.+)@([0-9]{1,18})", re.DOTALL)


@dataclass(frozen=True)
class Configuration:
    """Everything except the seed that is meant to change a result. Its hash is part of the folder's name, so a setting
    left out here would let two different configurations share a folder.

    Lengths are in tokens. `weights`, `chat_template_hash` and `data_hash` are content hashes or hub commits;
    `prompt_template` is the text of the template. `engine_args` holds only arguments that alter the model's answers.
    """

    weights: str
    task_version: str
    data_hash: str
    temperature: float
    top_p: float
    max_new_tokens: int
    max_model_length: int | None = None
    top_k: int = -1
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    dtype: str = "auto"
    quantization: str | None = None
    kv_cache_dtype: str | None = None
    lora: str | None = None
    engine_args: tuple[str, ...] = ()
    endpoint: str = "completions"
    use_chat_template: bool = False
    system_prompt: str | None = None
    chat_template_hash: str | None = None
    chat_template_kwargs: str = "{}"
    prompt_template: str | None = None
    num_fewshot: int = 0

    def as_json(self) -> dict[str, Any]:
        """The configuration as plain JSON values."""
        values = asdict(self)
        values["chat_template_kwargs"] = json.loads(self.chat_template_kwargs)
        return values | {"stop": list(self.stop), "engine_args": list(self.engine_args)}

    @property
    def config_id(self) -> str:
        """The main settings in readable form, then eight hex digits of a hash over every field."""
        shown = f"temp{self.temperature:g}-topp{self.top_p:g}-max{self.max_new_tokens}"
        return f"{shown}-{digest(self.as_json())[:8]}"


@dataclass(frozen=True)
class Experiment:
    """One task x one seed x one configuration of one model. Each experiment has its own folder."""

    model: str
    task: str
    seed: int
    configuration: Configuration = field(repr=False)

    @property
    def name(self) -> str:
        """The folder's name, `<task>_<config_id>_seed<seed>`."""
        return f"{path_part(self.task)}_{self.configuration.config_id}_seed{self.seed}"

    @property
    def fingerprint(self) -> str:
        """Hash of everything that can change the result, including the seed; 64 hex digits."""
        return digest({"task": self.task, "seed": self.seed, "configuration": self.configuration.as_json()})


def digest(value: Any) -> str:
    """The SHA-256 of a value's canonical JSON; 64 hex digits."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def path_part(name: str) -> str:
    """The name of a task or model as a single path component.

    >>> path_part("gpqa:diamond"), path_part("Qwen/Qwen3-8B")
    ('gpqa-diamond', 'Qwen_Qwen3-8B')
    """
    return name.replace("/", "_").replace(":", "-").replace("|", "-").replace("\0", "")


def request_seed(seed: int, task: str, problem: str, sample: int = 0) -> int:
    """The seed of one request: the first 31 bits of sha256("<seed>/<task>/<problem>/<sample>").

    So every problem has its own random stream, and neighbouring experiment seeds share none.

    >>> request_seed(0, "aime24", "00ff") != request_seed(1, "aime24", "00ff")
    True
    """
    words = f"{seed}/{task}/{problem}/{sample}".encode()
    return int.from_bytes(hashlib.sha256(words).digest()[:4]) >> (32 - SEED_BITS)


def split_step(name: str) -> tuple[str | None, int | None]:
    """The series and the step in the name of a checkpoint; both are None for any other name.

    >>> split_step("run7@400"), split_step("run7")
    (('run7', 400), (None, None))
    """
    found = _STEP.fullmatch(name)
    return (found[1], int(found[2])) if found else (None, None)


def facts(name: str) -> dict[str, Any]:
    """`split_step` in the form that a manifest stores: a dict of `series` and `step`."""
    series, step = split_step(name)
    return {"series": series, "step": step}
