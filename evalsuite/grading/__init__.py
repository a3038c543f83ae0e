"""Grading: does a response give the gold answer? `verify` decides this for one completion and says why."""

from evalsuite.grading.verify import Verdict, verify

__all__ = ["Verdict", "verify"]
