# The modes of the script: the whole evaluation, a dry run, fetching models and data. Slurm and --watch have own files.
# shellcheck shell=bash

MODE=run_everything
DRY_RUN=0
PLAN_FLAGS=()
SLURM_ACTION=""

read_arguments() {
    while (($#)); do
        case $1 in
            -h | --help) show_help && exit 0 ;;
            --dry-run) DRY_RUN=1 ;;
            --prefetch) MODE=prefetch ;;
            --slurm) MODE=slurm_submit ;;
            --status | --cancel) SLURM_ACTION=${1#--} ;;
            --watch) take_watch "${@:2}" && shift "$TAKEN" ;;
            --series) take_series "${@:2}" && shift "$TAKEN" ;;
            -*) die "unknown option $1; --help lists the options" ;;
            *) take_conf "$1" ;;
        esac
        shift
    done
    [[ $DRY_RUN == 0 ]] || plan_only
    ((${#WATCHED[@]} == 0)) || watch_mode
    [[ -n $SLURM_ACTION ]] || return 0
    [[ $MODE == slurm_submit ]] || die "--$SLURM_ACTION needs --slurm; give both"
    MODE=slurm_$SLURM_ACTION
}

# --dry-run only shows the plan, with whatever other option; with --slurm it plans for the GPUs of the nodes.
plan_only() {
    [[ -z $SLURM_ACTION ]] || die "--dry-run cannot be combined with --$SLURM_ACTION; give only one"
    [[ $MODE != slurm_submit ]] || PLAN_FLAGS=(--elsewhere)
    MODE=show_plan
}

# The header comment of run_interactive.sh is the help text.
show_help() { sed -n -e '1d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$ROOT/run_interactive.sh"; }

run_mode() { "$MODE"; }

run_everything() {
    catch_signals
    say_environment
    set_up
    make_embedded_models
    prepare_logs
    count_calls
    if [[ -n $GPUS ]]; then run_on_gpus; else each_call run_call; fi
    analyse
    show_report
    exit "$(exit_code)"
}

# Fetch models and data sets into the usual caches, on a machine with internet, for nodes without.
prefetch() {
    say_environment
    set_up
    make_embedded_models
    each_call prefetch_call
    ((${#FAILED[@]} == 0)) || { name_failures && exit 1; }
    say "All models and data sets are in the caches; the run works offline with HF_HUB_OFFLINE=1."
}

prefetch_call() {
    PYTHONPATH=$ROOT "$RUN_PYTHON" -m evalsuite.launch.prefetch "${CALL[@]:2}" || FAILED+=("$1")
}

# name_run SUFFIX: set RUN_ID, with which the names of the logs begin. The suffix distinguishes rounds of one process.
name_run() { RUN_ID=$(date +%Y%m%d-%H%M%S)-$$$1; }

prepare_logs() {
    name_run ""
    mkdir -p "$OUTPUT_DIR/logs" 2>/dev/null || true
    [[ -d $OUTPUT_DIR/logs && -w $OUTPUT_DIR/logs ]] ||
        fail "cannot write to $OUTPUT_DIR/logs; choose another OUTPUT_DIR, or make it a writable folder"
    FACTS=$(machine_facts)
    say "$FACTS"
}

count_calls() {
    MISTAKES=0
    each_call :
    CALL_COUNT=$CALL_NUMBER
}

run_call() {
    local label=$1 log status=0 started=$SECONDS
    log=$OUTPUT_DIR/logs/${RUN_ID}_$(printf '%02d' "$CALL_NUMBER")_$(file_part "$MODEL_NAME").log
    say "" && say "[$CALL_NUMBER/$CALL_COUNT] $label" && say "log: $log"
    start_log "$log" "${CALL[@]}"
    run_main "$log" "${CALL[@]}" || status=$?
    if ((status)); then
        note "$label failed (exit code $status) after $((SECONDS - started)) s; continuing with the remaining calls"
        FAILED+=("$label (exit code $status), see $log")
    fi
    ((status != 2)) || MISTAKES=$((MISTAKES + 1))
}

file_part() { printf '%s\n' "${1//[^A-Za-z0-9._@+-]/_}"; }

# The exit code is 2 only if every call was refused because of a mistake, so that nothing was started.
exit_code() {
    if ((${#FAILED[@]} == 0)); then echo 0; elif ((MISTAKES == CALL_COUNT)); then echo 2; else echo 1; fi
}

show_plan() {
    say_environment
    find_environment
    PLANNED=() MISTAKES=0
    each_call plan_call
    each_analysis show_command
    say ""
    if [[ $READY == 0 ]]; then
        say "$(counted "$CALL_NUMBER" call). Completions and tokens can be counted after set-up."
    else
        add_up_plan
    fi
    ((MISTAKES == 0)) || die "$(counted "$MISTAKES" call) could not be planned (see above); fix the variables"
}

counted() { if (($1 == 1)); then printf '1 %s\n' "$2"; else printf '%s %ss\n' "$1" "$2"; fi; }

show_command() { say "$(quoted "$@")"; }

# The last line of a dry run of main.py has the counts for the experiments that are not finished yet.
plan_call() {
    local label=$1 text status=0
    show_command "${CALL[@]}"
    [[ $READY == 1 ]] || return 0
    text=$("${CALL[@]}" --dry_run "${PLAN_FLAGS[@]}" 2>&1) || status=$?
    if ((status)); then
        note "$label: $(tail -n 1 <<<"$text")"
        MISTAKES=$((MISTAKES + 1))
    else
        PLANNED+=("$(grep '^dry run: ' <<<"$text" | tail -n 1 || true)")
        show_engine "$text"
    fi
}

# show_engine TEXT: print the commands of an engine that spans several nodes.
show_engine() {
    local line
    while IFS= read -r line; do
        [[ $line != "engine "* ]] || say "  $line"
    done <<<"$1"
}

add_up_plan() {
    local completions tokens gigabytes
    read -r completions tokens gigabytes < <(printf '%s\n' "${PLANNED[@]}" | sum_plan)
    say "$(counted "$CALL_NUMBER" call), $(thousands "$completions") completions," \
        "at most $(thousands "$tokens") tokens, about $gigabytes GB on disk"
}

sum_plan() {
    tr ' ' '\n' | awk -F= '
        $1 == "completions" {c += $2}  $1 == "max_tokens" {t += $2}  $1 == "disk_gb" {g += $2}
        END {printf "%d %.0f %.2f\n", c, t, g}'
}
