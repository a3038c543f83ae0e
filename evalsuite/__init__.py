"""Shared code of the evaluation suite; the scripts beside this package are thin and import from it."""

__version__ = "0.1.0"
