"""The functions that workers run, named without importing lighteval into the process that asks for them."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalsuite.grade.jobs import Graded, GradeJob
    from evalsuite.render import Rendered, RenderJob


NICE = 5  # grading takes what generation leaves; more might starve an answer of the seconds that it may take
_OWN = os.nice(0)


def grade(job: "GradeJob") -> "Graded":
    """See worker.grade."""
    from evalsuite.grade import worker

    os.setpriority(os.PRIO_PROCESS, 0, _OWN + NICE)  # the kernel makes 19 of more
    return worker.grade(job)


def render(job: "RenderJob") -> "Rendered":
    """See evalsuite.render.render."""
    from evalsuite import render as module

    return module.render(job)
