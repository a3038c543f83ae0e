# Seeds: lists with ranges (0-9,12), the seeds of each task, and their division into runs.
# shellcheck shell=bash

# expand_seeds TEXT...: set EXPANDED to the seeds, each of them once, in the order given.
expand_seeds() {
    local -A seen=()
    local part parts seed
    EXPANDED=()
    read -ra parts <<<"${*//,/ }"
    for part in "${parts[@]}"; do
        [[ $part =~ ^([0-9]{1,10})(-([0-9]{1,10}))?$ ]] ||
            die "seeds '$*': '$part' is neither a number nor a range like 0-9"
        local first=$((10#${BASH_REMATCH[1]})) last=$((10#${BASH_REMATCH[3]:-${BASH_REMATCH[1]}}))
        ((first <= last && last < 2147483648 && last - first < 100000)) ||
            die "seeds '$*': '$part' is not a valid range; write the smaller seed first, and none above 2147483647"
        for ((seed = first; seed <= last; seed++)); do
            [[ -n ${seen[$seed]+set} ]] || EXPANDED+=("$seed")
            seen[$seed]=1
        done
    done
}

# compact_seeds SEED...: 0 1 2 5 -> 0-2,5
compact_seeds() {
    local seed first="" last="" text=""
    for seed in "$@" end; do
        if [[ -n $last && $seed == "$((last + 1))" ]]; then
            last=$seed
            continue
        fi
        if [[ -n $first && $first == "$last" ]]; then
            text+=",$first"
        elif [[ -n $first ]]; then
            text+=",$first-$last"
        fi
        first=$seed last=$seed
        [[ $seed != end ]] || break
    done
    printf '%s\n' "${text#,}"
}

# The name of a task as users write it: aime24, aime24|0, custom|aime24|0, custom|aime24|0|0 -> aime24
bare_task() {
    local parts
    IFS='|' read -ra parts <<<"$1"
    if ((${#parts[@]} >= 3)); then printf '%s\n' "${parts[1]}"; else printf '%s\n' "${parts[0]}"; fi
}

# own_seeds TASK: set OWN_SEEDS to the entry of TASK_SEEDS for the task, as written, or to nothing.
own_seeds() {
    local name
    name=$(bare_task "$1")
    OWN_SEEDS=${TASK_SEEDS[$1]-${TASK_SEEDS[$name]-}}
}

# seeds_of_run TASK NUMBER: set EXPANDED to the task's seeds in run 0, 1, ..., where a run has SEEDS_PER_RUN seeds.
seeds_of_run() {
    own_seeds "$1"
    if [[ -n $OWN_SEEDS ]]; then expand_seeds "$OWN_SEEDS"; else expand_seeds "${SEEDS[@]}"; fi
    [[ $SEEDS_PER_RUN != all ]] || return 0
    EXPANDED=("${EXPANDED[@]:$2 * SEEDS_PER_RUN:SEEDS_PER_RUN}")
}

# Set RUNS to the number of runs after which every task has had all its seeds.
count_seed_runs() {
    local task
    RUNS=1
    [[ $SEEDS_PER_RUN != all ]] || return 0
    for task in "${TASKS[@]}"; do
        RUNS=$((RUNS - 1))
        until seeds_of_run "$task" "$((++RUNS))" && ((${#EXPANDED[@]} == 0)); do :; done
    done
}

check_seeds() {
    local task name known=" "
    expand_seeds "${SEEDS[@]}"
    for task in "${TASKS[@]}"; do known+="$task $(bare_task "$task") "; done
    for name in "${!TASK_SEEDS[@]}"; do
        expand_seeds "${TASK_SEEDS[$name]}"
        [[ $known == *" $name "* ]] || note "TASK_SEEDS has an entry for $name, which is not in TASKS; it has no effect"
    done
}
