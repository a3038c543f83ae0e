"""Grading: does a response give the gold answer? `verify` decides one completion, and says why."""

from evalsuite.grading.verdict import Verdict
from evalsuite.grading.verify import verify

__all__ = ["Verdict", "verify"]
