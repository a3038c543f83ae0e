# The variables of the block: their names, their values from the environment, and what is checked before anything runs.
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

# Called before the block assigns its values. Unset, so that an array of the block is not mixed with a word from outside.
remember_environment() {
    local name
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

# Lists and tables given as one word (from the environment, or SEEDS="0 1" in a file) become what they stand for.
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

# split_items TEXT SEPARATOR: into ITEMS; at newlines where the text has one, so that an item may hold the separator.
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
        [[ -z ${table_of_rows[${row%%=*}]+set} ]] || die "$1 names ${row%%=*} twice; once is enough"
        table_of_rows[${row%%=*}]=${row#*=}
    done
}

check_variables() {
    local name
    for name in MODELS TASKS SEEDS; do
        local -n list_to_check=$name
        ((${#list_to_check[@]})) || die "$name is empty; give at least one, e.g. in run_interactive.sh"
    done
    [[ -n $OUTPUT_DIR ]] || die "OUTPUT_DIR is empty; name a folder for the results"
    check_word DEVICE auto cuda cpu
    check_word SETUP 0 1
    check_word USE_CHAT_TEMPLATE 0 1
    [[ $GPUS =~ ^([1-9][0-9]{0,3})?$ ]] || die "GPUS=$GPUS: it is empty or a number from 1"
    [[ $NODES =~ ^[1-9][0-9]{0,3}$ ]] || die "NODES=$NODES: it is a number from 1"
    check_samples
    check_counts
    check_seeds
    check_models
}

check_word() {
    local name=$1 word
    shift
    for word in "$@"; do [[ ${!name} != "$word" ]] || return 0; done
    die "$name=${!name}: it is one of $(printf '%s ' "$@")"
}

# Empty is what a profile may replace, `all` is not; main.py is given neither.
check_samples() {
    [[ $MAX_SAMPLES =~ ^(|all|[1-9][0-9]{0,8})$ ]] || die "MAX_SAMPLES=$MAX_SAMPLES: it is empty, 'all' or a number from 1"
}

check_counts() {
    local name
    for name in SEEDS_PER_RUN TASKS_PER_RUN; do
        [[ ${!name} =~ ^(all|[1-9][0-9]{0,5})$ ]] || die "$name=${!name}: it is 'all' or a number from 1"
    done
}
