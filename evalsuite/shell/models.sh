# Models: NAME=PATH, a folder, or a hub id; and the flags that one model has of its own.
# shellcheck shell=bash

# model_name MODEL: into MODEL_NAME and MODEL_PATH. A folder that exists is one even if it has a `=` in its name.
model_name() {
    MODEL_PATH=$1
    if [[ ! -d $1 && $1 == ?*=* ]]; then
        MODEL_NAME=${1%%=*} MODEL_PATH=${1#*=}
    elif [[ -d $1 || $1 == [./~]* ]]; then
        MODEL_NAME=$(basename "$1")
    else
        MODEL_NAME=$1
    fi
}

choose_models() { MODELS=("$@"); }

# series_of NAME: into SERIES_NAME the series of NAME@STEP, else nothing.
series_of() {
    SERIES_NAME=""
    [[ ! $1 =~ ^(.+)@[0-9]{1,18}$ ]] || SERIES_NAME=${BASH_REMATCH[1]}
}

# model_flags NAME: into EXTRA_FLAGS and OWN_FLAGS the words of EXTRA_ARGS and of MODEL_ARGS[NAME]; a checkpoint without
# a row of its own has its series'.
model_flags() {
    local name=$1
    split_words "EXTRA_ARGS" "$EXTRA_ARGS"
    EXTRA_FLAGS=("${WORDS[@]}")
    series_of "$name"
    [[ -z $SERIES_NAME || -n ${MODEL_ARGS[$name]+set} ]] || name=$SERIES_NAME
    split_words "MODEL_ARGS[$name]" "${MODEL_ARGS[$name]-}"
    OWN_FLAGS=("${WORDS[@]}")
}

# Whether MODEL_ARGS or EXTRA_ARGS give this flag, as --flag value or --flag=value.
is_own() {
    local flag
    for flag in "${EXTRA_FLAGS[@]}" "${OWN_FLAGS[@]}"; do
        [[ $flag != "$1" && $flag != "$1="* ]] || return 0
    done
    return 1
}

# split_words WHAT TEXT: into WORDS, quotes as in a shell but nothing expanded or run. (xargs knows quotes; the full
# stop at the end keeps a last empty word.)
split_words() {
    local text
    text=$(xargs printf '%s\n' <<<"$2 ." 2>/dev/null) || die "$1: a quote is not closed in: $2"
    mapfile -t WORDS <<<"$text"
    unset "WORDS[-1]"
}

# Two models of one name would share a folder; a name that no model has would be ignored.
check_models() {
    local model name part
    local -A seen=() series=()
    for model in "${MODELS[@]}"; do
        model_name "$model"
        model_flags "$MODEL_NAME"
        part=${MODEL_NAME//\//_}
        [[ -z ${seen[$part]+set} ]] || die "MODELS: '${seen[$part]}' and '$model' have one name, $part; write NAME=$MODEL_PATH, or NAME@STEP= for a checkpoint"
        seen[$part]=$model seen[$MODEL_NAME]=$model
        series_of "$MODEL_NAME"
        [[ -z $SERIES_NAME ]] || series[$SERIES_NAME]=1
    done
    for name in "${!MODEL_ARGS[@]}"; do
        [[ -n ${seen[$name]+set}${series[$name]+set} ]] || note "MODEL_ARGS names $name, which is not among MODELS; it has no effect"
    done
}
