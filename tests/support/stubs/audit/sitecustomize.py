"""On PYTHONPATH, this adds audit hooks to every Python that starts, which record what it writes and connects to.

WRITES: a file to which each Python of a Slurm array adds its task's number and the files that it opens for writing or
renames into place. CONNECTIONS: a file to which every attempt to use the network is added; the attempt is refused.
"""

import os
import sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
ADD = os.O_WRONLY | os.O_CREAT | os.O_APPEND
NAMES = ("socket.getaddrinfo", "socket.gethostbyname")


def note_write(event: str, args: tuple) -> None:
    if event == "open" and isinstance(args[0], str | bytes) and args[2] & WRITING:
        path = args[0]
    elif event in ("os.rename", "os.link"):
        path = args[1]
    else:
        return
    path = os.path.abspath(os.fsdecode(path))
    os.write(writes, f"{os.environ['SLURM_ARRAY_TASK_ID']}\t{path}\n".encode())


def refuse_network(event: str, args: tuple) -> None:
    if event in NAMES or (event == "socket.connect" and not isinstance(args[1], str | bytes)):  # those are Unix sockets
        os.write(connections, f"{event} {args[-1] if event == 'socket.connect' else args[0]} {sys.argv}\n".encode())
        raise OSError("no network in this test")


if "WRITES" in os.environ and "SLURM_ARRAY_TASK_ID" in os.environ:
    writes = os.open(os.environ["WRITES"], ADD, 0o644)
    sys.addaudithook(note_write)
if "CONNECTIONS" in os.environ:
    connections = os.open(os.environ["CONNECTIONS"], ADD, 0o644)
    sys.addaudithook(refuse_network)
