"""What can be wrong with one file, told from what is wrong with the program."""

import contextlib
from collections.abc import Iterator


class BadFile(Exception):
    """A file that cannot be converted: the reason in one line, without the file's name."""


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Turn whatever Arrow raises over a broken file into BadFile.

    Only for blocks that read: the same exceptions from a block that writes mean something else.
    """
    import pyarrow as pa

    try:
        yield
    except MemoryError as error:
        raise BadFile("not enough memory to read it") from error
    except OSError as error:
        raise BadFile(error.strerror or _one_line(error)) from error
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise BadFile(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
