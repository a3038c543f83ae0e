"""What is asked: the task table, its data, its prompts, and how lighteval is told about them."""
