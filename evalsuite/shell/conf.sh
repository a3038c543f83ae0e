# The file of variables that can be given on the command line.
# shellcheck shell=bash

CONF=""
CONF_EXAMPLES='fix this line; valid ones: SEEDS="0-9"  TASKS=(aime24 math_500)  MODEL_ARGS=([my/model]="--top_p 0.95")'

take_conf() {
    local problem
    [[ -z $CONF ]] || die "two files of variables given, $CONF and $1; give only one"
    [[ -f $1 && -r $1 ]] || die "no readable file $1; copy the block of variables in run_interactive.sh to a file"
    problem=$(bash -n "$1" 2>&1) || die "${problem%%$'\n'*}; $CONF_EXAMPLES"
    CONF=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") # with a slash: `source` looks up bare names in PATH
}

# While the file is read, the block's variables are unset, so that SEEDS="5 6" replaces the whole list and not only its
# first item, and so that names which are not variables can be found. Tables are declared, so that a file needs no
# `declare -A`. What the file prints to stderr is kept until after_conf, because bash's own error may be in it.
before_conf() {
    local name
    declare -gA BLOCK_VALUES=()
    for name in "${VARIABLES[@]}"; do
        BLOCK_VALUES[$name]=$(declare -p "$name" 2>/dev/null) ||
            die "run_interactive.sh no longer sets $name; restore it"
        unset -v "$name"
    done
    for name in "${TABLE_VARIABLES[@]}"; do declare -gA "$name"; done
    [[ -z $CONF ]] || catch_conf_errors
    NAMES_BEFORE=$(compgen -A variable)
}

catch_conf_errors() {
    CONF_ERRORS=$(mktemp) || fail "mktemp failed; free some space in ${TMPDIR:-/tmp}"
    exec {CONF_STDERR}>&2 2>"$CONF_ERRORS"
    trap refuse_conf EXIT
}

# The file ended the script: say where and why in one line.
refuse_conf() {
    local problem
    trap - EXIT
    exec 2>&"$CONF_STDERR"
    problem=$(grep -v '^[[:space:]]*$' "$CONF_ERRORS" | tail -n 1 || true)
    rm -f "$CONF_ERRORS"
    [[ $problem != *"$CONF"* ]] || die "$problem; $CONF_EXAMPLES"
    die "$CONF: a command in this file failed${problem:+ ($problem)}; fix or remove it"
}

after_conf() {
    local name
    [[ -z $CONF ]] || release_conf_errors
    check_names
    for name in "${TABLE_VARIABLES[@]}"; do plain_text_table "$name"; done
    for name in "${VARIABLES[@]}"; do
        is_assigned "$name" || eval "declare -g ${BLOCK_VALUES[$name]#declare }"
    done
    apply_environment
    normalise_variables
    apply_profile
}

release_conf_errors() {
    trap - EXIT
    exec 2>&"$CONF_STDERR" {CONF_STDERR}>&-
    cat "$CONF_ERRORS" >&2
    rm -f "$CONF_ERRORS"
}

# Whether the file gave a value; a table that before_conf declared has none yet.
is_assigned() { [[ $(declare -p "$1" 2>/dev/null) == *=* ]]; }

# plain_text_table NAME: TASK_SEEDS="aime24=0-9" assigns to item 0 of a declared table; make it the plain text again.
plain_text_table() {
    local -n maybe_text=$1
    local text
    [[ ${!maybe_text[*]} == 0 ]] || return 0
    text=${maybe_text[0]}
    unset -v "$1"
    declare -g "$1=$text"
}

# Without this check a misspelt variable would be ignored silently. Lower-case names and exported ones are allowed, as
# helpers of the file itself and as settings of other programs.
check_names() {
    local name
    for name in $(compgen -A variable); do
        [[ $name =~ ^[A-Z][A-Z0-9_]*$ && $name != BASH* && $name != PIPESTATUS && $name != NAMES_BEFORE ]] || continue
        [[ " ${VARIABLES[*]} ${NAMES_BEFORE//$'\n'/ } " != *" $name "* ]] || continue
        ! has_attribute "$name" x || continue
        similar_variable "$name"
        die "$CONF: $name is not a variable of run_interactive.sh;" \
            "${SIMILAR:+did you mean $SIMILAR? }docs/variables.md lists them"
    done
}
