# --slurm: submits the calls of main.py as job arrays, one task per call, and an analysis job that follows them.
# shellcheck shell=bash

INDEXES=1000 # of one array: Slurm's default for MaxArraySize is 1001

slurm_submit() {
    say_environment
    need_slurm sbatch
    check_slurm
    choose_for_cluster
    RUN_ID=$(date +%Y%m%d-%H%M%S)-$$ QUEUED_COUNT=0
    freeze_folder slurm --elsewhere
    each_call freeze_call
    check_frozen
    leave_out_queued
    group_calls
    if ((${#ARRAYS[@]} == 0)); then nothing_to_submit; else submit_all; fi
}

need_slurm() {
    command -v "$1" >/dev/null || die "$1 was not found; use --slurm on a login node of a Slurm cluster"
}

# Set-up cannot detect the GPUs of the compute nodes from a machine without one, so DEVICE must be given there.
choose_for_cluster() {
    if [[ $SETUP == 1 && $DEVICE == auto ]] && ! has_gpu && [[ -z $(compgen -G "$VENV/installed-requirements*") ]]; then
        die "DEVICE=auto, and this machine has no GPU; set DEVICE=cuda or DEVICE=cpu, whichever the nodes have"
    fi
    set_up
    make_embedded_models
}

check_slurm() {
    [[ $SLURM_MAX_PARALLEL =~ ^([1-9][0-9]{0,5})?$ ]] ||
        die "SLURM_MAX_PARALLEL=$SLURM_MAX_PARALLEL: must be empty or a whole number from 1"
    [[ $SLURM_MAX_REQUEUES =~ ^[0-9]{1,5}$ ]] ||
        die "SLURM_MAX_REQUEUES=$SLURM_MAX_REQUEUES: must be a whole number from 0"
    [[ $SLURM_WARNING =~ ^[0-9]{1,5}$ ]] || die "SLURM_WARNING=$SLURM_WARNING: must be a whole number of seconds"
    split_words SLURM_ARGS "$SLURM_ARGS"
    SBATCH_ARGS=("${WORDS[@]}")
}

# Leave out the calls that are still in the queue from an earlier submission.
leave_out_queued() {
    local file queued text
    local -A new=()
    queued=$(slurm_python queued "$PWD" "$OUTPUT_DIR") || fail "squeue failed; see above"
    [[ -n $queued ]] || return 0
    for file in "$FROZEN"/calls/*; do
        read_call "$file" && new[$text]=$file
    done
    while IFS= read -r file; do
        if ! read_call "$file" || [[ -z ${new[$text]-} ]]; then continue; fi
        rm -f "${new[$text]}"
        unset -v "new[\$text]"
        QUEUED_COUNT=$((QUEUED_COUNT + 1))
    done <<<"$queued"
}

# read_call FILE: read a frozen call into the caller's `text`; fails if the file is missing or empty.
read_call() {
    text=""
    IFS= read -r -d "" text 2>/dev/null <"$1" || [[ -n $text ]]
}

slurm_python() { PYTHONPATH=$ROOT "$RUN_PYTHON" -m evalsuite.launch.slurm "$1" "${@:3}"; }

# Set ARRAYS[GPUS-NODES-BASE] to the indexes of the calls that need the same resources, since all tasks of an array
# request the same. ARRAY_KEYS lists the arrays, those with the most GPUs first.
group_calls() {
    local number gpus nodes key
    declare -gA ARRAYS=()
    while IFS=$'\t' read -r number gpus _ _ _ nodes; do
        [[ -f $FROZEN/calls/$number ]] || continue
        key=$gpus-$nodes-$((number / INDEXES * INDEXES))
        ARRAYS[$key]+=${ARRAYS[$key]+,}$((number % INDEXES))
    done <"$FROZEN/calls.tsv"
    mapfile -t ARRAY_KEYS < <(printf '%s\n' "${!ARRAYS[@]}" | sort -t - -k 1,1nr -k 2,2n -k 3,3n)
}

nothing_to_submit() {
    rm -rf "$FROZEN"
    say "Nothing to submit: $(counted "$FINISHED_COUNT" call) finished, $QUEUED_COUNT already in the queue."
}

submit_all() {
    local position
    JOB_NAME=eval-$RUN_ID JOB_IDS=()
    freeze_analysis
    for position in "${!ARRAY_KEYS[@]}"; do submit_array "$position"; done
    submit_analysis
    say "Submitted $(counted "${SUBMITTED:-0}" task) in $(counted "${#ARRAY_KEYS[@]}" "job array")" \
        "(${JOB_IDS[*]}) and the analysis ($ANALYSIS_ID); $FINISHED_COUNT finished, $QUEUED_COUNT queued before."
    say "To see their state, run the same command with --slurm --status; to cancel them, with --slurm --cancel."
}

# With a limit on parallel tasks below the number of arrays, an array waits for the one that many positions before it.
submit_array() {
    local position=$1 key=${ARRAY_KEYS[$1]} after=() limit id
    local gpus nodes base
    IFS=- read -r gpus nodes base <<<"$key"
    share_of "$position"
    ((LIMIT == 0)) || limit=%$LIMIT
    if ((LIMIT && position >= SLURM_MAX_PARALLEL)); then
        after=("--dependency=afterany:${JOB_IDS[position - SLURM_MAX_PARALLEL]}")
    fi
    sbatch_options "$gpus" "$nodes"
    id=$(sbatch_now "${OPTIONS[@]}" "${after[@]}" --array="${ARRAYS[$key]}${limit-}" \
        "${SBATCH_ARGS[@]}" "$ROOT/evalsuite/shell/slurm_task.sh" "$ROOT" "$FROZEN" "$base" "$SLURM_MAX_REQUEUES") ||
        cancel_half "$id"
    JOB_IDS+=("$id")
    note_tasks "$id" "$base" "${ARRAYS[$key]}"
}

# share_of POSITION: set LIMIT to the number of tasks of the array that may run at the same time, which is its share of
# SLURM_MAX_PARALLEL; 0 means no limit.
share_of() {
    local count=${#ARRAY_KEYS[@]}
    LIMIT=0
    [[ -n $SLURM_MAX_PARALLEL ]] || return 0
    LIMIT=$((SLURM_MAX_PARALLEL / count + ($1 < SLURM_MAX_PARALLEL % count)))
    ((LIMIT > 0)) || LIMIT=1
}

# sbatch_options GPUS NODES: set OPTIONS to what every task requests; GPUs, memory and CPUs are per node. The warning
# signal goes only to the job script, which passes it on.
sbatch_options() {
    common_options
    OPTIONS+=(--signal="B:USR1@$SLURM_WARNING" --output="${FROZEN//%/%%}/slurm_%A_%a.out")
    [[ -z $SLURM_TIME ]] || OPTIONS+=(--time="$SLURM_TIME")
    [[ -z $SLURM_MEM ]] || OPTIONS+=(--mem="$SLURM_MEM")
    [[ -z $SLURM_CPUS ]] || OPTIONS+=(--cpus-per-task="$SLURM_CPUS")
    (($1 == 0)) || OPTIONS+=(--gres="$SLURM_GRES:$(($1 / $2))")
    (($2 == 1)) || OPTIONS+=(--nodes="$2" --ntasks-per-node=1)
}

common_options() {
    OPTIONS=(--job-name="$JOB_NAME" --open-mode=append --requeue --chdir="$PWD")
    [[ -z $SLURM_PARTITION ]] || OPTIONS+=(--partition="$SLURM_PARTITION")
    [[ -z $SLURM_ACCOUNT ]] || OPTIONS+=(--account="$SLURM_ACCOUNT")
}

# The analysis runs after all arrays, whether they succeeded or not.
submit_analysis() {
    local ids
    common_options
    OPTIONS+=(--output="${FROZEN//%/%%}/slurm_%j.out")
    [[ -z $SLURM_ANALYSIS_MEM ]] || OPTIONS+=(--mem="$SLURM_ANALYSIS_MEM")
    printf -v ids ':%s' "${JOB_IDS[@]}"
    ANALYSIS_ID=$(sbatch_now "${OPTIONS[@]}" --dependency="afterany$ids" "${SBATCH_ARGS[@]}" \
        "$ROOT/evalsuite/shell/slurm_task.sh" "$ROOT" "$FROZEN" analysis "$SLURM_MAX_REQUEUES") ||
        cancel_half "$ANALYSIS_ID"
    printf 'analysis\t%s\n' "$ANALYSIS_ID" >>"$FROZEN/jobs.tsv"
}

# Inside a job, sbatch would take the SLURM_* variables of that job for options of the new one.
sbatch_now() {
    local id
    id=$(env -u SLURM_JOB_ID -u SLURM_CPUS_PER_TASK -u SLURM_MEM_PER_NODE -u SLURM_MEM_PER_CPU \
        sbatch --parsable "$@" 2>&1) || { printf '%s\n' "$id" && return 1; }
    id=$(tail -n 1 <<<"$id")
    printf '%s\n' "${id%%;*}"
}

# Undo a submission that was refused half-way.
cancel_half() {
    scancel --user="$(id -un)" --name="$JOB_NAME" 2>/dev/null || true
    rm -rf "$FROZEN"
    fail "sbatch refused: $(tail -n 1 <<<"$1"); fix the SLURM_ variables. Nothing was left in the queue"
}

# Record in jobs.tsv which job runs which call.
note_tasks() {
    local index
    for index in ${3//,/ }; do
        printf '%s\t%s_%s\n' $(($2 + index)) "$1" "$index" >>"$FROZEN/jobs.tsv"
        SUBMITTED=$((${SUBMITTED:-0} + 1))
    done
}

# Write the commands of the analysis to a file for the analysis job.
freeze_analysis() {
    ANALYSIS=()
    each_analysis add_analysis
    declare -p ANALYSIS OUTPUT_DIR >"$FROZEN/analysis"
}

add_analysis() { ANALYSIS+=("$(quoted "$@")"); }

slurm_status() {
    need_slurm squeue
    find_environment
    slurm_python status "$PWD" "$OUTPUT_DIR"
}

slurm_cancel() {
    need_slurm scancel
    find_environment
    slurm_python cancel "$PWD" "$OUTPUT_DIR"
}
