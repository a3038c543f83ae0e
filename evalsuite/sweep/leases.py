"""Which experiments this run works on: the unfinished ones that nobody else holds."""

import asyncio
import contextlib
import time
from pathlib import Path

from evalsuite.engine.process import SupervisedProcess
from evalsuite.errors import EXIT_FAILED, EXIT_OK, RunError
from evalsuite.experiment import Experiment
from evalsuite.files import printable, say
from evalsuite.plan.sweep import Sweep
from evalsuite.store import manifest
from evalsuite.store.locks import Locks

WAIT_SECONDS = 2.0


def unfinished(sweep: Sweep) -> list[Experiment]:
    """The sweep's experiments that are not finished on at least the problems asked now."""
    selection = sweep.selection.as_json()
    return [one for one in sweep.experiments if not manifest.is_finished(sweep.folder_of(one), one, selection)]


class Leases:
    """Locks of the experiments that this run works on. A supervisor removes them should this process be killed."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.held_by_others: dict[str, str] = {}
        self._selection = sweep.selection.as_json()
        self._taken: set[str] = set()  # what this run has worked on
        self._waited = False
        self._supervisor: SupervisedProcess | None = None
        self._locks: Locks | None = None

    def take(self) -> list[Experiment]:
        """Lock and return what is to be done now and nobody else holds."""
        wanted = self._wanted()
        if wanted:
            self._prepare()
        others, self.held_by_others = self.held_by_others, {}
        mine = [one for one in wanted if self._lock(one, told=one.name in others)]
        if not others:
            self._tell(len(mine))
        if self.sweep.args.overwrite:
            for experiment in mine:
                self._move_aside(experiment)
        self._taken |= {one.name for one in mine}
        return mine

    def _tell(self, mine: int) -> None:
        total, held = len(self.sweep.experiments), len(self.held_by_others)
        if self.sweep.args.regrade:
            say(f"{total} experiments: {mine} to grade again")
        else:
            say(f"{total} experiments: {total - mine - held} finished, {mine} to do")

    async def wait(self) -> None:
        """Pause before the next look at what others hold."""
        if not self._waited:
            self._waited = True
            say(f"waiting for {len(self.held_by_others)} experiments that others hold")
        await asyncio.sleep(WAIT_SECONDS)

    def _wanted(self) -> list[Experiment]:
        left = [one for one in self.sweep.experiments if one.name not in self._taken]
        return [one for one in left if self._is_wanted(one)]

    def _is_wanted(self, experiment: Experiment) -> bool:
        folder = self.sweep.folder_of(experiment)
        if self.sweep.args.overwrite:
            return True
        if self.sweep.args.regrade:
            return manifest.read(folder) is not None
        return not manifest.is_finished(folder, experiment, self._selection)

    def _prepare(self) -> None:
        if self._locks is not None:
            return
        try:
            for folder in self.sweep.owners:
                folder.mkdir(parents=True, exist_ok=True)
            self._supervisor = SupervisedProcess()
            self._supervisor.watch_over_later_ones()
        except OSError as error:
            where = error.filename or self.sweep.args.output_dir
            raise RunError(f"cannot make {where}: {error.strerror}; choose another --output_dir or TMPDIR") from error
        self._locks = Locks(self._supervisor.folder / "held")
        for folder, model in self.sweep.owners.items():
            if self._locks.acquire(folder) is None:  # whoever holds it writes the same
                manifest.record_owner(folder, model.name, model.source, model.weights)
                self._locks.release(folder)

    def _lock(self, experiment: Experiment, told: bool) -> bool:
        folder = self.sweep.folder_of(experiment)
        holder = self._locks.acquire(folder)
        if holder is not None:
            self.held_by_others[experiment.name] = holder
            if not told:
                say(f"{experiment.name}: held by {printable(holder)}")
            return False
        if self._is_wanted(experiment):  # not if its former holder finished it meanwhile
            return True
        self._locks.release(folder)
        return False

    def _move_aside(self, experiment: Experiment) -> None:
        """Keep the old folder under another name; the lock stays in the new one."""
        folder = self.sweep.folder_of(experiment)
        inside = [path for path in folder.iterdir() if not path.name.startswith(".lock")]
        if not inside:
            return
        inside.sort(key=lambda path: path.name != manifest.NAME)  # first, so that no half of it ever counts as finished
        stamp = time.strftime("%Y%m%d-%H%M%S")
        names = [f"{experiment.name}.replaced-{stamp}{more}" for more in ("", *(f"-{at}" for at in range(2, 100)))]
        old = next(path for name in names if not (path := folder.parent / name).exists())
        try:
            old.mkdir()
            for path in inside:
                path.rename(old / path.name)
        except OSError as error:
            raise RunError(f"cannot move {folder} aside: {error.strerror}") from error

    def release(self, folder: Path) -> None:
        """Give one experiment's lock back."""
        if self._locks is not None:
            self._locks.release(folder)

    def exit_code(self) -> int:
        """0 unless others hold something that was asked for."""
        for name, holder in self.held_by_others.items():
            say(f"not done here: {name} (held by {printable(holder)}; --wait waits for it)")
        return EXIT_FAILED if self.held_by_others else EXIT_OK

    def close(self) -> None:
        """Give all locks back and remove what is left of them."""
        if self._locks is not None:
            self._locks.release_all()
        if self._supervisor is not None:
            with contextlib.suppress(OSError):
                self._supervisor.stop()
