"""Start vLLM's server, wait until it answers, explain why it did not, and start it again."""

import asyncio
import re
import time
from pathlib import Path

import aiohttp

from evalsuite.engine.command import EngineOptions, log_tail, server_command, server_environment
from evalsuite.engine.nodes import Rendezvous, first_command, other_command
from evalsuite.engine.process import SupervisedProcess
from evalsuite.errors import RunError

# Common causes of a failed start, by what the server's log says, with what the user can do about them.
REASONS = (
    (r"CUDA out of memory|OutOfMemoryError|less than desired GPU memory utilization", "the GPU's memory is too small, "
     "or another process uses it; lower --gpu_memory_utilization or --max_model_length, or free the GPU"),
    (r"max seq len .* is larger than the maximum number of tokens|KV cache is needed", "the KV cache is too small for "
     "one sequence of the model's length; lower --max_model_length, or raise --gpu_memory_utilization"),
    (r"no NVIDIA driver|NVIDIA driver on your system is too old|CUDA driver version is insufficient", "the NVIDIA "
     "driver is missing or too old for this vLLM; update it, or set ENGINE_PYTHON to an environment that fits it"),
    (r"no kernel image is available|CUDA error: invalid device function", "this vLLM was not built for this GPU; set "
     "ENGINE_PYTHON to an environment whose vLLM supports it"),
    (r"CUDA-capable device\(s\) is/are busy|all CUDA-capable devices are busy", "the GPU is held by another process; "
     "end it, or choose another GPU with CUDA_VISIBLE_DEVICES"),
    (r"No module named 'vllm'|No module named vllm", "this Python has no vLLM; run the set-up, or set ENGINE_PYTHON"),
    (r"unrecognized arguments: .*", "vLLM does not know one of its arguments; check --engine_args"),
    (r"must be divisible by tensor parallel size", "the number of the model's attention heads is not divisible by "
     "--tensor_parallel_size; change it"),
    (r"trust_remote_code", "the model comes with its own code; read it, then allow it with --trust_remote_code"),
    (r"Cannot allocate memory|MemoryError|oom-kill", "the machine's memory is too small; free some of it"),
    (r"No space left on device", "the disk is full; free some space"),
)  # fmt: skip


class EngineDied(Exception):
    """The server ended while it was needed. The message gives the cause and the end of the server's log."""


def explain(log: Path, code: int | None) -> str:
    """One line saying why the server ended, then up to three lines of its log that show the error.

    `code` is the server's exit code, None if it was still running.
    """
    lines = log_tail(log, 400)
    text = "\n".join(lines)
    cause = next((advice for pattern, advice in REASONS if re.search(pattern, text)), "see the log")
    shown = [line for line in lines if re.search(r"Error|error|ERROR|Killed", line)][-3:] or lines[-3:]
    return f"exit code {code}: {cause} ({log})\n" + "\n".join(f"    {line.strip()[:300]}" for line in shown)


class Server:
    """vLLM's server as a child process, on a Unix socket in a private folder. If it dies, `launch` starts it again.

    `log` is the file for its output. `start_seconds` is how long it may take to become ready.
    """

    def __init__(self, options: EngineOptions, log: Path, start_seconds: float = 1800.0) -> None:
        self.options, self.log, self.start_seconds = options, log, start_seconds
        self.starts = 0
        self.started_seconds = 0.0  # spent waiting for it to become ready, over all starts
        self._launched = 0.0
        self._environment = server_environment(options)  # taken now, because os.environ is changed to start workers
        self._process: SupervisedProcess | None = None
        self._others: SupervisedProcess | None = None  # srun, which runs the engine's share on the other nodes

    @property
    def base_url(self) -> str:
        """A URL for requests over the socket, in which the host name does not matter."""
        return "http://engine"

    def connector(self) -> aiohttp.BaseConnector:
        """A connector to the running server's socket, with any number of connections."""
        assert self._process is not None, "the server was not started"
        return aiohttp.UnixConnector(path=str(self._process.folder / "engine.sock"), limit=0)

    def launch(self) -> None:
        """Start the process; `ready` waits for it. Raises RunError if the log or the process cannot be created."""
        self.stop()
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self._start_all()
        except OSError as error:
            raise RunError(f"cannot start the engine: {error}; check the folder {self.log.parent}") from error
        self.starts += 1
        self._launched = time.monotonic()

    def _start_all(self) -> None:
        if self.options.nodes == 1:
            self._process = SupervisedProcess(server_command(self.options), env=self._environment, log=self.log)
            return
        rendezvous = Rendezvous.here()
        first, others = first_command(self.options, rendezvous), other_command(self.options, rendezvous)
        self._process = SupervisedProcess(first, env=self._environment, log=self.log)
        self._others = SupervisedProcess(others, env=self._environment, log=self.others_log)

    @property
    def others_log(self) -> Path:
        """The log of the engine's other nodes; each line begins with the node's number, from 0."""
        return self.log.with_name(f"{self.log.stem}-others{self.log.suffix}")

    @property
    def alive(self) -> bool:
        """Whether the server and, if the engine spans several nodes, its share on the other nodes are running."""
        return self._process is not None and all(one.exit_code is None for one in self._processes())

    def _processes(self) -> list[SupervisedProcess]:
        return [one for one in (self._process, self._others) if one is not None]

    def death(self) -> EngineDied:
        """The exception that explains why the server is gone."""
        if self._others is not None and self._others.exit_code is not None:
            return EngineDied("on another node: " + explain(self.others_log, self._others.exit_code))
        code = self._process.exit_code if self._process else None
        return EngineDied(explain(self.log, code))

    async def ready(self) -> None:
        """Return when /health answers with status 200. Raises EngineDied if the process ends or takes too long."""
        began = self._launched
        async with aiohttp.ClientSession(connector=self.connector()) as session:
            while self.alive:
                try:
                    async with session.get(f"{self.base_url}/health", timeout=aiohttp.ClientTimeout(5)) as response:
                        if response.status == 200:
                            self.started_seconds += time.monotonic() - began
                            return
                except (TimeoutError, aiohttp.ClientError, OSError):
                    pass
                if time.monotonic() - began > self.start_seconds:
                    self.stop()
                    raise EngineDied(f"not ready after {self.start_seconds:.0f} s\n" + explain(self.log, None))
                await asyncio.sleep(0.2)
        raise self.death()

    def stop(self) -> None:
        """End the server and everything that it started; returns when they are gone."""
        for process in self._processes():
            process.stop()
        self._process = self._others = None
