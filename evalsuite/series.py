"""Checkpoints of a training run: a model named SERIES@STEP belongs to the series, at that step of its training."""

import re
from typing import Any

_NAME = re.compile(r"(.+)@([0-9]{1,18})", re.DOTALL)


def split_step(name: str) -> tuple[str | None, int | None]:
    """The series and the step that a model's name says, both None where it says none.

    >>> split_step("run7@400"), split_step("run7")
    (('run7', 400), (None, None))
    """
    found = _NAME.fullmatch(name)
    return (found[1], int(found[2])) if found else (None, None)


def facts(name: str) -> dict[str, Any]:
    """The same as a manifest keeps it: `series` and `step`."""
    series, step = split_step(name)
    return {"series": series, "step": step}
