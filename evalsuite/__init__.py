"""Shared code of the evaluation suite; the scripts beside this package are thin and import from it."""

from evalsuite.errors import use_environment_for_module

__version__ = "0.1.0"

use_environment_for_module()
