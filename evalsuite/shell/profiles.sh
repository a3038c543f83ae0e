# PROFILE: seeds, lengths and numbers of problems for a purpose. docs/training.md says how precise the scores are.
# shellcheck shell=bash

# The default values in the block. A profile replaces these, but no value that the user has changed.
declare -A SHIPPED=([SEEDS]="0 1" [MAX_NEW_TOKENS]=256 [MAX_MODEL_LENGTHS]=1024 [MAX_SAMPLES]="")
SMALL_TASKS=(aime24 aime25 amc23) # with 30 or 40 problems, they need more seeds

# define_profile NAME: set PURPOSE to the values of a profile; SMALL are the seeds of the small tasks. The model length
# is left to the model, because no value fits all: some models support only 32768 tokens including the prompt.
define_profile() {
    declare -gA PURPOSE=([MAX_SAMPLES]="" [MAX_NEW_TOKENS]=32768 [MAX_MODEL_LENGTHS]="")
    case $1 in
        quick) PURPOSE+=([SEEDS]=0 [SMALL]=0-3 [MAX_SAMPLES]=100 [MAX_NEW_TOKENS]=8192) ;;
        standard) PURPOSE+=([SEEDS]=0-2 [SMALL]=0-9) ;;
        paper) PURPOSE+=([SEEDS]=0-7 [SMALL]=0-31) ;;
    esac
}

apply_profile() {
    local name
    PROFILE_SETS=() PROFILE_KEEPS=()
    [[ -n $PROFILE ]] || return 0
    check_word PROFILE quick standard paper
    define_profile "$PROFILE"
    if is_yours SEEDS; then PROFILE_KEEPS+=(SEEDS TASK_SEEDS); else set_profile_seeds; fi
    for name in MAX_SAMPLES MAX_NEW_TOKENS MAX_MODEL_LENGTHS; do
        if is_yours "$name"; then PROFILE_KEEPS+=("$name"); else set_from_profile "$name"; fi
    done
}

is_yours() {
    local -n value=$1
    [[ -n ${FROM_ENVIRONMENT[$1]+set} || ${value[*]-} != "${SHIPPED[$1]}" ]]
}

set_from_profile() {
    PROFILE_SETS+=("$1=${PURPOSE[$1]@Q}")
    if [[ $1 == MAX_SAMPLES ]]; then printf -v "$1" %s "${PURPOSE[$1]}"; else split_list "$1" "${PURPOSE[$1]}"; fi
}

# Entries of TASK_SEEDS that the user has given are kept.
set_profile_seeds() {
    local -n rows=TASK_SEEDS
    local task name
    set_from_profile SEEDS
    for task in "${TASKS[@]}"; do
        name=$(bare_task "$task")
        own_seeds "$task"
        [[ -z $OWN_SEEDS && " ${SMALL_TASKS[*]} " == *" $name "* ]] || continue
        rows+=(["$name"]=${PURPOSE[SMALL]})
        PROFILE_SETS+=("TASK_SEEDS[$name]=${PURPOSE[SMALL]}")
    done
}

say_profile() {
    [[ -n $PROFILE ]] || return 0
    local kept=${PROFILE_KEEPS[*]}
    say "PROFILE=$PROFILE sets ${PROFILE_SETS[*]:-nothing}${kept:+; kept as you set them: $kept}"
}
