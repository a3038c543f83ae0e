"""vLLM's command line and environment for our options, and which of vLLM's arguments alter a model's answers."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from evalsuite.errors import UserError

# Arguments of vLLM that affect speed or placement but not the answers: they are circumstances of a result.
CIRCUMSTANCES = frozenset(
    """--gpu-memory-utilization --max-num-seqs --max-num-batched-tokens --tensor-parallel-size --pipeline-parallel-size
    --data-parallel-size --data-parallel-size-local --data-parallel-address --data-parallel-rpc-port
    --data-parallel-backend --distributed-executor-backend --enforce-eager --no-enforce-eager --block-size --swap-space
    --cpu-offload-gb --kv-cache-memory-bytes --enable-prefix-caching --no-enable-prefix-caching
    --enable-chunked-prefill --no-enable-chunked-prefill --max-num-partial-prefills --async-scheduling
    --no-async-scheduling --scheduling-policy --api-server-count --disable-log-stats --uvicorn-log-level --nnodes
    --node-rank --master-addr --master-port --headless --compilation-config --cuda-graph-sizes
    --max-parallel-loading-workers --download-dir --load-format --disable-custom-all-reduce --enable-expert-parallel
    --seed --safetensors-load-strategy --speculative-config --max-loras --max-cpu-loras --max-lora-rank
    -tp -pp -dp -O
    """.split()
)

# On a CPU, compiling takes 50 s at every start. batched_tokens explains why prompts are not prefilled in chunks.
CPU_ARGUMENTS = ["--enforce-eager", "--no-enable-chunked-prefill"]
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # the values that --max-lora-rank accepts
LORAS_PER_BATCH = 8  # more would leave less device memory for the KV cache


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter. `model` is its name in results, `served` its name on our own server, `content` the hash of its
    files."""

    model: str
    folder: str
    served: str
    content: str
    rank: int


@dataclass(frozen=True)
class EngineOptions:
    """The options with which the server is started. Lengths are in tokens; None leaves the choice to vLLM."""

    model: str
    served_name: str
    revision: str | None = None
    dtype: str = "auto"
    max_model_length: int | None = None
    max_num_seqs: int = 256
    max_num_batched_tokens: int | None = None
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    data_parallel_size: int = 1
    nodes: int = 1  # machines over which the parallel sizes are spread
    gpu_memory_utilization: float | None = None
    quantization: str | None = None
    kv_cache_dtype: str | None = None
    adapters: tuple[Adapter, ...] = ()
    trust_remote_code: bool = False
    batch_invariant: bool = False
    device: str = "cuda"
    engine_args: tuple[str, ...] = ()
    python: str = sys.executable


def split_engine_args(text: str) -> tuple[str, ...]:
    """Split --engine_args, given as on a command line or as a JSON object of argument names and values.

    Raises UserError if the text cannot be split, or if it contains a secret.

    >>> split_engine_args('{"block_size": 32, "enforce_eager": true}')
    ('--block-size', '32', '--enforce-eager')
    """
    if not text.lstrip().startswith("{"):
        try:
            return _without_secrets(tuple(shlex.split(text)))
        except ValueError as error:
            raise UserError(f"--engine_args {text!r}: {error}; quote it as on a command line") from error
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UserError(f"--engine_args is not valid JSON: {error}") from error
    parts: list[str] = []
    for name, value in values.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            parts.append(flag if value else "--no-" + flag[2:])
        else:
            parts += [flag, value if isinstance(value, str) else json.dumps(value)]
    return _without_secrets(tuple(parts))


def _without_secrets(engine_args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the arguments. Raises UserError if one is a secret, because they are recorded with the results."""
    for part in engine_args:
        flag = part.split("=")[0]
        if flag.replace("_", "-") in ("--hf-token", "--api-key", "--ssl-keyfile-password"):
            raise UserError(f"--engine_args: {flag} would be recorded with the results; remove it, or set HF_TOKEN")
    return engine_args


def check_python(python: str) -> None:
    """Raise UserError if --engine_python cannot be run."""
    if shutil.which(python) is None:
        raise UserError(f"--engine_python {python} is not a program; give the Python of an environment with vLLM")


def altering(engine_args: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the extra vLLM arguments that may alter answers: all except the known CIRCUMSTANCES.

    >>> altering(("--block-size", "32", "--rope-scaling", "{}", "--enforce-eager", "--speculative-config.method", "x"))
    ('--rope-scaling', '{}')
    """
    kept, keep = [], True
    for part in engine_args:
        if re.match(r"--?[A-Za-z]", part):
            keep = re.split(r"[=.]", part)[0].replace("_", "-") not in CIRCUMSTANCES
        if keep:
            kept.append(part)
    return tuple(kept)


def detect_device(asked: str = "auto") -> str:
    """`cuda` or `cpu`. Raises UserError if cuda is requested and nvidia-smi finds no GPU."""
    found = bool(gpu_names())
    if asked == "cuda" and not found:
        raise UserError("--device cuda, but nvidia-smi shows no GPU; check the driver, or use --device cpu")
    return asked if asked != "auto" else ("cuda" if found else "cpu")


def gpu_names() -> list[str]:
    """The names of the NVIDIA GPUs that nvidia-smi finds and CUDA_VISIBLE_DEVICES allows; empty without a driver."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=index,uuid,name", "--format=csv,noheader"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[part.strip() for part in line.split(",", 2)] for line in lines if line.count(",") >= 2]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [row[2] for row in rows]
    wanted = {part.strip() for part in visible.split(",") if part.strip()}
    return [row[2] for row in rows if row[0] in wanted or any(row[1].startswith(part) for part in wanted)]


def server_command(options: EngineOptions) -> list[str]:
    """The server's command line; `{folder}` is a placeholder for the private folder with the socket."""
    command = [options.python, "-m", "vllm.entrypoints.openai.api_server", "--model", options.model]
    return [*command, "--uds", "{folder}/engine.sock", *engine_arguments(options)]


def engine_arguments(options: EngineOptions) -> list[str]:
    """The arguments that describe the engine. If it spans several nodes, they are the same on all of them."""
    command = ["--served-model-name", options.served_name, "--generation-config", "vllm"]
    command += ["--dtype", options.dtype, "--max-num-seqs", str(options.max_num_seqs)]
    command += ["--tensor-parallel-size", str(options.tensor_parallel_size)]
    command += ["--pipeline-parallel-size", str(options.pipeline_parallel_size)]
    command += ["--data-parallel-size", str(options.data_parallel_size)]
    for flag, value in (
        ("--revision", options.revision),
        ("--max-model-len", options.max_model_length),
        ("--max-num-batched-tokens", batched_tokens(options)),
        ("--gpu-memory-utilization", options.gpu_memory_utilization if options.device == "cuda" else None),
        ("--quantization", options.quantization),
        ("--kv-cache-dtype", options.kv_cache_dtype),
    ):
        command += [flag, str(value)] if value is not None else []
    command += ["--trust-remote-code"] if options.trust_remote_code else []
    command += lora_arguments(options.adapters) if options.adapters else []
    return command + (CPU_ARGUMENTS if options.device == "cpu" else []) + list(options.engine_args)


def lora_arguments(adapters: tuple[Adapter, ...]) -> list[str]:
    """The arguments that make the server offer adapters."""
    largest = max(adapter.rank for adapter in adapters)
    modules = [json.dumps({"name": adapter.served, "path": adapter.folder}) for adapter in adapters]
    sizes = {
        "--max-lora-rank": next(rank for rank in LORA_RANKS if rank >= largest),
        "--max-loras": min(len(adapters), LORAS_PER_BATCH),
        "--max-cpu-loras": len(adapters),  # so that each is read from the disk only once
    }
    return ["--enable-lora", "--lora-modules", *modules, *(str(part) for pair in sizes.items() for part in pair)]


def rank_count(options: EngineOptions) -> int:
    """The number of engine processes that the parallel sizes make."""
    return options.tensor_parallel_size * options.pipeline_parallel_size * options.data_parallel_size


def batched_tokens(options: EngineOptions) -> int | None:
    """Tokens in one engine step. vLLM's CPU engine crashes when it prefills a seeded prompt in two chunks, so on a CPU
    one step must hold the longest prompt."""
    if options.device != "cpu" or options.max_model_length is None:
        return options.max_num_batched_tokens
    return max(options.max_num_batched_tokens or 0, options.max_model_length)


def server_environment(options: EngineOptions) -> dict[str, str]:
    """The server's environment: no usage statistics, none of our keys, and on a CPU, cores for each rank."""
    env = dict(os.environ) | {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}
    # vLLM's processes put sockets and rendezvous files into the private folder, which is removed after them.
    env |= {"TMPDIR": "{folder}", "VLLM_RPC_BASE_PATH": "{folder}"}
    for secret in ("OPENAI_API_KEY", "VLLM_API_KEY"):
        env.pop(secret, None)
    if options.batch_invariant:
        env["VLLM_BATCH_INVARIANT"] = "1"
    if options.device == "cpu":
        env.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")
        if rank_count(options) > options.nodes:
            env.setdefault("VLLM_CPU_OMP_THREADS_BIND", cpu_binding(rank_count(options) // options.nodes))
    if options.nodes == 1 and not is_multi_node(options.engine_args):
        env.setdefault("VLLM_HOST_IP", "127.0.0.1")  # the engine's processes communicate over loopback only
    return env


def is_multi_node(engine_args: tuple[str, ...]) -> bool:
    """Whether the extra arguments spread one model over several machines."""
    spreading = ("--nnodes", "--data-parallel-address", "--node-rank", "--data-parallel-start-rank")
    ray = any(part in ("ray", "--distributed-executor-backend=ray") for part in engine_args)
    return ray or any(part.split("=")[0] in spreading for part in engine_args)


def cpu_binding(count: int) -> str:
    """The cores of each rank for vLLM's CPU engine, e.g. `0|1` for two ranks on two cores.

    Raises UserError if there are fewer cores than ranks.
    """
    cores = sorted(os.sched_getaffinity(0))
    if count > len(cores):
        raise UserError(
            f"the parallel sizes need {count} engine processes, but only {len(cores)} CPU cores are available; "
            f"choose sizes whose product is at most {len(cores)}"
        )
    share = len(cores) // count
    groups = [cores[index * share : (index + 1) * share] for index in range(count)]
    return "|".join(",".join(map(str, group)) for group in groups)


def log_tail(path: Path, lines: int = 12) -> list[str]:
    """The last non-empty lines of a log, for an error message; empty if the log cannot be read."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 64_000))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]
