#!/usr/bin/env bash
# The script of a job: slurm_task.sh ROOT FROZEN BASE|analysis MAX_REQUEUES. sbatch keeps a copy of it.
# A task runs call BASE + its index; what becomes of it stands in FROZEN/records/N: time, event, detail.
set -euo pipefail
ROOT=$1 FROZEN=$2 BASE=$3 MAX_REQUEUES=$4
source "$ROOT/evalsuite/shell/messages.sh"
source "$ROOT/evalsuite/shell/jobs.sh"
source "$ROOT/evalsuite/shell/machine.sh"

KILLS=2 # that a call is forgiven; one that is killed again and again lacks memory, and each start loads the model
WARNED="interrupted"
ENGINE_PYTHON="" LOGS=$(cd "$FROZEN/../.." && pwd)

main() {
    NUMBER=$BASE JOB=$SLURM_JOB_ID
    if [[ $BASE != analysis ]]; then
        NUMBER=$((BASE + SLURM_ARRAY_TASK_ID))
        JOB=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID # an array's last task has the array's own id: it means all of them
    fi
    trap 'WARNED="time limit near" && on_signal TERM' USR1
    trap 'WARNED="told to stop" && on_signal TERM' TERM
    record started "node=${SLURMD_NODENAME:-$(uname -n)} attempt=$((${SLURM_RESTART_COUNT:-0} + 1))"
    if [[ $BASE == analysis ]]; then run_analyses; else run_task; fi
}

record() { printf '%s\t%s\t%s\n' "$(date +%s)" "$1" "${2//[[:cntrl:]]/ }" >>"$FROZEN/records/$NUMBER"; }

# --wait: a node that failed cannot give its locks back; they are taken over when they have been still long enough.
run_task() {
    local status=0
    if ((${SLURM_RESTART_COUNT:-0} > MAX_REQUEUES)); then end 1 "given up after $MAX_REQUEUES requeues"; fi
    # shellcheck source=/dev/null
    source "$FROZEN/calls/$NUMBER"
    open_log "$MODEL_NAME" "${CALL[@]}"
    run_logged "$LOG" "${CALL[@]}" --wait --log_dir "$FROZEN/engine/$NUMBER" || status=$?
    ((status != 137)) || after_kill
    ((status == 0)) || end "$status" "exit code $status: $(last_words)"
    end 0 ""
}

# SIGKILL: the machine's memory, or somebody.
after_kill() {
    local before
    before=$(grep -c $'\trequeued\tkilled' "$FROZEN/records/$NUMBER" || true)
    ((before < KILLS)) || end 137 "killed $((before + 1)) times; is SLURM_MEM enough?"
    queue_again "killed"
}

# open_log NAME COMMAND...: into LOG the log of this task, with this attempt's machine and command at its end.
open_log() {
    LOG=$LOGS/$(basename "$FROZEN")_$(printf "%02d" "$NUMBER")_${1//[^A-Za-z0-9._@+-]/_}.log
    RUN_PYTHON=$2
    { machine_facts && printf 'command   %s\n\n' "$(quoted "${@:2}")"; } | hide_credentials >>"$LOG" ||
        end 1 "cannot write $LOG; free the disk"
}

last_words() { grep -v '^[[:space:]]*$' "$LOG" | tail -n 1 | cut -c 1-200 || true; }

end() {
    record ended "$1 $2"
    say "$2"
    exit "$1"
}

# In place of the function of jobs.sh: main.py has stopped after a signal, and all that it finished is kept.
# Where Slurm itself is ending the job (cancelled, preempted with requeue), what follows is decided already.
end_interrupted() {
    local state
    state=$(scontrol -o show job "$JOB" 2>/dev/null | grep -o ' JobState=[A-Z_]*' || true)
    [[ ${state#*=} == RUNNING ]] || { record stopped "$WARNED by Slurm" && exit 143; }
    queue_again "$WARNED"
}

queue_again() {
    if ((${SLURM_RESTART_COUNT:-0} >= MAX_REQUEUES)); then end 1 "$1; given up after $MAX_REQUEUES requeues"; fi
    record requeued "$1"
    say "requeued: $1"
    scontrol requeue "$JOB" || end 1 "$1; could not be requeued: submit again"
    exit 0
}

# Both passes, the converter and the report; one that fails does not stop the next.
run_analyses() {
    local command failed=()
    # shellcheck source=/dev/null
    source "$FROZEN/analysis"
    [[ -n $(compgen -G "$OUTPUT_DIR/*/*/experiment.json") ]] || end 1 "no experiment has finished; nothing to analyse"
    for command in "${ANALYSIS[@]}"; do
        say "" && say "$command"
        bash -c "$command" || failed+=("$command")
    done
    ((${#failed[@]} == 0)) || end 1 "failed: ${failed[*]}"
    end 0 ""
}

main
