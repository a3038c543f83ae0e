"""A LightevalModel that answers from the journal, so that lighteval grades completions that were generated before."""

from dataclasses import replace
from typing import Any

import numpy as np
from lighteval.models.abstract_model import LightevalModel, ModelConfig
from lighteval.models.model_input import GenerationParameters
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc

from evalsuite.grading.find.thinking import opened_by, opened_unseen
from evalsuite.pipeline.render import Prompt
from evalsuite.store.journal import Completion


class JournalModelConfig(ModelConfig):
    """What lighteval's results say about the model. The experiment's seed is among the generation parameters."""

    dtype: str = "auto"
    max_model_length: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    use_chat_template: bool = False


class _NoCache:
    """Replaces lighteval's cache of samples, which we do not need."""

    def _init_registry(self, registry: Any) -> None:
        """Do nothing."""


def config_from(manifest: dict[str, Any]) -> JournalModelConfig:
    """lighteval's model configuration for the experiment that a manifest describes."""
    values = manifest["configuration"]
    parameters = {
        "temperature": values["temperature"],
        "top_p": values["top_p"],
        "top_k": max(values["top_k"], 0) or None,
        "min_p": values["min_p"],
        "max_new_tokens": values["max_new_tokens"],
        "repetition_penalty": values["repetition_penalty"],
        "presence_penalty": values["presence_penalty"],
        "stop_tokens": values["stop"] or None,
        "seed": manifest["seed"],
    }
    batch = {name: manifest["circumstances"].get(name) for name in ("max_num_seqs", "max_num_batched_tokens")}
    return JournalModelConfig(
        model_name=manifest["model"],
        generation_parameters=GenerationParameters(**parameters),
        system_prompt=values["system_prompt"],
        dtype=values["dtype"],
        max_model_length=values["max_model_length"],
        use_chat_template=values["use_chat_template"],
        **batch,
    )


def with_token_array(completion: Completion) -> Completion:
    """The completion with its token ids as an array: as 32,768 Python ints they take a megabyte, and lighteval makes
    copies of them."""
    return replace(completion, token_ids=np.asarray(completion.token_ids, dtype=np.int64))


def thinking_opened(completions: dict[str, Completion], prompts: dict[str, Prompt]) -> str:
    """The tag with which the chat template opened the thinking at the end of every prompt; "" if it did not.

    All prompts of a task end in the same way. If the server rendered them from messages, we do not have their text, so
    this is inferred from the responses.
    """
    prompt = next(iter(prompts.values()), None)
    if prompt is not None and not prompt.messages:
        return opened_by(prompt.text)
    return opened_unseen([one.text for one in completions.values() if one.finish_reason == "stop"])


class JournalModel(LightevalModel):
    """Answers each document with the journaled completion of its problem. `completions` and `prompts` are by problem
    hash; the completions should have gone through `with_token_array`."""

    def __init__(
        self, config: JournalModelConfig, completions: dict[str, Completion], prompts: dict[str, Prompt]
    ) -> None:
        self.config, self.completions, self.prompts = config, completions, prompts
        self._cache = _NoCache()
        self._opened = thinking_opened(completions, prompts)

    @property
    def tokenizer(self) -> Any:
        raise RuntimeError("the answers come from the journal, so nothing is tokenized here")

    @property
    def add_special_tokens(self) -> bool:
        return False

    @property
    def max_length(self) -> int:
        return self.config.max_model_length or 0

    def greedy_until(self, docs: list[Doc]) -> list[ModelResponse]:
        """The journaled answers in the order of the documents; facts about each are added to its doc.specific."""
        return [self._answer(doc) for doc in docs]

    def _answer(self, doc: Doc) -> ModelResponse:
        completion = self.completions[doc.specific["problem"]]
        prompt = self.prompts.get(completion.problem)
        doc.specific = doc.specific | {
            "finish_reason": completion.finish_reason,
            "output_token_count": completion.output_tokens,
            "prompt_token_count": completion.prompt_tokens,
            "request_seed": completion.request_seed,
            "thinking_opened": self._opened,
        }
        return ModelResponse(
            input=prompt.text if prompt else None,
            input_tokens=np.asarray(prompt.ids if prompt else (), dtype=np.int64),
            text=[completion.text],
            output_tokens=[completion.token_ids],
            reasonings=[completion.reasoning],
        )

    def loglikelihood(self, docs: list[Doc]) -> list[ModelResponse]:
        raise RuntimeError("only tasks whose answers are generated are supported")

    def loglikelihood_rolling(self, docs: list[Doc]) -> list[ModelResponse]:
        raise RuntimeError("only tasks whose answers are generated are supported")
