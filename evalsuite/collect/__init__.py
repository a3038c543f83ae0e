"""The first pass over an output tree, ours or lighteval's: `read_tree(output_dir)`."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`read_tree`, imported when it is asked for: pyarrow takes a fifth of a second."""
    if name != "read_tree":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from evalsuite.collect.tree import read_tree

    return read_tree
