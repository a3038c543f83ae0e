#!/usr/bin/env bash
# Everything that is checked, in an environment of its own making: set-up, ruff, ShellCheck, pytest.
#
#   bash tests/run.sh                    all of it, the runs on real vLLM included
#   bash tests/run.sh -m "not engine"    what follows goes to pytest; this leaves out what takes minutes
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../run_interactive.sh"

prepare() {
    cd "$ROOT"
    catch_signals
    set_up
    install_test_tools
    make_embedded_models
    PATH=$VENV/bin:$PATH
}

check_style() {
    ruff check .
    ruff format --check .
    shellcheck run_interactive.sh .ci/run evalsuite/shell/*.sh tests/*.sh
}

main() {
    prepare
    check_style
    exec python -m pytest --numprocesses 2 --no-loadscope-reorder "$@"
}

main "$@"
