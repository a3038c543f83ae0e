# Checkpoints of a training run: NAME@STEP=FOLDER is one checkpoint, NAME@=PATTERN means all folders that match.
# shellcheck shell=bash

SERIES=()       # the arguments of --series, as NAME@=PATTERN
SERIES_USAGE="--series takes a name and a pattern of folders: --series run7 'ckpts/run7/checkpoint-*'"

# take_series NAME PATTERN...: read the arguments of --series, and set TAKEN to their number. An unquoted pattern that
# the shell has expanded is several folders. Relative patterns start from the current folder, not from LOCAL_DIR.
take_series() {
    local name=${1-} pattern
    [[ $name == ?* && $name != *[=@]* && $name != -* && ${2-} == ?* && $2 != -* ]] || die "$SERIES_USAGE"
    TAKEN=1
    for pattern in "${@:2}"; do
        ((TAKEN == 1)) || [[ -d $pattern ]] || break
        anchor "$pattern"
        SERIES+=("$name@=$ANCHORED")
        TAKEN=$((TAKEN + 1))
    done
}

# anchor PATTERN: set ANCHORED to the absolute pattern.
anchor() {
    ANCHORED=${1/#~\//$HOME/}
    [[ $ANCHORED == /* ]] || ANCHORED=${PWD//\[/\\[}/$ANCHORED
}

# Replace every NAME@=PATTERN in MODELS by the folders that match. --series replaces MODELS.
expand_series() {
    local model expanded=()
    ((${#SERIES[@]} == 0)) || MODELS=("${SERIES[@]}")
    ((${#WATCHED[@]} == 0)) || MODELS=("${WATCHED[@]}")
    [[ $MODE != watch_checkpoints ]] || MODELS=("${WATCHED[@]/%@=*/@0=.}") # placeholders: no checkpoint may exist yet
    for model in "${MODELS[@]}"; do
        if [[ $model == ?*@=?* ]]; then
            checkpoints_of "${model%%@=*}" "${model#*@=}"
            expanded+=("${CHECKPOINTS[@]}")
        else
            expanded+=("$model")
        fi
    done
    MODELS=("${expanded[@]}")
}

checkpoints_of() {
    match_series "$1" "$2"
    ((${#LEFT_OUT[@]} == 0)) || note "$1: no config.json in ${LEFT_OUT[*]}; left out"
    ((${#STEPLESS[@]} == 0)) ||
        die "${STEPLESS[0]}: neither its name nor a trainer_state.json gives the step; narrow the pattern, or write" \
            "$1@STEP=FOLDER"
    ((${#CHECKPOINTS[@]})) ||
        die "$1: no folder with a config.json matches $2; correct the pattern (relative patterns start from $PWD)"
}

# match_series NAME PATTERN: set CHECKPOINTS to NAME@STEP=FOLDER of the matching folders, sorted by step; LEFT_OUT to
# folders without a model (yet), and STEPLESS to those whose step is unknown.
match_series() {
    local pattern=${2/#~\//$HOME/} folder found rows=()
    CHECKPOINTS=() LEFT_OUT=() STEPLESS=()
    mapfile -t found < <(compgen -G "$pattern" || true)
    for folder in "${found[@]}"; do
        [[ -d $folder ]] || continue
        step_of "$folder"
        if [[ ! -f $folder/config.json ]]; then
            LEFT_OUT+=("$folder")
        elif [[ -z $STEP ]]; then
            STEPLESS+=("$folder")
        else
            rows+=("$STEP $1@$STEP=$folder")
        fi
    done
    ((${#rows[@]})) || return 0
    mapfile -t CHECKPOINTS < <(printf '%s\n' "${rows[@]}" | sort -s -n -k 1,1 | cut -d ' ' -f 2-)
}

# step_of FOLDER: set STEP to the number in its name (checkpoint-400, global_step400, epoch_3, or a number at the end),
# else to the step that the trainer recorded; empty if there is neither.
step_of() {
    local name=${1%/}
    name=${name##*/} STEP=""
    if [[ ${name,,} =~ (step|iter|iteration|checkpoint|ckpt)[-_=]?([0-9]{1,18}) ]] ||
        [[ ${name,,} =~ (epoch|^|[-_=])[-_=]?([0-9]{1,18})$ ]]; then
        STEP=${BASH_REMATCH[2]}
    elif [[ -f $1/trainer_state.json ]]; then
        STEP=$(grep -m 1 -oE '"global_step": *[0-9]{1,18}' "$1/trainer_state.json" | head -n 1 |
            grep -oE '[0-9]+$') || true
    fi
    [[ -z $STEP ]] || STEP=$((10#$STEP))
}
