"""Counting tokens with a tokenizer, for trees that hold text alone."""

import functools
import os

from evalsuite.errors import UserError
from evalsuite.trees.details import CountTokens


def check_tokenizer(name: str) -> None:
    """Raise UserError for a path that does not exist; a hub name is looked up only when it is needed."""
    looks_local = name.startswith((".", "/", "~")) or name.count("/") > 1
    if looks_local and not os.path.isdir(os.path.expanduser(name)):
        raise UserError(f"--tokenizer_name: no folder {name}; give a model folder or a hub id")


@functools.lru_cache(maxsize=2)
def token_counter(name: str) -> CountTokens:
    """A function from text to its number of tokens, without special ones. Raises UserError if none can be loaded."""
    path = os.path.join(os.path.expanduser(name), "tokenizer.json")
    try:
        if os.path.isfile(path):
            from tokenizers import Tokenizer

            fast = Tokenizer.from_file(path)
            return lambda text: len(fast.encode(text, add_special_tokens=False))
        from transformers import AutoTokenizer

        slow = AutoTokenizer.from_pretrained(os.path.expanduser(name))
    except Exception as error:  # the two libraries raise bare Exception, OSError, ValueError, ImportError, ...
        raise UserError(f"--tokenizer_name: cannot load a tokenizer from {name}: {str(error)[:200]!r}") from error
    return lambda text: len(slow.encode(text, add_special_tokens=False))
