#!/usr/bin/env bash
# Checks the suite in an environment of its own making: set-up, ruff, ShellCheck, pytest.
#
#   bash tests/run.sh                    everything, real vLLM, Slurm and the browser included
#   bash tests/run.sh --quick            what answers within two minutes: no engine, no Slurm, no browser, nothing slow
#   bash tests/run.sh tests/grading -x   these arguments go to pytest; ruff and ShellCheck are left out
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../run_interactive.sh"
QUICK=(-m "not engine and not slurm and not browser and not slow")

prepare() {
    cd "$ROOT"
    catch_signals
    set_up
    install_test_tools
    make_embedded_models
    PATH=$VENV/bin:$PATH
}

# Beside the tests, since ShellCheck takes a while on one core. What it finds makes exit code 2.
check_style() {
    ruff check --quiet . && ruff format --check --quiet . && shellcheck run_interactive.sh .ci/run evalsuite/shell/*.sh \
        tests/*.sh tests/support/*.sh
}

run_pytest() { python -m pytest --numprocesses 2 --no-loadscope-reorder "$@"; }

main() {
    local style status=0
    prepare
    [[ ${1-} != --quick ]] || set -- "${QUICK[@]}" "${@:2}"
    if (($#)) && [[ $1 != "${QUICK[0]}" ]]; then
        run_pytest "$@"
        return
    fi
    check_style &
    style=$!
    run_pytest --durations 15 --durations-min 10 "$@" || status=$?
    wait "$style" || { note "ruff or ShellCheck found something, see above" && status=2; }
    exit "$status"
}

main "$@"
