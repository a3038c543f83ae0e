"""Exit codes, and the two errors that a user is meant to see as one line.

A traceback means a bug; what a user can cause or mend is raised as one of these and printed by `command`.
"""

import functools
import os
import sys
from collections.abc import Callable

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONDITION = 3
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """A mistake in arguments, configuration or input: what, where, what to do. Nothing was started."""

    exit_code = EXIT_USAGE


class RunError(Exception):
    """Something failed on the way (disk, engine, server): what, and what to do. What was done is kept."""

    exit_code = EXIT_FAILED


def command(program: str) -> Callable:
    """Wrap a script's `main(argv=None) -> int` so that known errors end in one line on stderr and an exit code."""

    def wrap(main: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(main)
        def run(argv: list[str] | None = None) -> int:
            try:
                return main(argv)
            except (UserError, RunError) as error:
                print(f"{program}: {error}", file=sys.stderr)
                return error.exit_code
            except KeyboardInterrupt:
                print(f"{program}: interrupted", file=sys.stderr)
                return EXIT_INTERRUPTED
            except BrokenPipeError:  # the reader of our output went away (`| head`)
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return EXIT_FAILED

        return run

    return wrap
