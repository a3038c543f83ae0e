"""Scores as if generation had been cut at N tokens: new experiments made from finished ones, without an engine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from evalsuite import manifest, sessions
from evalsuite.errors import UserError
from evalsuite.identity import Experiment
from evalsuite.journal import Completion, Journal
from evalsuite.plan import Sweep


def derive(sweep: Sweep, tokens: int) -> Sweep:
    """The sweep with `max_new_tokens` cut to `tokens`, its journals written from the finished experiments' token ids.

    Raises UserError where an experiment is not finished, or was stored without token ids.
    """
    decode = _decoder(sweep)
    pairs = [(one, _cut_experiment(one, tokens)) for one in sweep.experiments]
    for source, _ in pairs:
        if source.configuration.max_new_tokens < tokens:
            raise UserError(f"--rescore_at {tokens}: {source.name} was generated with fewer tokens than that")
        if manifest.read(sweep.folder / source.name) is None:
            raise UserError(f"--rescore_at: {source.name} is not finished; run it without --rescore_at first")
    for source, _ in pairs:  # all of them before the first is written: nothing is left half done
        for completion in Journal(sweep.folder / source.name).read():
            _check_ids(completion, tokens)
    for source, cut in pairs:
        _write(sweep.folder, source, cut, tokens, decode)
    return replace(sweep, experiments=tuple(dict.fromkeys(cut for _, cut in pairs)))


def _cut_experiment(experiment: Experiment, tokens: int) -> Experiment:
    return replace(experiment, configuration=replace(experiment.configuration, max_new_tokens=tokens))


def _write(folder: Path, source: Experiment, cut: Experiment, tokens: int, decode: Any) -> None:
    target = Journal(folder / cut.name)
    had = {one.key for one in target.read()}
    for completion in Journal(folder / source.name).read():
        if completion.key not in had:
            target.append(shorten(completion, tokens, decode))
    target.close()
    if not sessions.read(folder / cut.name):
        for run in sessions.read(folder / source.name):
            sessions.note(folder / cut.name, run["circumstances"], run["provenance"])


def shorten(completion: Completion, tokens: int, decode: Any) -> Completion:
    """A completion as it would be with at most `tokens` generated. `decode` turns token ids into text."""
    if completion.output_tokens <= tokens:
        return completion
    _check_ids(completion, tokens)
    kept = completion.token_ids[:tokens]
    return replace(
        completion,
        text=decode(list(kept)),
        finish_reason="length",
        output_tokens=tokens,
        token_ids=kept,
        reasoning=None,
    )


def _check_ids(completion: Completion, tokens: int) -> None:
    if completion.output_tokens > tokens and len(completion.token_ids) != completion.output_tokens:
        raise UserError(f"--rescore_at: problem {completion.problem} was stored without its token ids")


def _decoder(sweep: Sweep) -> Any:
    if sweep.model.folder is None:
        raise UserError("--rescore_at decodes token ids: give a --model whose tokenizer is at hand")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        sweep.model.folder, trust_remote_code=sweep.args.trust_remote_code, local_files_only=True
    )
    # As vLLM turns ids into text: nothing left out, nothing tidied up.
    return lambda ids: tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
