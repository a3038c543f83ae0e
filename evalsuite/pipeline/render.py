"""What is sent for each problem: prompts rendered by lighteval's PromptManager, as token ids or as messages.

Runs in a child of the forkserver, which has lighteval loaded, while the engine loads its model.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.errors import UserError
from evalsuite.tasks.problems import Selection


@dataclass(frozen=True)
class RenderJob:
    """What the child needs to render all tasks of a sweep."""

    specs: tuple[str, ...]
    table_path: str
    data_dir: str | None
    selection: Selection
    tokenizer: Path | None  # None: messages for a chat endpoint
    use_chat_template: bool
    system_prompt: str | None
    chat_template_kwargs: dict[str, Any]
    trust_remote_code: bool


@dataclass(frozen=True)
class Prompt:
    """One problem as it is sent. `ids` are the prompt's token ids, empty where messages are sent instead."""

    problem: str
    text: str = field(repr=False)
    ids: tuple[int, ...] = field(repr=False, default=())
    messages: tuple[dict[str, str], ...] = field(repr=False, default=())
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rendered:
    """All prompts by task spec, and the texts of the tokens that end a sequence."""

    prompts: dict[str, list[Prompt]]
    eos_texts: tuple[str, ...]


class _Templated:
    """A tokenizer whose chat template is given the sweep's arguments; PromptManager itself passes none."""

    def __init__(self, tokenizer: Any, kwargs: dict[str, Any]) -> None:
        self.tokenizer, self.kwargs = tokenizer, kwargs

    def apply_chat_template(self, messages: list[dict[str, str]], **options: Any) -> str:
        return self.tokenizer.apply_chat_template(messages, **options, **self.kwargs)


def render(job: RenderJob) -> Rendered:
    """Render every task's problems. Raises UserError for data, prompts or a template that cannot be used."""
    from lighteval.tasks.prompt_manager import PromptManager

    from evalsuite.tasks.registry import lighteval_task

    tokenizer = _tokenizer(job) if job.tokenizer else None
    templated = _Templated(tokenizer, job.chat_template_kwargs)
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
    except Exception as error:  # templates are programs of others: Jinja's errors and any they raise on purpose
        raise UserError(f"the model's chat template refuses the prompt: {type(error).__name__}: {error}") from error
    # A rendered template already holds its special tokens; a plain prompt gets those the tokenizer adds.
    ids = tokenizer.encode(text, add_special_tokens=not job.use_chat_template)
    return Prompt(problem, text, tuple(ids), stop=stop)


def _tokenizer(job: RenderJob) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(job.tokenizer, trust_remote_code=job.trust_remote_code)
    except Exception as error:  # transformers raises many kinds
        raise UserError(f"cannot load the tokenizer in {job.tokenizer}: {type(error).__name__}: {error}") from error


def _eos_texts(tokenizer: Any, folder: Path | None) -> tuple[str, ...]:
    """Texts of the tokens that may end an answer: the tokenizer's and those of generation_config.json."""
    if tokenizer is None or folder is None:
        return ()
    from evalsuite.files import read_json

    ids = [tokenizer.eos_token_id]
    path = folder / "generation_config.json"
    if path.is_file():
        named = read_json(path).get("eos_token_id")
        ids += named if isinstance(named, list) else [named]
    return tuple(dict.fromkeys(tokenizer.convert_ids_to_tokens(one) for one in ids if isinstance(one, int)))
