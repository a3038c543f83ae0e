"""From a problem's prompt to the request that the queue holds for it."""

from dataclasses import replace

from evalsuite.engine.client import Request
from evalsuite.errors import UserError
from evalsuite.experiment import Experiment, request_seed
from evalsuite.pipeline.render import Prompt
from evalsuite.plan.sweep import Sweep
from evalsuite.sweep.schedule import Item


def make_item(sweep: Sweep, experiment: Experiment, prompt: Prompt) -> Item:
    """The request for one problem of an experiment. Raises UserError if the prompt leaves no room for an answer."""
    configuration = experiment.configuration
    if prompt.stop and sweep.args.stop is None:  # stop sequences of a task that lighteval defines
        configuration = replace(configuration, stop=prompt.stop)
    max_tokens, limit = configuration.max_new_tokens, configuration.max_model_length
    if prompt.ids and limit is not None:
        max_tokens = min(max_tokens, limit - len(prompt.ids))
    if max_tokens < 1:
        raise UserError(
            f"{experiment.task}: the prompt of problem {prompt.problem} has {len(prompt.ids)} tokens and does not fit "
            f"into --max_model_length {limit}; raise it (prompts are never truncated)"
        )
    request = Request(
        problem=prompt.problem,
        sample=0,
        seed=request_seed(experiment.seed, experiment.task, prompt.problem),
        max_tokens=max_tokens,
        prompt_ids=prompt.ids,
        messages=prompt.messages,
        model=sweep.served_name(experiment),
    )
    return Item(experiment, configuration, request, float(sweep.task_of(experiment).row.expected_tokens))
