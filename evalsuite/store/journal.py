"""The journal: an experiment's completions, one JSON line each, on disk the moment they finish.

A completion is written and flushed at once, and synced to disk at least every second, so that a node's
power loss costs a second. A torn last line, which a kill may leave, is cut off before the next line is written.
"""

import contextlib
import io
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from evalsuite.errors import RunError
from evalsuite.files import sync

LIVE = "completions.jsonl"
PACKED = "completions.jsonl.zst"
SYNC_SECONDS = 1.0
PACK_LEVEL, PACK_BYTES = 9, 16 << 20
Key = tuple[str, int]  # problem hash, sample index


@dataclass(frozen=True)
class Completion:
    """One generated answer. `token_ids` are the generated ids where the server gave them, else empty."""

    problem: str
    sample: int
    text: str
    finish_reason: str
    prompt_tokens: int
    output_tokens: int
    token_ids: tuple[int, ...] = ()
    reasoning: str | None = None
    request_seed: int = 0
    seconds: float = 0.0
    finished_at: float = 0.0

    @property
    def key(self) -> Key:
        return self.problem, self.sample


class Journal:
    """The completions of one experiment's folder, live or packed. Raises RunError where the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live, self.packed = folder / LIVE, folder / PACKED
        self.torn = 0  # torn lines dropped
        self._handle = -1
        self._end = 0  # of the last whole line

    def read(self) -> Iterator[Completion]:
        """Every whole completion, the packed ones first; of two with one key the first counts."""
        seen: set[Key] = set()
        for completion in self._lines():
            if completion.key not in seen:
                seen.add(completion.key)
                yield completion

    def _lines(self) -> Iterator[Completion]:
        self.torn = 0
        for path in (self.packed, self.live):
            try:
                with _open(path) as stream:
                    for line in stream:
                        if (completion := parse(line)) is None:
                            self.torn += 1
                        else:
                            yield completion
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = error.strerror or str(error).splitlines()[0]
                raise RunError(
                    f"cannot read {path}: {reason}; mend it, or move its folder away to start it afresh"
                ) from error

    def append(self, completion: Completion) -> None:
        """Write one completion and hand it to the operating system at once; a line goes in whole or not at all."""
        line = as_line(completion)
        rest = memoryview(line)
        try:
            if self._handle < 0:
                self._open_for_append()
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            self._end += len(line)
        except OSError as error:
            self._take_back()
            raise RunError(
                f"cannot write {self.live}: {error.strerror}; make room for it, then run again to go on"
            ) from error

    def _open_for_append(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        cut_torn_tail(self.live)
        is_new = not self.live.exists()
        self._handle = os.open(self.live, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._end = os.fstat(self._handle).st_size
        if is_new:
            sync(self.folder)

    def _take_back(self) -> None:
        """Remove the part of a line that a full disk still took."""
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._end)

    def sync(self) -> None:
        """Force what was appended onto the disk."""
        handle = self._handle  # the syncing thread meets a journal that is being closed
        if handle >= 0:
            with contextlib.suppress(OSError):  # closed meanwhile, and closing syncs; a bad disk fails the next append
                os.fsync(handle)

    def close(self) -> None:
        """Sync and close; a later append opens the file again."""
        if self._handle >= 0:
            self.sync()
            handle, self._handle = self._handle, -1
            os.close(handle)

    def _blocks(self) -> Iterator[bytes]:
        """All lines, in pieces of a size to compress at once."""
        block = bytearray()
        for completion in self.read():
            block += as_line(completion)
            if len(block) >= PACK_BYTES:
                yield bytes(block)
                block.clear()
        yield bytes(block)

    def pack(self) -> str:
        """Fold the live file into the compressed one (a tenth to a third of the size); returns the packed file's name.

        Each block of lines is a frame of its own: frames in a row are a zstd file, and pyarrow's streams cannot be
        told the level, which halves the size.
        """
        import pyarrow as pa

        if not self.live.exists():
            return PACKED
        temporary = self.packed.with_name(f".{PACKED}.new")
        codec = pa.Codec("zstd", compression_level=PACK_LEVEL)
        try:
            with temporary.open("wb") as stream:
                for block in self._blocks():
                    stream.write(codec.compress(block, asbytes=True))
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(self.packed)
            sync(self.folder)
            self.live.unlink()
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise RunError(f"cannot write {self.packed}: {error.strerror or error}; make room for it") from error
        return PACKED


def as_line(completion: Completion) -> bytes:
    """A completion's line. dataclasses.asdict would copy token by token: ten times the cost of all the rest."""
    return json.dumps(vars(completion), ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


_TYPES: dict[str, Any] = {"problem": str, "sample": int, "text": str, "finish_reason": str, "prompt_tokens": int,
                          "output_tokens": int}  # fmt: skip


def parse(line: bytes) -> Completion | None:
    """A journal line's completion; None for a torn or foreign line."""
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
        if not all(isinstance(value[name], kind) for name, kind in _TYPES.items()):
            return None
        known = {field.name: value[field.name] for field in fields(Completion) if field.name in value}
        return Completion(**known | {"token_ids": tuple(value.get("token_ids", ()))})
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def cut_torn_tail(path: Path) -> None:
    """Cut what stands behind the last line break, so that the next line starts on a line of its own."""
    if not path.exists():
        return
    with path.open("r+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        position = end
        while position > 0:
            start = max(0, position - 65536)
            stream.seek(start)
            block = stream.read(position - start)
            if (found := block.rfind(b"\n")) >= 0:
                position = start + found + 1
                break
            position = start
        if position < end:
            stream.truncate(position)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    if path.suffix != ".zst":
        with path.open("rb") as stream:
            yield stream
        return
    import pyarrow as pa

    with pa.input_stream(path, compression="zstd") as raw:
        yield io.BufferedReader(raw)


class Syncer:
    """A thread that syncs the open journals every second, so that no completion waits for a slow disk."""

    def __init__(self) -> None:
        self._journals: set[Journal] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def touch(self, journal: Journal) -> None:
        """Note that a journal has something to sync."""
        with self._lock:
            self._journals.add(journal)

    def _run(self) -> None:
        while not self._stop.wait(SYNC_SECONDS / 2):
            self._sync()

    def _sync(self) -> None:
        with self._lock:
            journals, self._journals = self._journals, set()
        for journal in journals:
            with contextlib.suppress(OSError):  # an append to the same file reports it
                journal.sync()

    def stop(self) -> None:
        """Sync a last time and end the thread."""
        self._stop.set()
        self._thread.join()
        self._sync()
