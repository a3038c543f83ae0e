"""Estimators for scores of language models: pure numpy/scipy functions of values, one family a file.

Scores of one configuration on one task are a matrix of shape (seeds, problems); NaN marks a completion that is missing.
What cannot be known comes back as NaN, never as 0. Functions that draw random numbers take the generator as `rng`.
Nothing here reads files or imports lighteval or vLLM.
"""
