"""Doing what the survey proposed, folder by folder, each looked at once more while its lock is held."""

import shutil
from pathlib import Path

from evalsuite.errors import RunError
from evalsuite.housekeeping.survey import AGAIN, ASIDE, COMPRESS, DELETE, Item, Survey, examine
from evalsuite.store import stale
from evalsuite.store.journal import Journal
from evalsuite.store.locks import NAME, Locks


def carry_out(found: Survey, actions: set[str]) -> tuple[list[Item], list[str]]:
    """Do the items of these actions; returns what was done, and what was not and why.

    What changed since the survey is judged anew: a folder that somebody works on now is left alone.
    """
    done: list[Item] = []
    failed: list[str] = []
    held = Locks()
    try:
        for one in found.found:
            items = [item for item in one.items if item.action in actions]
            if items and one.state == ASIDE:  # nobody takes its lock
                _tried(items[0], found.root, done, failed)
            elif items:
                _in_folder(one.path, actions, held, done, failed)
    finally:
        held.release_all()
    for item in found.loose:
        if item.action in actions:
            _tried(item, found.root, done, failed)
    return done, failed


def _in_folder(folder: Path, actions: set[str], held: Locks, done: list[Item], failed: list[str]) -> None:
    dead = (folder / NAME).exists()
    try:
        holder = held.acquire(folder)
    except RunError as error:
        failed.append(str(error))
        return
    if holder is not None:
        failed.append(f"{folder}: held by {holder} now; left alone")
        return
    try:
        now = examine(folder, held=True)
        for item in (item for item in now.items if item.action in actions) if now is not None else ():
            if item.path != folder / NAME:
                _tried(item, folder, done, failed)
            elif dead:
                done.append(item)  # giving the lock back removes it
    finally:
        held.release(folder)


def _tried(item: Item, top: Path, done: list[Item], failed: list[str]) -> None:
    try:
        _do(item, top)
        done.append(item)
    except (OSError, RunError) as error:
        failed.append(f"{item.path}: {error}")


def _do(item: Item, top: Path) -> None:
    if item.action == COMPRESS:
        Journal(item.path.parent).pack()
    elif item.path.is_dir() and not item.path.is_symlink():
        shutil.rmtree(item.path)
    else:
        stale.remove_file(item.path, top)
        if item.path.exists():
            raise RunError("could not be removed; is the folder writable?")


def actions(csv: bool) -> set[str]:
    """What `--yes` does, and with `--csv` also does."""
    return {DELETE, COMPRESS, AGAIN} if csv else {DELETE, COMPRESS}
