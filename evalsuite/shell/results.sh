# After the runs: both analysis passes, the converter and the report. Their output goes to a log; the screen gets a line
# for each, and last of all the summary and where the report is.
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
    SUMMARY=""
    if [[ -z $(compgen -G "$OUTPUT_DIR/*/*/experiment.json") ]]; then
        note "no experiment has finished; nothing to analyse"
        return
    fi
    ANALYSIS_LOG=$OUTPUT_DIR/logs/${RUN_ID}_analysis.log
    start_log "$ANALYSIS_LOG" "$RUN_PYTHON"
    say "" && say "Analysis. Log: $ANALYSIS_LOG"
    each_analysis run_analysis
    [[ -z $SUMMARY ]] || { say "" && say "$SUMMARY"; }
}

# run_analysis COMMAND...: what it printed goes to the log, and of a failure the lines that say why to the screen.
run_analysis() {
    local name output=$ANALYSIS_LOG.output fd status=0 started=$SECONDS
    name=$(basename "${@: -2:1}")
    exec {fd}>"$output"
    run_child "$fd" "$@" || status=$?
    exec {fd}>&-
    { printf '\n$ %s\n' "$(quoted "$@")" && cat "$output"; } | hide_credentials >>"$ANALYSIS_LOG" ||
        note "$ANALYSIS_LOG could not be written; free the disk"
    [[ $name != analyze_summary.py ]] || SUMMARY=$(grep -v '^wrote ' "$output" || true)
    ((status == 0)) || reasons "$output"
    rm -f "$output"
    [[ -z $INTERRUPTED ]] || end_interrupted
    if ((status)); then
        FAILED+=("$name (exit code $status), see $ANALYSIS_LOG")
    else
        say "  $(step_of_analysis "$name"): done in $((SECONDS - started)) s"
    fi
}

step_of_analysis() {
    case $1 in
        analyze_results.py) echo "reading the experiments" ;;
        analyze_summary.py) echo "statistics and comparisons" ;;
        convert_parquet_to_csv.py) echo "CSV files" ;;
        *) echo "report" ;;
    esac
}

# The lines of a command's output that say what failed; its last line where none does.
reasons() {
    local lines
    lines=$(grep -E '^(skipped|failed|error|[a-z_.]+): ' "$1" | head -n 10 || true)
    note "${lines:-$(tail -n 1 "$1")}"
}

# The last line of a run.
show_report() {
    say ""
    if [[ -f $OUTPUT_DIR/report.html ]]; then
        say "Report: $OUTPUT_DIR/report.html   Tables: $OUTPUT_DIR/tables/   Logs: $OUTPUT_DIR/logs/"
    else
        say "Results: $OUTPUT_DIR/   Logs: $OUTPUT_DIR/logs/"
    fi
}
