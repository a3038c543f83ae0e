# The file of variables that the command line may name.
# shellcheck shell=bash

CONF=""

take_conf() {
    local problem
    [[ -z $CONF ]] || die "two files of variables, $CONF and $1; give one"
    [[ -f $1 && -r $1 ]] || die "no file of variables at $1; copy the block of run_interactive.sh to one"
    problem=$(bash -n "$1" 2>&1) || die "${problem%%$'\n'*}; mend the file"
    CONF=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") # with a slash: `source` looks up bare names in PATH
}

# The block's values are put aside while the file is read, so that SEEDS="5 6" there replaces the list as a whole
# instead of its first item, and a name that is no variable shows.
before_conf() {
    local name
    declare -gA BLOCK_VALUES=()
    for name in "${VARIABLES[@]}"; do
        BLOCK_VALUES[$name]=$(declare -p "$name" 2>/dev/null) || die "run_interactive.sh no longer sets $name; put it back"
        unset -v "$name"
    done
    trap 'trap - EXIT; die "$CONF: reading it failed; mend the file"' EXIT
    NAMES_BEFORE=$(compgen -A variable)
}

after_conf() {
    local name
    trap - EXIT
    check_names
    for name in "${VARIABLES[@]}"; do
        declare -p "$name" &>/dev/null || eval "declare -g ${BLOCK_VALUES[$name]#declare }"
    done
    apply_environment
    normalise_variables
    apply_profile
}

# A misspelt variable would be ignored without a word. Helpers in small letters and exported names are the file's own.
check_names() {
    local name
    for name in $(compgen -A variable); do
        [[ $name =~ ^[A-Z][A-Z0-9_]*$ && $name != BASH* && $name != PIPESTATUS && $name != NAMES_BEFORE ]] || continue
        [[ " ${VARIABLES[*]} ${NAMES_BEFORE//$'\n'/ } " != *" $name "* ]] || continue
        ! has_attribute "$name" x || continue
        die "$CONF: $name is no variable of run_interactive.sh$(similar_name "$name"); docs/variables.md lists them"
    done
}

similar_name() {
    local known
    for known in "${VARIABLES[@]}"; do
        if [[ $known == "$1"* || $1 == "$known"* ]]; then
            printf ' (%s?)' "$known"
            return
        fi
    done
}
