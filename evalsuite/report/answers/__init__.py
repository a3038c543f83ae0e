"""The page of answers beside the report: prompts, responses and verdicts, one problem at a time."""
