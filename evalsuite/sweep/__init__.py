"""A sweep at work: claim experiments, generate, survive engine failures, hand what is complete to the pipeline."""
