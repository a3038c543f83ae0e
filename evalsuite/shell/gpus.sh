# GPUS=8: runs several models in parallel on one machine, each on as many GPUs as its parallel sizes need.
# shellcheck shell=bash

run_on_gpus() {
    local status=0
    freeze_folder gpus --elsewhere # the scheduler, not main.py, checks whether there are enough GPUs
    say "" && say "Checking which calls are unfinished"
    each_call freeze_call
    check_frozen
    if ((FROZEN_COUNT == 0)); then say "$(counted "$FINISHED_COUNT" call) finished, nothing to do" && return; fi
    run_logged "$OUTPUT_DIR/logs/$RUN_ID.log" \
        env PYTHONPATH="$ROOT" "$RUN_PYTHON" -m evalsuite.launch.gpus "$FROZEN" "$GPUS" || status=$?
    if ((status == 2)) && [[ -z $(compgen -G "$FROZEN/records/*") ]]; then exit 2; fi # nothing was started
    count_failures
}

count_failures() {
    local number label status
    while IFS=$'\t' read -r number _ _ label _; do
        status=$(cat "$FROZEN/records/$number" 2>/dev/null || echo "never run")
        [[ $status != 0 ]] || continue
        FAILED+=("$label (exit code $status), see $OUTPUT_DIR/logs/${RUN_ID}_$(printf '%02d' "$number")_*.log")
        [[ $status != 2 ]] || MISTAKES=$((MISTAKES + 1))
    done <"$FROZEN/calls.tsv"
}
