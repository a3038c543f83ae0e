# Running commands: each in a process group of its own, so that one Ctrl-C reaches it once, through us.
# shellcheck shell=bash

CHILD=""
SCREEN_LENT="" # to the running command, which then says by itself what we would
INTERRUPTED=""
FAILED=()

catch_signals() {
    trap 'on_signal INT' INT
    trap 'on_signal TERM' TERM HUP
    trap name_failures EXIT
}

# Handed on to the running command, which stops cleanly and keeps what it has; a second one stops it at once.
on_signal() {
    INTERRUPTED=$1
    [[ -n $CHILD ]] || end_interrupted
    [[ $CHILD != starting ]] || return 0
    [[ -n $SCREEN_LENT ]] || note "stopping; once more stops at once"
    kill -s "$1" "$CHILD" 2>/dev/null || true
}

end_interrupted() {
    note "interrupted; all finished work is kept, run the same command again to go on"
    exit 130
}

# run_child FD COMMAND...: output to the file descriptor; the command's exit code is ours.
run_child() {
    local out=$1 status=0
    shift
    CHILD=starting
    set -m
    "$@" >&"$out" 2>&1 </dev/null {out}>&- &
    CHILD=$!
    set +m
    [[ -z $INTERRUPTED ]] || kill -s "$INTERRUPTED" "$CHILD"
    while :; do # a signal ends `wait` early
        wait "$CHILD" && status=0 || status=$?
        kill -0 "$CHILD" 2>/dev/null || break
    done
    CHILD=""
    return "$status"
}

# run_logged LOG COMMAND...: to the screen and, added, to the log. tee outlives our signals to show the last words.
run_logged() {
    local log=$1 screen tee_pid status=0
    shift
    exec {screen}> >(trap '' INT TERM HUP && exec tee -a "$log")
    tee_pid=$!
    run_child "$screen" "$@" || status=$?
    exec {screen}>&-
    wait "$tee_pid" || note "$log could not be written; free the disk"
    [[ -z $INTERRUPTED && $status != 130 ]] || end_interrupted
    return "$status"
}

# run_main LOG COMMAND...: the same for main.py. On a terminal it draws a panel, and writes lines to the screen and to
# stdout, its log, by itself: what came from tee meanwhile would tear the panel.
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

# start_log LOG COMMAND...: the machine, the versions and the command at the top of a log.
start_log() {
    local log=$1
    shift
    {
        printf '%s\n' "$FACTS"
        printf 'command   %s\n\n' "$(quoted "$@")"
    } | hide_credentials >"$log" || fail "cannot write $log; free the disk, or choose another OUTPUT_DIR"
}

name_failures() {
    local line
    ((${#FAILED[@]})) || return 0
    note "failed:"
    for line in "${FAILED[@]}"; do note "  $line"; done
}
