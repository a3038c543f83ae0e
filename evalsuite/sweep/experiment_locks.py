"""Which experiments this run works on: the unfinished ones that no other run has locked."""

import asyncio
import contextlib
import time
from pathlib import Path

from evalsuite.engine.process import SupervisedProcess
from evalsuite.errors import EXIT_FAILED, EXIT_OK, RunError
from evalsuite.experiment import Experiment
from evalsuite.files import counted, printable, say
from evalsuite.plan.sweep import Sweep
from evalsuite.store import manifest
from evalsuite.store.locks import NAME, Locks

WAIT_SECONDS = 2.0


def unfinished(sweep: Sweep) -> list[Experiment]:
    """The experiments of a sweep that are not finished on at least the selected problems."""
    selection = sweep.selection.as_json()
    return [one for one in sweep.experiments if not manifest.is_finished(sweep.folder_of(one), one, selection)]


class ExperimentLocks:
    """The locks on a sweep's experiments. If this process is killed, a supervisor removes them."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.held_by_others: dict[str, str] = {}  # experiment -> who holds it, as of the latest `acquire`
        self._selection = sweep.selection.as_json()
        self._acquired: set[str] = set()  # the names of all experiments that this run has worked on
        self._has_waited = False
        self._supervisor: SupervisedProcess | None = None
        self._locks: Locks | None = None

    def acquire(self) -> list[Experiment]:
        """Lock and return the experiments that are still to be done and that no other run holds.

        Raises RunError if a folder cannot be written.
        """
        wanted = [one for one in self.sweep.experiments if one.name not in self._acquired and self._is_wanted(one)]
        if wanted and self._locks is None:
            self._start_locking()
        before, self.held_by_others = self.held_by_others, {}
        mine = [one for one in wanted if self._lock(one, reported=one.name in before)]
        if not before:
            self._report(len(mine))
        if self.sweep.args.overwrite:
            for experiment in mine:
                self._move_aside(experiment)
        self._acquired |= {one.name for one in mine}
        return mine

    def release(self, folder: Path) -> None:
        """Release the lock of one experiment's folder."""
        if self._locks is not None:
            self._locks.release(folder)

    async def wait(self) -> None:
        """Pause before the next attempt to lock what other runs hold."""
        if not self._has_waited:
            self._has_waited = True
            say(f"waiting for {counted(len(self.held_by_others), 'experiment')} locked by other runs")
        await asyncio.sleep(WAIT_SECONDS)

    def exit_code(self) -> int:
        """0, or 1 if other runs hold some of the sweep's experiments, which are then reported."""
        for name, holder in self.held_by_others.items():
            say(f"not done here: {name} (locked by {printable(holder)}; use --wait to wait for it)")
        return EXIT_FAILED if self.held_by_others else EXIT_OK

    def close(self) -> None:
        """Release all locks and end the supervisor."""
        if self._locks is not None:
            self._locks.release_all()
        if self._supervisor is not None:
            with contextlib.suppress(OSError):
                self._supervisor.stop()

    def _is_wanted(self, experiment: Experiment) -> bool:
        folder = self.sweep.folder_of(experiment)
        if self.sweep.args.overwrite:
            return True
        if self.sweep.args.regrade:
            return manifest.read(folder) is not None
        return not manifest.is_finished(folder, experiment, self._selection)

    def _start_locking(self) -> None:
        """Create the models' folders, record which model each belongs to, and start the supervisor."""
        try:
            for folder in self.sweep.model_folders:
                folder.mkdir(parents=True, exist_ok=True)
            self._supervisor = SupervisedProcess()
            self._supervisor.watch_over_later_ones()
        except OSError as error:
            where = error.filename or self.sweep.args.output_dir
            raise RunError(f"cannot create {where}: {error.strerror}; choose another --output_dir or TMPDIR") from error
        self._locks = Locks(self._supervisor.folder / "held")
        for folder, model in self.sweep.model_folders.items():
            if self._locks.acquire(folder) is None:  # if another run holds the lock, it writes the same record
                manifest.record_owner(folder, model.name, model.source, model.weights)
                self._locks.release(folder)

    def _lock(self, experiment: Experiment, reported: bool) -> bool:
        """Try to lock one experiment. If another run holds it, says so unless that was `reported` before."""
        folder = self.sweep.folder_of(experiment)
        holder = self._locks.acquire(folder)
        if holder is not None:
            self.held_by_others[experiment.name] = holder
            if not reported:
                say(f"{experiment.name}: locked by {printable(holder)}")
            return False
        if self._is_wanted(experiment):  # another run may have finished it before we got the lock
            return True
        self._locks.release(folder)
        return False

    def _report(self, mine: int) -> None:
        total, held = len(self.sweep.experiments), len(self.held_by_others)
        if self.sweep.args.regrade:
            say(f"{counted(total, 'experiment')}: {mine} to grade again")
        else:
            say(f"{counted(total, 'experiment')}: {total - mine - held} finished, {mine} to do")

    def _move_aside(self, experiment: Experiment) -> None:
        """Move the files of an experiment to a folder of another name; the lock stays where it is."""
        folder = self.sweep.folder_of(experiment)
        inside = [path for path in folder.iterdir() if not path.name.startswith(NAME)]
        if not inside:
            return
        # The manifest goes first, so that a kill half-way leaves nothing that counts as finished.
        inside.sort(key=lambda path: path.name != manifest.NAME)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        names = [f"{experiment.name}.replaced-{stamp}{more}" for more in ("", *(f"-{at}" for at in range(2, 100)))]
        aside = next(path for name in names if not (path := folder.parent / name).exists())
        try:
            aside.mkdir()
            for path in inside:
                path.rename(aside / path.name)
        except OSError as error:
            raise RunError(f"cannot move the files in {folder}: {error.strerror}; check its permissions") from error
