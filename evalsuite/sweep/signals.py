"""A sweep from claiming its experiments to letting go of them, with what a signal does."""

import asyncio
import os
import signal

from evalsuite.errors import EXIT_INTERRUPTED, EXIT_OK
from evalsuite.files import say
from evalsuite.plan.sweep import Sweep
from evalsuite.progress import screen
from evalsuite.sweep import rescore
from evalsuite.sweep.leases import Leases
from evalsuite.sweep.run import Run


async def run(sweep: Sweep) -> int:
    """Run a sweep's unfinished experiments. Returns the exit code; a signal ends it cleanly with 130.

    With --wait, what others hold is looked at again after the rest is done.
    """
    leases = Leases(sweep)
    try:
        return await _interruptible(sweep, leases)
    finally:
        leases.close()


async def _runs(sweep: Sweep, leases: Leases, finished: list[int]) -> int:
    code = EXIT_OK
    while True:
        if todo := leases.take():
            if sweep.sources:
                rescore.fill(sweep, todo)
            this = Run(sweep, todo, leases)
            try:
                code = max(code, await this.go())
            finally:
                finished.append(this.status.finished)
        if not (sweep.args.wait and leases.held_by_others):
            return max(code, leases.exit_code())
        await leases.wait()


async def _interruptible(sweep: Sweep, leases: Leases) -> int:
    """The first SIGINT or SIGTERM ends the run cleanly, the second at once; the supervisor clears up either way."""
    finished: list[int] = []  # completions
    task = asyncio.get_running_loop().create_task(_runs(sweep, leases, finished))
    signals: list[int] = []

    def on_signal(number: int) -> None:
        signals.append(number)
        if len(signals) > 1:
            os._exit(EXIT_INTERRUPTED)
        if screen.current() is not None:  # elsewhere it is not our part, or nobody looks
            say("main.py: stopping; once more stops at once")
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not signals:
            raise
        again = "the same command, without --overwrite," if sweep.args.overwrite else "the same command again"
        say(f"main.py: stopped; {sum(finished)} completions are kept: run {again} to go on")
        return EXIT_INTERRUPTED
