"""One model spread over several machines of a Slurm job, with vLLM's --nnodes and srun.

The first node runs the HTTP server and the sweep; the other nodes run `vllm serve --headless`. These processes are
started and stopped together with the server, so that nothing remains of an engine that died.
"""

import os
import re
import shlex
import socket
import subprocess
from dataclasses import dataclass
from typing import Self

from evalsuite.engine.command import EngineOptions, engine_arguments, server_command
from evalsuite.errors import UserError

# Run by a shell on each of the other nodes. The unset variables point to the first node's private folder.
ON_NODE = 'unset TMPDIR VLLM_RPC_BASE_PATH; exec "$@" --node-rank "$((SLURM_PROCID + 1))"'


@dataclass(frozen=True)
class Rendezvous:
    """Where the nodes of an engine find each other: the first node's address and two free ports on it."""

    address: str
    port: str
    data_port: str  # used by data parallelism

    @classmethod
    def here(cls) -> Self:
        """A rendezvous on this machine."""
        with socket.socket() as one, socket.socket() as other:  # both are open at the same time, so the ports differ
            one.bind(("", 0))
            other.bind(("", 0))
            return cls(own_address(), str(one.getsockname()[1]), str(other.getsockname()[1]))


def own_address() -> str:
    """The address under which the job's other nodes reach this one: Slurm's own, or the host name without Slurm."""
    query = ["scontrol", "-o", "show", "node", os.environ.get("SLURMD_NODENAME", "")]
    try:
        shown = subprocess.run(query, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        shown = ""
    found = re.search(r" NodeAddr=(\S+)", shown)
    return found[1] if found else socket.gethostname()


def check(nodes: int, tensor: int, pipeline: int, data: int, *, planned: bool) -> None:
    """Raise UserError if the parallel sizes cannot be split over the nodes, or if the Slurm job has another number of
    nodes. The latter is not checked if the run is only `planned`."""
    if nodes == 1:
        return
    total = tensor * pipeline * data
    if total % nodes or (data % nodes and nodes % data):
        raise UserError(
            f"--nodes {nodes} cannot split tensor {tensor} x pipeline {pipeline} x data {data} parallel evenly; use "
            f"--pipeline_parallel_size {nodes} or --data_parallel_size {nodes}, with any tensor size"
        )
    available = int(os.environ.get("SLURM_JOB_NUM_NODES") or 1)
    if available != nodes and not planned:
        raise UserError(
            f"--nodes {nodes}, but this is not a Slurm job of {nodes} nodes; use run_interactive.sh --slurm, or start "
            "vLLM on the nodes by hand and give --base_url"
        )


def first_command(options: EngineOptions, rendezvous: Rendezvous) -> list[str]:
    """The server's command on the first node."""
    return [*server_command(options), *_node_arguments(options, rendezvous), "--node-rank", "0"]


def other_command(options: EngineOptions, rendezvous: Rendezvous) -> list[str]:
    """The command that runs the engine's share on all other nodes. Only `vllm serve` has --headless."""
    others = str(options.nodes - 1)
    start = ["srun", "--nodes", others, "--ntasks", others, "--ntasks-per-node", "1", "--relative", "1", "--overlap"]
    start += ["--kill-on-bad-exit=1", "--label", "sh", "-c", ON_NODE, "node"]
    serve = [options.python, "-m", "vllm.entrypoints.cli.main", "serve", options.model, "--headless"]
    return [*start, *serve, *engine_arguments(options), *_node_arguments(options, rendezvous)]


def _node_arguments(options: EngineOptions, rendezvous: Rendezvous) -> list[str]:
    words = ["--nnodes", str(options.nodes), "--master-addr", rendezvous.address, "--master-port", rendezvous.port]
    return words + (["--data-parallel-rpc-port", rendezvous.data_port] if options.data_parallel_size > 1 else [])


def describe(options: EngineOptions) -> list[str]:
    """The commands as --dry_run shows them, with placeholders for the address and ports; empty for a single node."""
    if options.nodes == 1:
        return []
    rendezvous = Rendezvous("FIRST_NODE", "PORT", "DATA_PORT")
    rows = ("first", first_command(options, rendezvous)), ("others", other_command(options, rendezvous))
    return [f"engine {which}: {shlex.join(command)}" for which, command in rows]
