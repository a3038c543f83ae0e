"""The report on an output folder: one page, the answers beside it, figures for papers, logs for inspect."""
