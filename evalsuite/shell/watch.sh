# --watch: evaluates the checkpoints of training runs as they appear, until a signal arrives or a file STOP is created.
# shellcheck shell=bash

WATCHED=()         # the arguments of --watch, as NAME@=PATTERN
WATCHED_FOLDERS=() # for each pattern, the folder that contains the checkpoints
WATCH_USAGE="--watch takes a pattern, after a name if the folder above has none: --watch run7 'ckpts/run7/checkpoint-*'"
RETRY_SECONDS=300  # after which curves are sent again to a service that did not accept them

# take_watch [NAME] PATTERN [CONF]: read the arguments of --watch, and set TAKEN to the number of words used. A pattern
# without a wildcard is the folder that contains the checkpoints.
take_watch() {
    local name=${1-} pattern=${2-}
    TAKEN=2
    if [[ $name == *[/*?[]* || -z $pattern || $pattern == -* || -f $pattern ]]; then
        pattern=$name TAKEN=1
    fi
    [[ ${pattern%/} == ?* && $pattern != -* ]] || die "$WATCH_USAGE"
    [[ ! -f $pattern/config.json ]] ||
        die "--watch: $pattern is one checkpoint; put the pattern in quotes: 'ckpts/run7/checkpoint-*'"
    [[ $pattern == *[*?[]* ]] || pattern="${pattern%/}/*"
    anchor "$pattern"
    ((TAKEN == 2)) || name=$(basename "${ANCHORED%/*}")
    [[ $name != *[=@*?[]* && $name != -* && $name != /* && ${ANCHORED%/*} == ?* ]] || die "$WATCH_USAGE"
    WATCHED+=("$name@=$ANCHORED") WATCHED_FOLDERS+=("${ANCHORED%/*}")
}

watch_mode() {
    case $MODE in
        run_everything) MODE=watch_checkpoints ;;
        show_plan) ;; # the plan for the checkpoints that exist now
        *) die "--watch runs on this machine and cannot be combined with --slurm or --prefetch; remove one" ;;
    esac
}

watch_checkpoints() {
    local stopping
    check_watch
    catch_signals
    say_environment
    set_up
    CURVES_CALL=(env PYTHONPATH="$ROOT" "$RUN_PYTHON" -m evalsuite.launch.curves "$OUTPUT_DIR" "${CURVES[@]}")
    ((${#CURVES[@]} == 0)) || "${CURVES_CALL[@]}" --check || exit
    prepare_logs
    hold_watch
    WATCH_STATE=$OUTPUT_DIR/logs/watch_$WATCH_PART.json
    rm -f "$WATCH_STATE"
    PLANNED_ONCE="" WAITING="" UNREPORTED="" UNLOGGED="" RETRY_AT=0 ROUND=0
    while :; do
        stop_asked && stopping=1 || stopping=0 # checked first: the last checkpoint and the file may appear together
        next_checkpoints
        if ((${#NEXT[@]})); then evaluate_checkpoints; elif ((PENDING || !stopping)); then pause_watch; else break; fi
    done
    [[ -z $UNREPORTED$UNLOGGED ]] || report_checkpoints
    say "" && say "Stopped because of $STOP_FILE. Remove it before the next --watch."
    show_report
    exit $((${#FAILED[@]} > 0))
}

# Check the variables of --watch, and set CURVES to the flags that say where curves are sent. WANDB_RUN_ID is unset
# afterwards, so that main.py does not log to the run of the training.
check_watch() {
    local names=("${WATCHED[@]%%@=*}")
    printf -v WATCH_PART '%s+' "${names[@]}"
    WATCH_PART=$(file_part "${WATCH_PART%+}") CURVES=()
    [[ $WATCH_SETTLE =~ ^[0-9]{1,6}$ ]] || die "WATCH_SETTLE=$WATCH_SETTLE: must be a whole number of seconds"
    check_word WATCH_ORDER oldest newest
    [[ -z $WATCH_TENSORBOARD ]] || CURVES+=(--tensorboard "$WATCH_TENSORBOARD")
    [[ -z ${WANDB_RUN_ID-} ]] || CURVES+=(--wandb_run "$WANDB_RUN_ID")
    [[ -z ${WANDB_RUN_ID-} || ${#WATCHED[@]} == 1 ]] ||
        die "WANDB_RUN_ID is a single run, but --watch has ${#WATCHED[@]}; watch each in a call of its own"
    unset WANDB_RUN_ID
    ((${#CURVES[@]} == 0)) || CURVES+=(--series "${names[@]}")
}

# Two watches of the same run would evaluate checkpoints alternately and report them twice.
hold_watch() {
    exec {WATCH_LOCK}>"$OUTPUT_DIR/logs/.watch_$WATCH_PART.lock"
    command -v flock >/dev/null || return 0
    flock -n "$WATCH_LOCK" || fail "another --watch of $WATCH_PART is writing to $OUTPUT_DIR; stop it first"
}

# Set NEXT to the checkpoints that can be evaluated now (only one, unless GPUS is set), and PENDING to the number of
# those that may become ready later.
next_checkpoints() {
    local kind rest limit=(--limit 1)
    [[ -z $GPUS ]] || limit=()
    NEXT=() PENDING=""
    while IFS=$'\t' read -r kind rest; do
        case $kind in
            ready) NEXT+=("$rest") ;;
            skipped) note "skipped until it changes: $rest" ;;
            pending) PENDING=$rest ;;
        esac
    done < <(list_checkpoints | PYTHONPATH=$ROOT "$RUN_PYTHON" -m evalsuite.launch.watch "$WATCH_STATE" \
        --settle "$WATCH_SETTLE" --order "$WATCH_ORDER" "${limit[@]}")
    [[ -n $PENDING ]] || fail "the checkpoints could not be examined; is $OUTPUT_DIR/logs writable?"
}

# Print NAME@STEP, tab, FOLDER for each matching folder, sorted by step. A folder with neither a step nor a config.json
# is not a checkpoint; if only the step is missing, the name is empty.
list_checkpoints() {
    local row folder
    for row in "${WATCHED[@]}"; do
        match_series "${row%%@=*}" "${row#*@=}"
        for folder in "${LEFT_OUT[@]}"; do
            step_of "$folder"
            [[ -z $STEP ]] || CHECKPOINTS+=("${row%%@=*}@$STEP=$folder")
        done
        ((${#CHECKPOINTS[@]} == 0)) || printf '%s\n' "${CHECKPOINTS[@]/=/$'\t'}" | sort -s -t @ -k 2n
        ((${#STEPLESS[@]} == 0)) || printf '\t%s\n' "${STEPLESS[@]}"
    done
}

# Whether there is a file STOP in OUTPUT_DIR, or in the folders of all watched patterns.
stop_asked() {
    local folder found=()
    STOP_FILE=$OUTPUT_DIR/STOP
    [[ ! -e $STOP_FILE ]] || return 0
    for folder in "${WATCHED_FOLDERS[@]}"; do
        mapfile -t found < <(compgen -G "$folder/STOP" || true)
        ((${#found[@]})) || return 1
    done
    STOP_FILE=${found[0]}
}

evaluate_checkpoints() {
    LEFT=0 WAITING="" ROUND=$((ROUND + 1)) PLANNABLE=()
    name_run "-$ROUND"
    choose_models "${NEXT[@]}"
    each_call plan_checkpoint
    UNREPORTED=1
    ((LEFT)) || return 0
    choose_models "${PLANNABLE[@]}"
    count_calls
    if [[ -n $GPUS ]]; then run_on_gpus; else each_call run_call; fi
    report_checkpoints
}

# If main.py refuses the first plan, the variables are wrong; if it refuses a later one, that checkpoint is.
plan_checkpoint() {
    local text status=0
    forget_failures "$MODEL_NAME: " ""
    text=$("${CALL[@]}" --dry_run 2>&1) || status=$?
    if ((status == 0)); then
        PLANNED_ONCE=1
        [[ ${PLANNABLE[*]: -1} == "${CALL[3]}" ]] || PLANNABLE+=("${CALL[3]}")
        [[ $text == *" unfinished=0"* ]] || LEFT=$((LEFT + 1))
    else
        [[ -n $PLANNED_ONCE ]] || die "$1: $(tail -n 1 <<<"$text")"
        note "$1: $(tail -n 1 <<<"$text")"
        FAILED+=("$1 (could not be planned)")
    fi
}

# forget_failures START END: drop the failures that begin and end like this, because the same is tried again.
forget_failures() {
    local line kept=()
    for line in "${FAILED[@]}"; do [[ $line == "$1"*"$2" ]] || kept+=("$line"); done
    FAILED=("${kept[@]}")
}

report_checkpoints() {
    local status=0
    UNREPORTED="" UNLOGGED=""
    forget_failures "" "_analysis.log"
    analyse
    [[ ${#CURVES[@]} != 0 && -f $OUTPUT_DIR/series_analysis.csv ]] || return 0
    run_logged "$ANALYSIS_LOG" "${CURVES_CALL[@]}" || status=$?
    ((status == 0)) || { UNLOGGED=1 RETRY_AT=$((SECONDS + RETRY_SECONDS)) && FAILED+=("curves, see $ANALYSIS_LOG"); }
}

# Nothing can be evaluated now: write the reports that are due, then wait for a while or until a signal arrives.
pause_watch() {
    local seconds=$((WATCH_SETTLE / 3)) out
    if [[ -n $UNREPORTED || (-n $UNLOGGED && $SECONDS -ge $RETRY_AT) ]]; then report_checkpoints; fi
    if [[ -z $WAITING ]]; then
        say "" && say "Waiting for checkpoints: ${WATCHED[*]#*@=}. To end, press Ctrl-C or create $OUTPUT_DIR/STOP."
    fi
    WAITING=1
    exec {out}>/dev/null
    run_child "$out" sleep $((seconds < 1 ? 1 : seconds > 10 ? 10 : seconds)) || true
    exec {out}>&-
    [[ -z $INTERRUPTED ]] || end_interrupted
}
