"""Render the prompts of all problems with lighteval's PromptManager, as token ids or as messages.

This runs in a worker, which has lighteval loaded, while the engine loads its model.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.errors import UserError
from evalsuite.experiment import Experiment
from evalsuite.plan.sweep import Sweep
from evalsuite.tasks.problems import Selection


@dataclass(frozen=True)
class RenderJob:
    """What a worker needs to render the prompts of a sweep's tasks."""

    specs: tuple[str, ...]
    table_path: str
    data_dir: str | None
    selection: Selection
    tokenizer: Path | None  # None: messages for a chat endpoint
    use_chat_template: bool
    system_prompt: str | None
    chat_template_kwargs: dict[str, Any]
    trust_remote_code: bool

    @classmethod
    def of(cls, sweep: Sweep, experiments: Iterable[Experiment]) -> "RenderJob":
        """The job for the tasks of these experiments of a sweep."""
        shared = sweep.experiments[0].configuration  # the fields used here are the same in all experiments of a sweep
        return cls(
            specs=tuple(dict.fromkeys(sweep.task_of(one).spec for one in experiments)),
            table_path=sweep.args.custom_tasks_directory,
            data_dir=sweep.args.data_dir,
            selection=sweep.selection,
            tokenizer=None if sweep.chat else sweep.model.folder,
            use_chat_template=shared.use_chat_template,
            system_prompt=shared.system_prompt,
            chat_template_kwargs=json.loads(shared.chat_template_kwargs),
            trust_remote_code=sweep.args.trust_remote_code,
        )


@dataclass(frozen=True)
class Prompt:
    """The prompt of one problem."""

    problem: str  # problem hash
    text: str = field(repr=False)
    ids: tuple[int, ...] = field(repr=False, default=())  # token ids; empty if messages are sent instead
    messages: tuple[dict[str, str], ...] = field(repr=False, default=())
    stop: tuple[str, ...] = ()  # stop sequences of a task that lighteval defines


@dataclass(frozen=True)
class Rendered:
    """All prompts by task spec, and the texts of the tokens that may end an answer."""

    prompts: dict[str, list[Prompt]]
    eos_texts: tuple[str, ...]


class _TokenizerWithArguments:
    """A tokenizer that passes the sweep's arguments to its chat template, which PromptManager does not do."""

    def __init__(self, tokenizer: Any, kwargs: dict[str, Any]) -> None:
        self.tokenizer, self.kwargs = tokenizer, kwargs

    def apply_chat_template(self, messages: list[dict[str, str]], **options: Any) -> str:
        return self.tokenizer.apply_chat_template(messages, **options, **self.kwargs)


def render(job: RenderJob) -> Rendered:
    """Render the problems of all tasks. Raises UserError for data, prompts or a chat template that cannot be used."""
    from lighteval.tasks.prompt_manager import PromptManager

    from evalsuite.tasks.registry import lighteval_task

    tokenizer = _tokenizer(job) if job.tokenizer else None
    templated = _TokenizerWithArguments(tokenizer, job.chat_template_kwargs)
    manager = PromptManager(job.use_chat_template, templated, job.system_prompt if job.use_chat_template else None)
    prompts: dict[str, list[Prompt]] = {}
    for spec in job.specs:
        task = lighteval_task(spec, job.table_path, job.data_dir, selection=job.selection)
        prompts[spec] = [_prompt(doc, manager, tokenizer, job) for doc in task.get_docs()]
    return Rendered(prompts, _eos_texts(tokenizer, job.tokenizer))


def _prompt(doc: Any, manager: Any, tokenizer: Any, job: RenderJob) -> Prompt:
    stop = tuple(doc.stop_sequences or ())
    problem = doc.specific["problem"]
    if tokenizer is None:
        messages = tuple(manager.prepare_prompt_api(doc))
        return Prompt(problem, "\n\n".join(message["content"] for message in messages), messages=messages, stop=stop)
    try:
        text = manager.prepare_prompt(doc)
    except Exception as error:  # templates are programs: Jinja raises many types, and templates raise their own
        raise UserError(
            f"the model's chat template rejects the prompt: {type(error).__name__}: {error}; "
            "check --system_prompt and --chat_template_kwargs"
        ) from error
    # A rendered template already contains its special tokens; a plain prompt gets those that the tokenizer adds.
    ids = tokenizer.encode(text, add_special_tokens=not job.use_chat_template)
    return Prompt(problem, text, tuple(ids), stop=stop)


def _tokenizer(job: RenderJob) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(job.tokenizer, trust_remote_code=job.trust_remote_code)
    except Exception as error:  # transformers raises many types
        raise UserError(f"cannot load the tokenizer in {job.tokenizer}: {type(error).__name__}: {error}") from error


def _eos_texts(tokenizer: Any, folder: Path | None) -> tuple[str, ...]:
    """The texts of the tokens that may end an answer: the tokenizer's own and those in generation_config.json."""
    if tokenizer is None or folder is None:
        return ()
    from evalsuite.files import read_json

    ids = [tokenizer.eos_token_id]
    path = folder / "generation_config.json"
    if path.is_file():
        named = read_json(path).get("eos_token_id")
        ids += named if isinstance(named, list) else [named]
    return tuple(dict.fromkeys(tokenizer.convert_ids_to_tokens(one) for one in ids if isinstance(one, int)))
