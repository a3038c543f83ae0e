# Builds the main.py calls that the variables describe: models x dtypes x lengths x seeds and tasks.
# shellcheck shell=bash

# each_call ACTION: for every call, set CALL (the command, an array), CALL_NUMBER and MODEL_NAME, and run ACTION LABEL.
each_call() {
    local action=$1 model
    CALL_NUMBER=0
    for model in "${MODELS[@]}"; do
        model_name "$model"
        model_flags "$MODEL_NAME"
        each_setting "$model" "$action"
    done
}

# main.py takes one dtype and one model length per call; a flag in MODEL_ARGS replaces the whole list.
each_setting() {
    local model=$1 action=$2 dtype length dtypes=("") lengths=("")
    is_own --dtype || dtypes=("${DTYPES[@]:-}")
    is_own --max_model_length || lengths=("${MAX_MODEL_LENGTHS[@]:-}")
    for dtype in "${dtypes[@]}"; do
        for length in "${lengths[@]}"; do
            SETTING=(--dtype "$dtype" --max_model_length "$length")
            each_part "$model" "$action"
        done
    done
}

# All tasks of the first seed come before those of the next, so that a sweep that stops half-way has complete seeds.
each_part() {
    local model=$1 action=$2 run first size=${#TASKS[@]}
    [[ $TASKS_PER_RUN == all ]] || size=$TASKS_PER_RUN
    if is_own --task || is_own --seed || is_own --task_seeds; then
        one_call "$model" "$action" all "${TASKS[@]}"
        return
    fi
    count_seed_runs
    for ((run = 0; run < RUNS; run++)); do
        for ((first = 0; first < ${#TASKS[@]}; first += size)); do
            one_call "$model" "$action" "$run" "${TASKS[@]:first:size}"
        done
    done
}

# one_call MODEL ACTION RUN TASK...
one_call() {
    local model=$1 action=$2
    choose_seeds "${@:3}"
    ((${#RUN_TASKS[@]})) || return 0
    CALL=("$RUN_PYTHON" "$ROOT/main.py" --model "$model")
    add_flags
    CALL_NUMBER=$((CALL_NUMBER + 1))
    "$action" "$MODEL_NAME: ${RUN_TASKS[*]}"
}

# choose_seeds RUN TASK...: set RUN_TASKS to the tasks that have seeds in this run, and RUN_SEEDS and RUN_TASK_SEEDS to
# these seeds.
choose_seeds() {
    local run=$1 task
    RUN_TASKS=() RUN_SEEDS=() RUN_TASK_SEEDS=()
    for task in "${@:2}"; do
        if [[ $run == all ]]; then SEEDS_PER_RUN=all seeds_of_run "$task" 0; else seeds_of_run "$task" "$run"; fi
        ((${#EXPANDED[@]})) || continue
        RUN_TASKS+=("$task")
        if [[ -n $OWN_SEEDS ]]; then
            RUN_TASK_SEEDS+=("$(bare_task "$task")=$(compact_seeds "${EXPANDED[@]}")")
        else
            RUN_SEEDS=("${EXPANDED[@]}")
        fi
    done
}

add_flags() {
    add --task "${RUN_TASKS[@]}"
    add --seed "${RUN_SEEDS[@]}"
    add --task_seeds "${RUN_TASK_SEEDS[@]}"
    add --temperature "${TEMPERATURES[@]}"
    add --top_p "${TOP_PS[@]}"
    add --max_new_tokens "${MAX_NEW_TOKENS[@]}"
    add "${SETTING[@]:0:2}"
    add "${SETTING[@]:2:2}"
    add --max_num_seqs "$MAX_NUM_SEQUENCES"
    add --max_num_batched_tokens "$MAX_NUM_BATCHED_TOKENS"
    add --tensor_parallel_size "$TENSOR_PARALLEL_SIZE"
    add --pipeline_parallel_size "$PIPELINE_PARALLEL_SIZE"
    add --data_parallel_size "$DATA_PARALLEL_SIZE"
    add --max_samples "${MAX_SAMPLES#all}"
    [[ $NODES == 1 ]] || add --nodes "$NODES"
    add --data_dir "$DATA_DIR"
    add --base_url "$BASE_URL"
    add --device "${DEVICE#auto}"
    add --engine_python "$ENGINE_PYTHON"
    add_template
    [[ -z $ENGINE_ARGS ]] || is_own --engine_args || CALL+=("--engine_args=$ENGINE_ARGS")
    add --output_dir "$OUTPUT_DIR"
    add_further_flags
}

# --no-use_chat_template exists only here, for base models in a list of chat models; main.py only has the positive flag.
add_template() {
    [[ $USE_CHAT_TEMPLATE == 1 ]] || return 0
    is_own --use_chat_template || is_own --no-use_chat_template || CALL+=(--use_chat_template)
}

add_further_flags() {
    local word
    for word in "${EXTRA_FLAGS[@]}" "${OWN_FLAGS[@]}"; do
        [[ $word == --no-use_chat_template ]] || CALL+=("$word")
    done
}

# add --flag VALUE...: add the flag, unless the model has its own or the value is empty.
add() {
    [[ -n ${2-} ]] || return 0
    is_own "$1" || CALL+=("$@")
}
