"""--rescore_at: make experiments from finished ones, as if generation had stopped at N tokens, without an engine."""

from collections.abc import Callable
from dataclasses import replace

from evalsuite.errors import UserError
from evalsuite.experiment import Experiment
from evalsuite.plan.sweep import Sweep
from evalsuite.store import manifest, sessions
from evalsuite.store.journal import Completion, Journal


def derive(sweep: Sweep, tokens: int) -> Sweep:
    """The sweep with `max_new_tokens` lowered to `tokens`. It writes nothing; `fill` writes the answers.

    Raises UserError if an experiment is not finished, or was stored without token ids.
    """
    if sweep.model.folder is None:
        raise UserError("--rescore_at decodes token ids; give a --model that has a tokenizer")
    sources: dict[str, Experiment] = {}
    cuts: dict[str, Experiment] = {}
    for source in sweep.experiments:
        _check(sweep, source, tokens)
        cut = replace(source, configuration=replace(source.configuration, max_new_tokens=tokens))
        sources[cut.name], cuts[cut.name] = source, cut
    return replace(sweep, experiments=tuple(cuts.values()), sources=sources)


def _check(sweep: Sweep, source: Experiment, tokens: int) -> None:
    if source.configuration.max_new_tokens < tokens:
        raise UserError(f"--rescore_at {tokens}: {source.name} was generated with fewer tokens; give a smaller number")
    if not manifest.is_finished(sweep.folder_of(source), source, sweep.selection.as_json()):
        raise UserError(f"--rescore_at: {source.name} is not finished; run it without --rescore_at first")
    for completion in Journal(sweep.folder_of(source)).read():
        _check_ids(completion, tokens)


def fill(sweep: Sweep, todo: list[Experiment]) -> None:
    """Write the journals of these experiments, whose locks we hold: the truncated answers of their sources."""
    decode = _decoder(sweep)
    for cut in todo:
        source, folder = sweep.folder_of(sweep.sources[cut.name]), sweep.folder_of(cut)
        target = Journal(folder)
        written = {one.key for one in target.read()}
        for completion in Journal(source).read():
            if completion.key not in written:
                target.append(truncate(completion, cut.configuration.max_new_tokens, decode))
        target.close()
        if not sessions.read(folder):
            for run in sessions.read(source):
                sessions.record(folder, run["circumstances"], run["provenance"])


def truncate(completion: Completion, tokens: int, decode: Callable[[list[int]], str]) -> Completion:
    """The completion as if at most `tokens` had been generated. `decode` turns token ids into text."""
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
        raise UserError(
            f"--rescore_at: problem {completion.problem} was stored without token ids; choose another experiment"
        )


def _decoder(sweep: Sweep) -> Callable[[list[int]], str]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        sweep.model.folder, trust_remote_code=sweep.args.trust_remote_code, local_files_only=True
    )
    # These options decode ids as vLLM does.
    return lambda ids: tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
