"""On PYTHONPATH, each Python of an array task notes in WRITES the files it opens for writing or renames into place."""

import os
import sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def note(event: str, args: tuple) -> None:
    """An audit hook: a line of the task's number and the absolute path."""
    if event == "open" and isinstance(args[0], str | bytes) and args[2] & WRITING:
        path = args[0]
    elif event in ("os.rename", "os.link"):
        path = args[1]
    else:
        return
    path = os.path.abspath(os.fsdecode(path))
    os.write(record, f"{os.environ['SLURM_ARRAY_TASK_ID']}\t{path}\n".encode())


if "WRITES" in os.environ and "SLURM_ARRAY_TASK_ID" in os.environ:
    record = os.open(os.environ["WRITES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.addaudithook(note)
