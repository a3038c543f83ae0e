"""The report on an output folder: a page, the answers beside it, figures for papers, logs for inspect_ai."""
