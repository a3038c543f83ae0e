"""Estimators for the scores of language models: pure functions of arrays, one family per module.

The scores of one configuration on one task are a matrix of shape (seeds, problems), in which NaN marks a missing
completion. Results that are undefined are NaN, never 0. Functions that draw random numbers take the generator as `rng`.
Nothing here reads files or imports lighteval or vLLM.
"""
