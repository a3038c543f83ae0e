# --watch: evaluates the checkpoints of training runs as they appear, until a signal comes or a file named STOP does.
# shellcheck shell=bash

WATCHED=()         # what --watch asks for, as NAME@=PATTERN, and the folder that each pattern's checkpoints lie in
WATCHED_FOLDERS=()
WATCH_USAGE="--watch takes a pattern, and a name if the folder above has none: --watch run7 'ckpts/run7/checkpoint-*'"
RETRY_SECONDS=300  # until curves that a service did not take are offered again

# take_watch [NAME] PATTERN [CONF]: into TAKEN how many words were used. A pattern without a wildcard is the folder that
# they lie in.
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
        show_plan) ;; # of what is there now
        *) die "--watch evaluates here and now; leave out the other option" ;;
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
        stop_asked && stopping=1 || stopping=0 # before the look: the last checkpoint and the file may come together
        next_checkpoints
        if ((${#NEXT[@]})); then evaluate_checkpoints; elif ((PENDING || !stopping)); then pause_watch; else break; fi
    done
    [[ -z $UNREPORTED$UNLOGGED ]] || report_checkpoints
    say "" && say "Stopped: $STOP_FILE is there. Remove it before the next watch."
    show_report
    exit $((${#FAILED[@]} > 0))
}

# Into CURVES the flags of the places that get the curves. main.py must not take the training's run for its own.
check_watch() {
    local names=("${WATCHED[@]%%@=*}")
    printf -v WATCH_PART '%s+' "${names[@]}"
    WATCH_PART=$(file_part "${WATCH_PART%+}") CURVES=()
    [[ $WATCH_SETTLE =~ ^[0-9]{1,6}$ ]] || die "WATCH_SETTLE=$WATCH_SETTLE: it is a number of seconds"
    check_word WATCH_ORDER oldest newest
    [[ -z $WATCH_TENSORBOARD ]] || CURVES+=(--tensorboard "$WATCH_TENSORBOARD")
    [[ -z ${WANDB_RUN_ID-} ]] || CURVES+=(--wandb_run "$WANDB_RUN_ID")
    [[ -z ${WANDB_RUN_ID-} || ${#WATCHED[@]} == 1 ]] ||
        die "WANDB_RUN_ID is one run, --watch asks for ${#WATCHED[@]}; watch each by itself"
    unset WANDB_RUN_ID
    ((${#CURVES[@]} == 0)) || CURVES+=(--series "${names[@]}")
}

# Two watches of one run would evaluate by turns and report twice.
hold_watch() {
    exec {WATCH_LOCK}>"$OUTPUT_DIR/logs/.watch_$WATCH_PART.lock"
    command -v flock >/dev/null || return 0
    flock -n "$WATCH_LOCK" || fail "another watch of $WATCH_PART writes to $OUTPUT_DIR; end it first"
}

# Into NEXT what can be evaluated now, one or, with GPUS, all; into PENDING how many others may be later.
next_checkpoints() {
    local kind rest limit=(--limit 1)
    [[ -z $GPUS ]] || limit=()
    NEXT=() PENDING=""
    while IFS=$'\t' read -r kind rest; do
        case $kind in
            ready) NEXT+=("$rest") ;;
            skipped) note "skipped, until it changes: $rest" ;;
            pending) PENDING=$rest ;;
        esac
    done < <(list_checkpoints | PYTHONPATH=$ROOT "$RUN_PYTHON" -m evalsuite.launch.watch "$WATCH_STATE" \
        --settle "$WATCH_SETTLE" --order "$WATCH_ORDER" "${limit[@]}")
    [[ -n $PENDING ]] || fail "the checkpoints could not be looked at; is $OUTPUT_DIR/logs writable?"
}

# A line NAME@STEP, tab, FOLDER for each folder that matches, the first step first. What has neither a step nor a
# config.json is no checkpoint; where only the step is missing, the name is empty.
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

# Whether OUTPUT_DIR or the folder of every watched pattern has a file named STOP.
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

# What main.py refuses before anything could be planned is a mistake in the variables, and later this checkpoint's.
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

# Failures that begin and end like this are over: the same is tried again.
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

# Nothing to evaluate: catch up on the reports, then wait for a while, which a signal ends.
pause_watch() {
    local seconds=$((WATCH_SETTLE / 3)) out
    if [[ -n $UNREPORTED || (-n $UNLOGGED && $SECONDS -ge $RETRY_AT) ]]; then report_checkpoints; fi
    if [[ -z $WAITING ]]; then
        say "" && say "Waiting for checkpoints: ${WATCHED[*]#*@=}. Ctrl-C ends it, or a file $OUTPUT_DIR/STOP."
    fi
    WAITING=1
    exec {out}>/dev/null
    run_child "$out" sleep $((seconds < 1 ? 1 : seconds > 10 ? 10 : seconds)) || true
    exec {out}>&-
    [[ -z $INTERRUPTED ]] || end_interrupted
}
