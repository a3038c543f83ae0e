# Writes calls to files, to be run later or on another machine, unaffected by what is edited in the meantime.
# shellcheck shell=bash

# freeze_folder KIND DRY_RUN_FLAG...: set FROZEN to a new folder that only the user can read, because a call may contain
# the password of a URL. It holds
#   calls/N       LABEL, MODEL_NAME, GPUS_NEEDED, NODES_NEEDED and the array CALL, to be sourced
#   calls.tsv     N, GPUs, completions left, label, model name, nodes
#   records/N     the result of call N
freeze_folder() {
    FROZEN=$PWD/$OUTPUT_DIR/logs/$1/$RUN_ID
    [[ $OUTPUT_DIR != /* ]] || FROZEN=$OUTPUT_DIR/logs/$1/$RUN_ID
    (umask 077 && mkdir -p "$FROZEN/calls" "$FROZEN/records" && : >"$FROZEN/calls.tsv") ||
        fail "cannot write $FROZEN; free disk space, or choose another OUTPUT_DIR"
    PLAN_FLAGS=("${@:2}") PLAN_ERRORS=() FROZEN_COUNT=0 FINISHED_COUNT=0
}

# freeze_call LABEL: an action of each_call. Calls that are finished are skipped.
freeze_call() {
    local text status=0 left
    text=$("${CALL[@]}" --dry_run "${PLAN_FLAGS[@]}" 2>&1) || status=$?
    if ((status)); then
        PLAN_ERRORS+=("$1: $(tail -n 1 <<<"$text")")
        return
    fi
    left=$(sed -n 's/^dry run: .*unfinished=\([0-9]*\).*/\1/p' <<<"$text")
    if [[ $left == 0 ]]; then
        FINISHED_COUNT=$((FINISHED_COUNT + 1))
    else
        FROZEN_COUNT=$((FROZEN_COUNT + 1))
        write_call "$1" "$(sed -n 's/^dry run: completions=\([0-9]*\).*/\1/p' <<<"$text")"
    fi
}

write_call() {
    local LABEL=$1
    count_gpus
    (umask 077 && declare -p LABEL MODEL_NAME GPUS_NEEDED NODES_NEEDED CALL >"$FROZEN/calls/$FROZEN_COUNT")
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$FROZEN_COUNT" "$GPUS_NEEDED" "${2:-0}" "${LABEL//[[:cntrl:]]/ }" \
        "${MODEL_NAME//[[:cntrl:]]/ }" "$NODES_NEEDED" >>"$FROZEN/calls.tsv"
}

# Set GPUS_NEEDED to the number that the call's parallel sizes need in all, and NODES_NEEDED to the machines over which
# they are spread. A call on CPUs, or with --base_url, needs no GPU.
count_gpus() {
    local flag
    GPUS_NEEDED=1
    for flag in --tensor_parallel_size --pipeline_parallel_size --data_parallel_size; do
        flag_value "$flag" 1
        GPUS_NEEDED=$((GPUS_NEEDED * 10#$VALUE))
    done
    flag_value --nodes 1
    NODES_NEEDED=$((10#$VALUE))
    flag_value --device "${FLAVOUR:-cuda}"
    [[ $VALUE != cpu ]] || GPUS_NEEDED=0
    flag_value --base_url ""
    [[ -z $VALUE ]] || GPUS_NEEDED=0 NODES_NEEDED=1
}

# flag_value FLAG DEFAULT: set VALUE to the flag's value in the call. As in main.py, the last occurrence counts.
flag_value() {
    local number
    VALUE=$2
    for ((number = 2; number < ${#CALL[@]}; number++)); do
        case ${CALL[number]} in
            "$1") VALUE=${CALL[number + 1]-} ;;
            "$1="*) VALUE=${CALL[number]#*=} ;;
        esac
    done
}

# Report mistakes in any call before the first one is started.
check_frozen() {
    local line
    ((${#PLAN_ERRORS[@]})) || return 0
    for line in "${PLAN_ERRORS[@]}"; do note "$line"; done
    rm -rf "$FROZEN"
    die "$(counted "${#PLAN_ERRORS[@]}" call) could not be planned (see above); nothing was started"
}
