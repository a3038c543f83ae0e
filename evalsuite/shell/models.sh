# Models (NAME=PATH, a folder, or a hub id) and the flags that apply to one model.
# shellcheck shell=bash

# model_name MODEL: set MODEL_NAME and MODEL_PATH. An existing folder is a path even if its name contains `=`.
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

# series_of NAME: set SERIES_NAME to the series of a checkpoint NAME@STEP, or to nothing.
series_of() {
    SERIES_NAME=""
    [[ ! $1 =~ ^(.+)@[0-9]{1,18}$ ]] || SERIES_NAME=${BASH_REMATCH[1]}
}

# model_flags NAME: set EXTRA_FLAGS and OWN_FLAGS to the words of EXTRA_ARGS and of MODEL_ARGS[NAME]. A checkpoint
# without an entry of its own uses that of its series.
model_flags() {
    local name=$1
    split_words "EXTRA_ARGS" "$EXTRA_ARGS"
    EXTRA_FLAGS=("${WORDS[@]}")
    series_of "$name"
    [[ -z $SERIES_NAME || -n ${MODEL_ARGS[$name]+set} ]] || name=$SERIES_NAME
    split_words "MODEL_ARGS[$name]" "${MODEL_ARGS[$name]-}"
    OWN_FLAGS=("${WORDS[@]}")
}

# is_own FLAG: whether MODEL_ARGS or EXTRA_ARGS contain this flag, as --flag value or --flag=value.
is_own() {
    local flag
    for flag in "${EXTRA_FLAGS[@]}" "${OWN_FLAGS[@]}"; do
        [[ $flag != "$1" && $flag != "$1="* ]] || return 0
    done
    return 1
}

# split_words WHAT TEXT: set WORDS, with quotes as in a shell but without expanding or running anything. xargs handles
# the quotes; the full stop at the end keeps an empty last word.
split_words() {
    local text
    text=$(xargs printf '%s\n' <<<"$2 ." 2>/dev/null) || die "$1: a quote is not closed in: $2"
    mapfile -t WORDS <<<"$text"
    unset "WORDS[-1]"
}

# Two models with the same name would share an output folder, and an entry of MODEL_ARGS without a model has no effect.
check_models() {
    local model name part
    local -A seen=() series=()
    for model in "${MODELS[@]}"; do
        model_name "$model"
        model_flags "$MODEL_NAME"
        part=${MODEL_NAME//\//_}
        [[ -z ${seen[$part]+set} ]] ||
            die "MODELS: '${seen[$part]}' and '$model' have the same name, $part; write NAME=$MODEL_PATH," \
                "or NAME@STEP=$MODEL_PATH for a checkpoint"
        seen[$part]=$model seen[$MODEL_NAME]=$model
        series_of "$MODEL_NAME"
        [[ -z $SERIES_NAME ]] || series[$SERIES_NAME]=1
    done
    for name in "${!MODEL_ARGS[@]}"; do
        [[ -n ${seen[$name]+set}${series[$name]+set} ]] ||
            note "MODEL_ARGS has an entry for $name, which is not in MODELS; it has no effect"
    done
}
