"""A sweep from claiming its experiments to letting go of them, with what a signal does."""

import asyncio
import os
import signal

from evalsuite.claims import Claims
from evalsuite.errors import EXIT_INTERRUPTED
from evalsuite.plan import Sweep
from evalsuite.run import Run


async def run(sweep: Sweep) -> int:
    """Run a sweep's unfinished experiments. Returns the exit code; a signal ends it cleanly with 130."""
    claims = Claims(sweep)
    try:
        todo = await claims.take()
        if not todo:
            return claims.exit_code()
        code = await _interruptible(Run(sweep, todo, claims))
        return code or claims.exit_code()
    finally:
        claims.close()


async def _interruptible(sweep_run: Run) -> int:
    """The first SIGINT or SIGTERM ends the run cleanly, the second at once; the supervisor clears up either way."""
    task = asyncio.get_running_loop().create_task(sweep_run.go())
    signals: list[int] = []

    def on_signal(number: int) -> None:
        signals.append(number)
        if len(signals) > 1:
            os._exit(EXIT_INTERRUPTED)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not signals:
            raise
        kept = sweep_run.status.finished
        print(f"main.py: stopped; {kept} completions are kept: run the same command again to go on", flush=True)
        return EXIT_INTERRUPTED
