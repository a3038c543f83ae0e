# The variables of the block: their names, their values from the environment, and the checks before anything runs.
# shellcheck shell=bash

SINGLE_VARIABLES=(
    LOCAL_DIR OUTPUT_DIR DATA_DIR PROFILE MAX_SAMPLES USE_CHAT_TEMPLATE EXTRA_ARGS ENGINE_ARGS MAX_NUM_SEQUENCES
    MAX_NUM_BATCHED_TOKENS TENSOR_PARALLEL_SIZE PIPELINE_PARALLEL_SIZE DATA_PARALLEL_SIZE NODES DEVICE BASE_URL
    ENGINE_PYTHON PYTHON SETUP SEEDS_PER_RUN TASKS_PER_RUN GPUS WATCH_SETTLE WATCH_ORDER WATCH_TENSORBOARD
    SLURM_PARTITION SLURM_ACCOUNT SLURM_TIME SLURM_MEM SLURM_CPUS SLURM_GRES SLURM_MAX_PARALLEL SLURM_MAX_REQUEUES
    SLURM_WARNING SLURM_ANALYSIS_MEM SLURM_ARGS
)
LIST_VARIABLES=(MODELS TASKS SEEDS TEMPERATURES TOP_PS MAX_NEW_TOKENS MAX_MODEL_LENGTHS DTYPES)
TABLE_VARIABLES=(TASK_SEEDS MODEL_ARGS)
VARIABLES=("${SINGLE_VARIABLES[@]}" "${LIST_VARIABLES[@]}" "${TABLE_VARIABLES[@]}")
declare -A FROM_ENVIRONMENT=()

# Called before the block assigns its values. The variables are unset, because assigning an array to a variable from the
# environment would keep it exported.
remember_environment() {
    local name
    ENVIRONMENT_NAMES=$(compgen -e)
    for name in "${VARIABLES[@]}"; do
        [[ -v $name ]] || continue
        FROM_ENVIRONMENT[$name]=${!name}
        unset -v "$name"
    done
}

apply_environment() {
    local name
    for name in "${!FROM_ENVIRONMENT[@]}"; do
        unset -v "$name"
        printf -v "$name" '%s' "${FROM_ENVIRONMENT[$name]}"
    done
}

say_environment() {
    local name shown=()
    for name in "${VARIABLES[@]}"; do
        [[ -n ${FROM_ENVIRONMENT[$name]+set} ]] && shown+=("$name=${FROM_ENVIRONMENT[$name]@Q}")
    done
    if ((${#shown[@]})); then say "From the environment: ${shown[*]}"; fi
    if [[ -n $CONF ]]; then say "Variables from: $CONF"; fi
    say_profile
}

# Convert lists and tables given as plain text (in the environment, or SEEDS="0 1" in a file) to arrays.
normalise_variables() {
    local name
    for name in "${LIST_VARIABLES[@]}"; do
        has_attribute "$name" a || split_list "$name" "${!name-}"
    done
    for name in "${TABLE_VARIABLES[@]}"; do
        has_attribute "$name" A || split_table "$name" "${!name-}"
    done
}

has_attribute() { [[ $(declare -p "$1" 2>/dev/null) =~ ^declare\ -[a-zA-Z]*$2 ]]; }

# split_items TEXT SEPARATOR: sets ITEMS. Text with newlines is split there instead, so that items may contain spaces.
split_items() {
    local separator=$2 lines line
    ITEMS=()
    [[ $1 != *$'\n'* ]] || separator=$'\n'
    mapfile -t lines <<<"${1//"$separator"/$'\n'}"
    for line in "${lines[@]}"; do
        line=${line#"${line%%[![:space:]]*}"}
        [[ -z $line ]] || ITEMS+=("$line")
    done
}

# SEEDS="0 1 2"
split_list() {
    split_items "$2" ' '
    unset -v "$1"
    declare -ga "$1=()"
    ((${#ITEMS[@]} == 0)) || mapfile -t "$1" < <(printf '%s\n' "${ITEMS[@]}")
}

# TASK_SEEDS="aime24=0-31 math_500=0-2"; MODEL_ARGS="a=--top_p 1; b=--temperature 0.6"
split_table() {
    local separator=' ' row
    [[ $1 == TASK_SEEDS ]] || separator=';'
    split_items "$2" "$separator"
    unset -v "$1"
    declare -gA "$1=()"
    local -n table_of_rows=$1
    for row in "${ITEMS[@]}"; do
        [[ $row == ?*=* ]] || die "$1: '$row' is not name=value; write $1='name=value${separator}name=value'"
        [[ -z ${table_of_rows[${row%%=*}]+set} ]] || die "$1: ${row%%=*} is given twice; remove one"
        table_of_rows[${row%%=*}]=${row#*=}
    done
}

check_variables() {
    local name
    check_environment
    for name in MODELS TASKS SEEDS; do
        local -n list_to_check=$name
        ((${#list_to_check[@]})) || die "$name is empty; give at least one, in a file or in run_interactive.sh"
    done
    [[ -n $OUTPUT_DIR ]] || die "OUTPUT_DIR is empty; give a folder for the results"
    check_word DEVICE auto cuda cpu
    check_word SETUP 0 1
    check_word USE_CHAT_TEMPLATE 0 1
    [[ $GPUS =~ ^([1-9][0-9]{0,3})?$ ]] || die "GPUS=$GPUS: must be empty or a whole number from 1"
    [[ $NODES =~ ^[1-9][0-9]{0,3}$ ]] || die "NODES=$NODES: must be a whole number from 1"
    check_samples
    check_counts
    check_seeds
    check_models
}

# SEED=0-9 instead of SEEDS=0-9 would run the defaults. A name is refused if it nearly is that of a variable which is
# not set in the environment too. Inside a job, Slurm sets names of its own, such as SLURM_GPUS.
check_environment() {
    local name
    for name in $ENVIRONMENT_NAMES; do
        [[ " ${VARIABLES[*]} " != *" $name "* && -z ${FROM_ENVIRONMENT[$name]+set} ]] || continue
        [[ $name != SLURM_* || -z ${SLURM_JOB_ID-} ]] || continue
        similar_variable "$name"
        [[ -n $SIMILAR && -z ${FROM_ENVIRONMENT[$SIMILAR]+set} ]] || continue
        die "$name is set in the environment, but the variable is called $SIMILAR; rename it, or unset $name"
    done
}

# similar_variable NAME: sets SIMILAR to the variable that was probably meant, or to nothing.
similar_variable() {
    local known
    SIMILAR=""
    for known in "${VARIABLES[@]}"; do
        [[ ${known:0:1} == "${1:0:1}" ]] || continue # typing errors are rare in the first letter, and this is fast
        ! is_one_edit "$1" "$known" || SIMILAR=$known
        [[ $known != *S ]] || ((${#known} < 8)) || ! is_one_edit "$1" "${known%S}" || SIMILAR=$known
    done
}

# is_one_edit A B: whether one letter added, left out, changed or swapped with the next makes A into B. In short names a
# changed letter makes another word (CPUS, MODES), so that does not count.
is_one_edit() {
    local a=$1 b=$2 i=0
    ((${#a} <= ${#b})) || { a=$2 b=$1; }
    ((${#b} - ${#a} <= 1)) || return 1
    while ((i < ${#a})) && [[ ${a:i:1} == "${b:i:1}" ]]; do i=$((i + 1)); done
    if ((${#a} < ${#b})); then
        [[ ${b:i:1} == [A-Z_] && ${a:i} == "${b:i+1}" ]]
    elif [[ ${a:i:2} == "${b:i+1:1}${b:i:1}" && ${a:i+2} == "${b:i+2}" ]]; then
        return 0
    else
        ((${#a} > 7)) && [[ ${a:i+1} == "${b:i+1}" ]]
    fi
}

# check_word NAME WORD...: whether the variable has one of these values.
check_word() {
    local name=$1 word words
    shift
    for word in "$@"; do [[ ${!name} != "$word" ]] || return 0; done
    printf -v words ', %s' "$@"
    die "$name=${!name}: must be one of: ${words#, }"
}

# A profile may replace an empty value but not `all`. main.py gets the flag with neither.
check_samples() {
    [[ $MAX_SAMPLES =~ ^(|all|[1-9][0-9]{0,8})$ ]] ||
        die "MAX_SAMPLES=$MAX_SAMPLES: must be empty, all, or a whole number from 1"
}

check_counts() {
    local name
    for name in SEEDS_PER_RUN TASKS_PER_RUN; do
        [[ ${!name} =~ ^(all|[1-9][0-9]{0,5})$ ]] || die "$name=${!name}: must be all or a whole number from 1"
    done
}
