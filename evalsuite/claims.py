"""Which experiments this run works on: the unfinished ones that nobody else holds."""

import asyncio
import contextlib
import time
from pathlib import Path

from evalsuite import manifest
from evalsuite.engine.leash import Leash
from evalsuite.errors import EXIT_FAILED, EXIT_OK, RunError
from evalsuite.files import printable
from evalsuite.identity import Experiment
from evalsuite.locks import Locks
from evalsuite.plan import Sweep

WAIT_SECONDS = 5.0


def unfinished(sweep: Sweep) -> list[Experiment]:
    """The sweep's experiments that are not finished on at least the problems asked now."""
    selection = manifest.selection_json(sweep)
    return [one for one in sweep.experiments if not manifest.is_finished(sweep.folder / one.name, one, selection)]


class Claims:
    """Locks of the experiments that this run works on. A supervisor removes them should this process be killed."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.held_by_others: dict[str, str] = {}
        self._leash: Leash | None = None
        self._locks: Locks | None = None

    async def take(self) -> list[Experiment]:
        """Lock and return what is to be done now; with --wait, after others have let go."""
        todo = self._wanted()
        if todo:
            self._prepare()
        mine = self._lock(todo)
        while self.sweep.args.wait and self.held_by_others:
            await asyncio.sleep(WAIT_SECONDS)
            others, self.held_by_others = self.held_by_others, {}
            mine += self._lock([one for one in self._wanted() if one.name in others])
        done = len(self.sweep.experiments) - len(mine) - len(self.held_by_others)
        print(f"{len(self.sweep.experiments)} experiments: {done} finished, {len(mine)} to do", flush=True)
        if self.sweep.args.overwrite:
            for experiment in mine:
                self._move_aside(experiment)
        return mine

    def _wanted(self) -> list[Experiment]:
        if self.sweep.args.overwrite:
            return list(self.sweep.experiments)
        if self.sweep.args.regrade:
            return [one for one in self.sweep.experiments if manifest.read(self.sweep.folder / one.name)]
        return unfinished(self.sweep)

    def _prepare(self) -> None:
        try:
            self.sweep.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make {self.sweep.folder}: {error.strerror}; choose another --output_dir") from error
        manifest.claim(self.sweep.folder, self.sweep.model)
        self._leash = Leash()
        self._locks = Locks(self._leash.folder / "held")

    def _lock(self, todo: list[Experiment]) -> list[Experiment]:
        mine = []
        for experiment in todo:
            folder = self.sweep.folder / experiment.name
            holder = self._locks.acquire(folder)
            if holder is not None:
                self.held_by_others[experiment.name] = holder
                print(f"{experiment.name}: held by {printable(holder)}", flush=True)
            elif experiment.name in {one.name for one in self._wanted()}:  # finished meanwhile by its former holder?
                mine.append(experiment)
            else:
                self._locks.release(folder)
        return mine

    def _move_aside(self, experiment: Experiment) -> None:
        """Keep the old folder under another name; the lock stays in the new one."""
        folder = self.sweep.folder / experiment.name
        old = self.sweep.folder / f"{experiment.name}.replaced-{time.strftime('%Y%m%d-%H%M%S')}"
        inside = [path for path in folder.iterdir() if not path.name.startswith(".lock")]
        if not inside:
            return
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
        """0 unless others still hold something that was asked for."""
        for name, holder in self.held_by_others.items():
            print(f"not done here: {name} (held by {printable(holder)}; --wait waits for it)", flush=True)
        return EXIT_FAILED if self.held_by_others else EXIT_OK

    def close(self) -> None:
        """Give all locks back and remove what is left of them."""
        if self._locks is not None:
            self._locks.release_all()
        if self._leash is not None:
            with contextlib.suppress(OSError):
                self._leash.stop()
