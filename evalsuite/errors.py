"""Exit codes, the two errors that a user is meant to see as one line, and the wrapper of every command.

A traceback means a bug. Everything that a user can cause or fix is raised as UserError or RunError, and `command`
prints it. Importable by any Python from 3.8, so that a script can say what is missing.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONDITION = 3
EXIT_INTERRUPTED = 130

NEEDED = ("numpy", "pyarrow", "rich", "jinja2")  # a few packages that tell an environment that was set up from another
OLDEST_PYTHON = (3, 11)
ENVIRONMENT = Path(__file__).resolve().parent.parent / ".venv"  # what set-up makes


class UserError(Exception):
    """A mistake in arguments, configuration or input: what is wrong, where, what to do. Nothing was started."""

    exit_code = EXIT_USAGE


class RunError(Exception):
    """Something failed on the way (disk, engine, server): what, and what to do. Finished work is kept."""

    exit_code = EXIT_FAILED


def command(program: str) -> Callable:
    """Wrap a script's `main(argv=None) -> int` so that known errors end in one line on stderr and an exit code.

    Called without arguments, as a script is, it first makes sure that the suite's packages can be imported.
    """

    def wrap(main: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(main)
        def run(argv: list[str] | None = None) -> int:
            try:
                if argv is None:
                    use_environment(ENVIRONMENT)
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


def use_environment_for_module() -> None:
    """The same for `python -m evalsuite.report` and the like, whose package is imported before `main` is called."""
    if sys.argv[:1] != ["-m"]:  # what Python puts there until it has found the module
        return
    try:
        use_environment(ENVIRONMENT)
    except UserError as error:
        print(f"evalsuite: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)


def use_environment(environment: Path) -> None:
    """Start this command again with the environment's Python where the running one lacks the suite's packages.

    Raises UserError where there is no such environment.
    """
    is_old = sys.version_info < OLDEST_PYTHON
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not is_old and not missing:
        return
    wrong = f"is {sys.version.split()[0]}, 3.11 is needed" if is_old else f"lacks {', '.join(missing)}"
    python = environment / "bin" / "python"
    if not python.is_file() or Path(sys.prefix).resolve() == environment.resolve():
        raise UserError(
            f"{sys.executable} {wrong}; run `bash run_interactive.sh` once, which sets up {environment}, "
            "or install requirements.txt into this environment"
        )
    given = getattr(sys, "orig_argv", [sys.executable, *sys.argv])  # before Python 3.10 `-m` hides its module
    if given[1:2] == ["-m"] and not hasattr(sys, "orig_argv"):
        raise UserError(f"{sys.executable} {wrong}; give the same command with {python}")
    sys.stdout.flush()
    os.execv(python, [str(python), *given[1:]])
