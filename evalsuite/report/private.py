"""Data sets whose authors ask that nothing of them is published: no prompt, question or answer of theirs is shown."""


def is_private(task: str) -> bool:
    """Whether a task is one of GPQA's, however its name is written.

    >>> is_private("gpqa:diamond"), is_private("lighteval|GPQA_extended|0"), is_private("aime24")
    (True, True, False)
    """
    return "gpqa" in task.casefold()
