"""Execute a sweep: lock its experiments, run them, release them; and end cleanly when a signal arrives."""

import asyncio
import os
import signal

from evalsuite.errors import EXIT_INTERRUPTED, EXIT_OK
from evalsuite.files import counted, say
from evalsuite.plan.sweep import Sweep
from evalsuite.progress import screen
from evalsuite.sweep import rescore
from evalsuite.sweep.experiment_locks import ExperimentLocks
from evalsuite.sweep.run import Run


async def execute(sweep: Sweep) -> int:
    """Run a sweep's unfinished experiments; returns the exit code.

    The first SIGINT or SIGTERM ends the sweep cleanly, with all finished completions kept; the second ends this process
    immediately, and the supervisor cleans up. Raises RunError and UserError like `Run.run`.
    """
    locks = ExperimentLocks(sweep)
    try:
        return await _interruptible(sweep, locks)
    finally:
        locks.close()


async def _interruptible(sweep: Sweep, locks: ExperimentLocks) -> int:
    completions: list[int] = []  # finished by each run
    task = asyncio.get_running_loop().create_task(_run_all(sweep, locks, completions))
    signals: list[int] = []

    def on_signal(number: int) -> None:
        signals.append(number)
        if len(signals) > 1:
            os._exit(EXIT_INTERRUPTED)
        if screen.current() is not None:  # otherwise run_interactive.sh says it, or nobody is watching
            say("main.py: stopping; press Ctrl-C again to stop immediately")
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not signals:
            raise
        command = "the same command without --overwrite" if sweep.args.overwrite else "the same command again"
        kept = counted(sum(completions), "completion")
        say(f"main.py: stopped; {kept} kept; run {command} to continue")
        return EXIT_INTERRUPTED


async def _run_all(sweep: Sweep, locks: ExperimentLocks, completions: list[int]) -> int:
    """Run what can be locked. With --wait, repeat this until no other run holds one of the sweep's experiments."""
    code = EXIT_OK
    while True:
        if todo := locks.acquire():
            if sweep.sources:
                rescore.fill(sweep, todo)
            run = Run(sweep, todo, locks)
            try:
                code = max(code, await run.run())
            finally:
                completions.append(run.status.finished)
        if not (sweep.args.wait and locks.held_by_others):
            return max(code, locks.exit_code())
        await locks.wait()
