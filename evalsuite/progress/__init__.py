"""What is shown of a sweep while it runs: a panel on a terminal, plain lines in a log, a file for programs."""
