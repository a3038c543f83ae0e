"""Deletes and compresses what the survey proposed, examining each folder again while its lock is held."""

import shutil
from pathlib import Path

from evalsuite.errors import RunError
from evalsuite.housekeeping.survey import COMPRESS, DELETE, MOVED_ASIDE, REGENERABLE, Item, Survey, examine
from evalsuite.store import stale
from evalsuite.store.journal import Journal
from evalsuite.store.locks import NAME, Locks


def chosen_actions(csv: bool) -> set[str]:
    """The actions that `--yes` carries out; `csv` adds the deletion of CSV files."""
    return {DELETE, COMPRESS, REGENERABLE} if csv else {DELETE, COMPRESS}


def apply(found: Survey, actions: set[str]) -> tuple[list[Item], list[str]]:
    """Carry out the items that have one of `actions`; returns those done, and a line for each that failed.

    A folder that has changed since the survey is judged anew, and left alone if a run is working on it now.
    """
    done: list[Item] = []
    failed: list[str] = []
    held = Locks()
    try:
        for one in found.experiments:
            items = [item for item in one.items if item.action in actions]
            if items and one.state == MOVED_ASIDE:  # no run ever takes the lock of such a folder
                _try_item(items[0], found.root, done, failed)
            elif items:
                _in_folder(one.path, actions, held, done, failed)
    finally:
        held.release_all()
    for item in found.loose:
        if item.action in actions:
            _try_item(item, found.root, done, failed)
    return done, failed


def _in_folder(folder: Path, actions: set[str], held: Locks, done: list[Item], failed: list[str]) -> None:
    had_dead_lock = (folder / NAME).exists()
    try:
        holder = held.acquire(folder)
    except RunError as error:
        failed.append(str(error))
        return
    if holder is not None:
        failed.append(f"{folder}: now in use by {holder}; left alone")
        return
    try:
        now = examine(folder, is_locked_by_us=True)
        for item in (item for item in now.items if item.action in actions) if now is not None else ():
            if item.path != folder / NAME:
                _try_item(item, folder, done, failed)
            elif had_dead_lock:
                done.append(item)  # we have taken this lock over; releasing it below removes the file
    finally:
        held.release(folder)


def _try_item(item: Item, top: Path, done: list[Item], failed: list[str]) -> None:
    try:
        _carry_out(item, top)
        done.append(item)
    except (OSError, RunError) as error:
        failed.append(f"{item.path}: {error}")


def _carry_out(item: Item, top: Path) -> None:
    if item.action == COMPRESS:
        Journal(item.path.parent).pack()
    elif item.path.is_dir() and not item.path.is_symlink():
        shutil.rmtree(item.path)
    else:
        stale.remove_file(item.path, top)
        if item.path.exists():
            raise RunError("could not be removed; is the folder writable?")
