"""One model over several machines of a Slurm job: vLLM's own --nnodes, its other nodes started with srun.

The first node has the HTTP server and the sweep; the others run `vllm serve --headless`. They are started with every
start of the server and ended with it, so that none is left of an engine that died.
"""

import os
import re
import socket
import subprocess
from dataclasses import dataclass
from typing import Self

from evalsuite.engine.command import EngineOptions, engine_arguments, server_command
from evalsuite.errors import UserError

# In a shell on each of the other nodes: its number among all of them, and none of the first node's private folders.
ON_NODE = 'unset TMPDIR VLLM_RPC_BASE_PATH; exec "$@" --node-rank "$((SLURM_PROCID + 1))"'


@dataclass(frozen=True)
class Meeting:
    """Where the nodes of an engine meet: the first one's address and two free ports there."""

    address: str
    port: str
    data_port: str

    @classmethod
    def here(cls) -> Self:
        """On this machine."""
        with socket.socket() as one, socket.socket() as other:  # both at once, so that they differ
            one.bind(("", 0))
            other.bind(("", 0))
            return cls(own_address(), str(one.getsockname()[1]), str(other.getsockname()[1]))


def own_address() -> str:
    """How the job's other nodes reach this one: as Slurm itself does; the host's name where Slurm does not say."""
    query = ["scontrol", "-o", "show", "node", os.environ.get("SLURMD_NODENAME", "")]
    try:
        shown = subprocess.run(query, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        shown = ""
    found = re.search(r" NodeAddr=(\S+)", shown)
    return found[1] if found else socket.gethostname()


def check(nodes: int, tensor: int, pipeline: int, data: int, *, planned: bool) -> None:
    """Raise UserError where so many nodes cannot share the parallel sizes, or are not there (unless only `planned`)."""
    if nodes == 1:
        return
    total = tensor * pipeline * data
    if total % nodes or (data % nodes and nodes % data):
        raise UserError(
            f"--nodes {nodes} cannot share tensor {tensor} x pipeline {pipeline} x data {data} parallel evenly; "
            f"--pipeline_parallel_size {nodes} or --data_parallel_size {nodes} would, beside any tensor size"
        )
    there = int(os.environ.get("SLURM_JOB_NUM_NODES") or 1)
    if there != nodes and not planned:
        raise UserError(
            f"--nodes {nodes}, but this is no Slurm job of {nodes} nodes; use run_interactive.sh --slurm, or start "
            "vLLM there by hand and give --base_url"
        )


def first_command(options: EngineOptions, meeting: Meeting) -> list[str]:
    """The server's command on the first node."""
    return [*server_command(options), *_rendezvous(options, meeting), "--node-rank", "0"]


def other_command(options: EngineOptions, meeting: Meeting) -> list[str]:
    """The command that runs the engine's share on every other node. Only `vllm serve` knows --headless."""
    others = str(options.nodes - 1)
    start = ["srun", "--nodes", others, "--ntasks", others, "--ntasks-per-node", "1", "--relative", "1", "--overlap"]
    start += ["--kill-on-bad-exit=1", "--label", "sh", "-c", ON_NODE, "node"]
    serve = [options.python, "-m", "vllm.entrypoints.cli.main", "serve", options.model, "--headless"]
    return [*start, *serve, *engine_arguments(options), *_rendezvous(options, meeting)]


def _rendezvous(options: EngineOptions, meeting: Meeting) -> list[str]:
    words = ["--nnodes", str(options.nodes), "--master-addr", meeting.address, "--master-port", meeting.port]
    return words + (["--data-parallel-rpc-port", meeting.data_port] if options.data_parallel_size > 1 else [])


def describe(options: EngineOptions) -> list[str]:
    """The commands as --dry_run shows them; address and ports are known only to the job."""
    import shlex

    if options.nodes == 1:
        return []
    meeting = Meeting("FIRST_NODE", "PORT", "DATA_PORT")
    rows = ("first", first_command(options, meeting)), ("others", other_command(options, meeting))
    return [f"engine {which}: {shlex.join(command)}" for which, command in rows]
