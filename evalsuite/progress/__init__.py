"""The progress of a running sweep: a panel on a terminal, plain lines in a log, and a file for other programs."""
