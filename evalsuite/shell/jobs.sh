# Runs commands, each in a process group of its own, so that Ctrl-C reaches them only through this script.
# shellcheck shell=bash

CHILD=""
SCREEN_LENT="" # set while the running command draws on the terminal, and prints its own message when it is stopped
INTERRUPTED=""
FAILED=()

catch_signals() {
    trap 'on_signal INT' INT
    trap 'on_signal TERM' TERM HUP
    trap name_failures EXIT
}

# Pass a signal on to the running command. The first one makes it stop cleanly and keep its results; the second one
# stops it immediately.
on_signal() {
    INTERRUPTED=$1
    [[ -n $CHILD ]] || end_interrupted
    [[ $CHILD != starting ]] || return 0
    [[ -n $SCREEN_LENT ]] || note "stopping after the current requests; press Ctrl-C again to stop immediately"
    kill -s "$1" "$CHILD" 2>/dev/null || true
}

end_interrupted() {
    note "interrupted; all finished work is kept, run the same command again to continue"
    exit 130
}

# run_child FD COMMAND...: run the command with its output to the file descriptor; returns its exit code.
run_child() {
    local out=$1 status=0
    shift
    CHILD=starting
    set -m
    "$@" >&"$out" 2>&1 </dev/null {out}>&- &
    CHILD=$!
    set +m
    [[ -z $INTERRUPTED ]] || kill -s "$INTERRUPTED" "$CHILD"
    while :; do # a signal makes `wait` return early
        wait "$CHILD" && status=0 || status=$?
        kill -0 "$CHILD" 2>/dev/null || break
    done
    CHILD=""
    return "$status"
}

# run_logged LOG COMMAND...: run the command with its output to the screen and appended to the log. tee ignores signals,
# so that the command's last lines are shown too.
run_logged() {
    local log=$1 screen tee_pid status=0
    shift
    exec {screen}> >(trap '' INT TERM HUP && exec tee -a "$log")
    tee_pid=$!
    run_child "$screen" "$@" || status=$?
    exec {screen}>&-
    wait "$tee_pid" || note "$log could not be written; free disk space"
    [[ -z $INTERRUPTED && $status != 130 ]] || end_interrupted
    return "$status"
}

# run_main LOG COMMAND...: the same for main.py. On a terminal it draws a panel and writes to the screen itself, with
# stdout as its log, because output from tee would damage the panel.
run_main() {
    local log=$1 terminal out status=0
    if ! { terminal=$(tty <&3); } 3>&1; then
        run_logged "$@" || status=$?
        return "$status"
    fi
    shift
    exec {out}>>"$log"
    SCREEN_LENT=1
    EVALSUITE_SCREEN=$terminal run_child "$out" "$@" || status=$?
    SCREEN_LENT=""
    exec {out}>&-
    [[ -z $INTERRUPTED && $status != 130 ]] || end_interrupted
    return "$status"
}

# start_log LOG COMMAND...: write the machine, the versions and the command at the top of a log.
start_log() {
    local log=$1
    shift
    {
        printf '%s\n' "$FACTS"
        printf 'command   %s\n\n' "$(quoted "$@")"
    } | hide_credentials >"$log" || fail "cannot write $log; free disk space, or choose another OUTPUT_DIR"
}

name_failures() {
    local line
    ((${#FAILED[@]})) || return 0
    note "failed:"
    for line in "${FAILED[@]}"; do note "  $line"; done
}
