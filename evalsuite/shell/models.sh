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

# model_flags NAME: into EXTRA_FLAGS and OWN_FLAGS the words of EXTRA_ARGS and of MODEL_ARGS[NAME].
model_flags() {
    split_words "EXTRA_ARGS" "$EXTRA_ARGS"
    EXTRA_FLAGS=("${WORDS[@]}")
    split_words "MODEL_ARGS[$1]" "${MODEL_ARGS[$1]-}"
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
    local -A seen=()
    for model in "${MODELS[@]}"; do
        model_name "$model"
        model_flags "$MODEL_NAME"
        part=${MODEL_NAME//\//_}
        [[ -z ${seen[$part]+set} ]] || die "MODELS: '${seen[$part]}' and '$model' have one name, $part; write NAME=$MODEL_PATH"
        seen[$part]=$model seen[$MODEL_NAME]=$model
    done
    for name in "${!MODEL_ARGS[@]}"; do
        [[ -n ${seen[$name]+set} ]] || note "MODEL_ARGS names $name, which is not among MODELS; it has no effect"
    done
}
