"""The first pass over an output tree of this suite or of lighteval: `read_tree(output_dir)`."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import `read_tree` only when it is used, because importing pyarrow takes a fifth of a second."""
    if name != "read_tree":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from evalsuite.collect.tree import read_tree

    return read_tree
