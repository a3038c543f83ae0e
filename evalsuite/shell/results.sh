# After the runs: both analysis passes, the converter, and where everything is.
# shellcheck shell=bash

# What is run once all models are done, as lines for each_analysis.
each_analysis() {
    local action=$1
    "$action" "$RUN_PYTHON" "$ROOT/analyze_results.py" "$OUTPUT_DIR"
    "$action" "$RUN_PYTHON" "$ROOT/analyze_summary.py" "$OUTPUT_DIR"
    "$action" "$RUN_PYTHON" "$ROOT/convert_parquet_to_csv.py" "$OUTPUT_DIR"
    "$action" env PYTHONPATH="$ROOT" "$RUN_PYTHON" -m evalsuite.report "$OUTPUT_DIR"
}

analyse() {
    if [[ -z $(compgen -G "$OUTPUT_DIR/*/*/experiment.json") ]]; then
        note "no experiment has finished; nothing to analyse"
        return
    fi
    ANALYSIS_LOG=$OUTPUT_DIR/logs/${RUN_ID}_analysis.log
    start_log "$ANALYSIS_LOG" "$RUN_PYTHON"
    say ""
    each_analysis run_analysis
}

run_analysis() {
    local status=0
    printf '\n$ %s\n' "$(quoted "$@")" >>"$ANALYSIS_LOG"
    run_logged "$ANALYSIS_LOG" "$@" || status=$?
    ((status == 0)) || FAILED+=("$(basename "${@: -2:1}") (exit code $status), see $ANALYSIS_LOG")
}

# The files of the design that exist, model by model.
show_outputs() {
    local folder file
    say "" && say "Written:"
    for folder in "$OUTPUT_DIR"/*/; do
        [[ -f $folder/all_experiments_results.json ]] || continue
        for file in all_experiments_results.json analysis_results.json seed_analysis.csv config_analysis.csv; do
            [[ ! -f $folder$file ]] || say "  $folder$file"
        done
        say "  $folder<experiment>/results/ and details/"
    done
    for file in model_comparison.csv comparison_results.json report.html answers/index.html report.zip figures; do
        [[ ! -e $OUTPUT_DIR/$file ]] || say "  $OUTPUT_DIR/$file"
    done
    say "  $OUTPUT_DIR/logs/${RUN_ID}_*.log"
}
