# Set-up: .venv with the pinned packages. A copy of the requirements file in .venv means that they are installed; the
# file `unfinished` means that an installation was interrupted and must start again.
# shellcheck shell=bash

VENV=$ROOT/.venv

# Set RUN_PYTHON to the Python that runs everything, and install what is missing unless SETUP=0.
set_up() {
    if [[ $SETUP == 0 ]]; then
        use_current_environment
        return
    fi
    RUN_PYTHON=$VENV/bin/python
    choose_requirements
    is_installed "$REQUIREMENTS" || build_environment
}

# For a dry run, which installs nothing. READY=0 means that it can show the commands but cannot count completions.
find_environment() {
    READY=1
    if [[ $SETUP == 0 ]]; then
        set_up
        return
    fi
    RUN_PYTHON=$VENV/bin/python
    choose_requirements
    is_installed "$REQUIREMENTS" || READY=0
    ((READY)) || say "Set-up would first install $REQUIREMENTS into $VENV."
}

use_current_environment() {
    RUN_PYTHON=$(command -v "${PYTHON:-python3}" || { [[ -z $PYTHON ]] && command -v python; }) ||
        die "SETUP=0, but ${PYTHON:-python3} was not found; activate an environment or set PYTHON"
    is_good_python "$RUN_PYTHON" ||
        die "SETUP=0, but $RUN_PYTHON is not Python 3.11 to 3.14; activate another environment"
}

# Choose requirements.txt with an NVIDIA GPU, otherwise requirements-cpu.txt. An existing installation takes precedence,
# so that a login node without a GPU does not replace the environment of the compute nodes.
choose_requirements() {
    local installed=""
    [[ ! -f $VENV/installed-requirements.txt ]] || installed=cuda
    [[ ! -f $VENV/installed-requirements-cpu.txt ]] || installed=cpu
    FLAVOUR=$DEVICE
    [[ $DEVICE != auto ]] || FLAVOUR=${installed:-$(has_gpu && echo cuda || echo cpu)}
    [[ ${installed:-$FLAVOUR} == "$FLAVOUR" ]] ||
        die "DEVICE=$DEVICE, but .venv has vLLM for $installed; remove .venv so that it is built again, or use SETUP=0"
    REQUIREMENTS=requirements.txt
    [[ $FLAVOUR == cuda ]] || REQUIREMENTS=requirements-cpu.txt
}

is_installed() { [[ -x $VENV/bin/python ]] && cmp -s "$ROOT/$1" "$VENV/installed-$1"; }

mark_installed() { cp "$ROOT/$1" "$VENV/installed-$1.new" && mv "$VENV/installed-$1.new" "$VENV/installed-$1"; }

build_environment() {
    start_setup_log
    hold_setup_lock
    if ! is_installed "$REQUIREMENTS"; then
        say "Set-up: installing packages for $FLAVOUR; this happens once and takes a few minutes. Log: $SETUP_LOG"
        make_venv
        install_packages
        mark_installed "$REQUIREMENTS"
        rm -f "$VENV/unfinished"
    fi
    release_setup_lock
}

start_setup_log() {
    [[ -z ${SETUP_LOG-} ]] || return 0
    SETUP_LOG=$ROOT/logs/setup-$(date +%Y%m%d-%H%M%S)-$$.log
    mkdir -p "$ROOT/logs" 2>/dev/null || true
    { : >"$SETUP_LOG"; } 2>/dev/null || fail "cannot write $SETUP_LOG; make $ROOT writable, or use SETUP=0"
}

# Two set-ups at the same time would damage each other. Without flock, nothing prevents that.
hold_setup_lock() {
    exec {SETUP_LOCK}>"$ROOT/logs/.setup.lock"
    command -v flock >/dev/null || return 0
    flock -n "$SETUP_LOCK" || { say "Set-up: waiting for another set-up to finish" && flock "$SETUP_LOCK"; }
}

release_setup_lock() { exec {SETUP_LOCK}>&-; }

# A .venv that this script did not create (it has no file `ours`) is used as it is and never cleared.
make_venv() {
    if [[ -d $VENV && ! -e $VENV/ours ]]; then
        is_good_python "$VENV/bin/python" || fail ".venv has no Python 3.11 to 3.14; move it away, or use SETUP=0"
        return 0
    fi
    check_space
    [[ ! -e $VENV/unfinished && -x $VENV/bin/python ]] || clear_venv
    mkdir -p "$VENV" 2>/dev/null || true
    touch "$VENV/ours" "$VENV/unfinished" 2>/dev/null || fail "cannot write $VENV; free disk space or make it writable"
    is_good_python "$VENV/bin/python" || create_venv
}

clear_venv() {
    [[ ! -d $VENV ]] || find "$VENV" -mindepth 1 -maxdepth 1 ! -name unfinished ! -name ours -exec rm -rf {} +
}

create_venv() {
    find_python
    "$BASE_PYTHON" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$BASE_PYTHON has no venv module; install it (Debian, Ubuntu: apt-get install python3-venv)"
    step "creating .venv with $("$BASE_PYTHON" --version 2>&1)" "$BASE_PYTHON" -m venv "$VENV" || explain_failure
}

find_python() {
    local candidate
    if [[ -n $PYTHON ]]; then
        is_good_python "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11 to 3.14; give another, or none"
        BASE_PYTHON=$PYTHON
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        BASE_PYTHON=$candidate
        ! is_good_python "$candidate" || return 0
    done
    fail "no Python 3.11 to 3.14 found; install one, or set PYTHON to its path"
}

is_good_python() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' &>/dev/null; }

# Measured: 5 GB for CPUs; with the CUDA libraries about twice that.
check_space() {
    local need=6 free
    [[ $FLAVOUR == cpu ]] || need=14
    free=$(df -Pk "$ROOT" | awk 'NR == 2 {print int($4 / 1048576)}')
    ((free >= need)) || fail "set-up needs $need GB, but $ROOT has $free GB free; free some, or clone to another disk"
}
