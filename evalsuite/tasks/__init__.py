"""Tasks: the task table, the problems, the prompts, the metrics, and how all of them get into lighteval."""
