"""Grading calls that are made again where it may not have been the answer's fault that they gave nothing."""

from collections.abc import Callable
from typing import Any

from evalsuite.bounded import Bounded, BoundedCrash, BoundedMemory, BoundedTimeout

ATTEMPTS = 3


def patiently(bounded: Bounded) -> Callable[..., Any]:
    """The bounded call, made again when its process was killed, had kept too much of former calls, or was given too
    little of the processor to be judged.

    What an answer itself does, it does every time: then the last error is raised.
    """

    def call(*arguments: Any) -> Any:
        for _ in range(ATTEMPTS - 1):
            try:
                return bounded(*arguments)
            except (BoundedCrash, BoundedMemory):  # the next call has a fresh process
                continue
            except BoundedTimeout as error:
                if not error.starved:
                    raise
        return bounded(*arguments)

    return call
