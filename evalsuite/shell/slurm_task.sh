#!/usr/bin/env bash
# The job script: slurm_task.sh ROOT FROZEN BASE|analysis MAX_REQUEUES. sbatch keeps a copy of it.
# A task runs the call BASE + its index, and records time, event and detail in FROZEN/records/N.
set -euo pipefail
ROOT=$1 FROZEN=$2 BASE=$3 MAX_REQUEUES=$4
source "$ROOT/evalsuite/shell/messages.sh"
source "$ROOT/evalsuite/shell/jobs.sh"
source "$ROOT/evalsuite/shell/machine.sh"

KILLS=2 # after which a killed call is not queued again: it lacks memory, and each start loads the model
WARNED="interrupted"
ENGINE_PYTHON="" LOGS=$(cd "$FROZEN/../.." && pwd)

main() {
    NUMBER=$BASE JOB=$SLURM_JOB_ID
    if [[ $BASE != analysis ]]; then
        NUMBER=$((BASE + SLURM_ARRAY_TASK_ID))
        JOB=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID # the plain id of the last task means the whole array
    fi
    trap 'WARNED="time limit near" && on_signal TERM' USR1
    trap 'WARNED="told to stop" && on_signal TERM' TERM
    record started "node=${SLURMD_NODENAME:-$(uname -n)} attempt=$((${SLURM_RESTART_COUNT:-0} + 1))"
    if [[ $BASE == analysis ]]; then run_analyses; else run_task; fi
}

record() { printf '%s\t%s\t%s\n' "$(date +%s)" "$1" "${2//[[:cntrl:]]/ }" >>"$FROZEN/records/$NUMBER"; }

# --wait: the locks of a failed node are taken over only after they have not been refreshed for some time.
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

# A SIGKILL usually means that memory ran out.
after_kill() {
    local before
    before=$(grep -c $'\trequeued\tkilled' "$FROZEN/records/$NUMBER" || true)
    ((before < KILLS)) || end 137 "killed $((before + 1)) times; is SLURM_MEM enough?"
    queue_again "killed"
}

# open_log NAME COMMAND...: set LOG to the log of this task, and append this attempt's machine and command.
open_log() {
    LOG=$LOGS/$(basename "$FROZEN")_$(printf "%02d" "$NUMBER")_${1//[^A-Za-z0-9._@+-]/_}.log
    RUN_PYTHON=$2
    { machine_facts && printf 'command   %s\n\n' "$(quoted "${@:2}")"; } | hide_credentials >>"$LOG" ||
        end 1 "cannot write $LOG; free disk space"
}

last_words() { grep -v '^[[:space:]]*$' "$LOG" | tail -n 1 | cut -c 1-200 || true; }

end() {
    record ended "$1 $2"
    say "$2"
    exit "$1"
}

# Replaces the function of jobs.sh. main.py has stopped after a signal, and all that it finished is kept. If Slurm is
# ending the job itself (cancelled, or preempted with requeue), there is nothing left to decide.
end_interrupted() {
    local state
    state=$(scontrol -o show job "$JOB" 2>/dev/null | grep -o ' JobState=[A-Z_]*' || true)
    [[ ${state#*=} == RUNNING ]] || { record stopped "$WARNED by Slurm" && exit 143; }
    queue_again "$WARNED"
}

queue_again() {
    if ((${SLURM_RESTART_COUNT:-0} >= MAX_REQUEUES)); then end 1 "$1; given up after $MAX_REQUEUES requeues"; fi
    trap '' TERM USR1 # Slurm signals a job that it requeues, which would be recorded as another reason to stop
    record requeued "$1"
    say "requeued: $1"
    scontrol requeue "$JOB" || end 1 "$1; could not be requeued, submit again"
    exit 0
}

# Run both passes, the converter and the report, even if one of them fails.
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
