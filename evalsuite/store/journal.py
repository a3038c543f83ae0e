"""The journal: the completions of an experiment, one JSON line each, written as soon as they finish.

A completion is handed to the operating system immediately and synced to disk within a second, so a power failure costs
one second of work. A kill may leave an incomplete ("torn") last line, which is removed before the next line is written.
"""

import contextlib
import io
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO

from evalsuite.errors import RunError
from evalsuite.files import sync

LIVE = "completions.jsonl"
PACKED = "completions.jsonl.zst"
SYNC_SECONDS = 1.0  # the longest time that an appended line stays unsynced
PACK_LEVEL = 9  # of zstd
PACK_BYTES = 16 << 20  # compressed at a time
Key = tuple[str, int]  # problem hash, sample index
_REQUIRED = {"problem": str, "sample": int, "text": str, "finish_reason": str, "prompt_tokens": int,
             "output_tokens": int}  # fmt: skip


@dataclass(frozen=True)
class Completion:
    """One generated answer. Its fields are those of a line in the journal."""

    problem: str  # problem hash
    sample: int  # sample index, from 0
    text: str
    finish_reason: str  # as the server gives it: "stop", "length", ...
    prompt_tokens: int
    output_tokens: int
    token_ids: tuple[int, ...] = ()  # the generated ids; empty if the server does not return them
    reasoning: str | None = None  # thinking that the server returned apart from the text
    request_seed: int = 0
    seconds: float = 0.0  # from sending the request to the end of the answer
    finished_at: float = 0.0  # Unix time

    @property
    def key(self) -> Key:
        """What identifies a completion within its experiment."""
        return self.problem, self.sample


class Journal:
    """The completions in one experiment's folder: a file of lines being appended ("live"), a compressed one ("packed"),
    or both. Its methods raise RunError if the disk fails or is full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live, self.packed = folder / LIVE, folder / PACKED
        self.torn = 0  # torn lines that the latest `read` skipped
        self._handle = -1
        self._end = 0  # position after the last whole line

    def read(self) -> Iterator[Completion]:
        """All whole completions, those of the packed file first. If two have the same key, the first one counts."""
        seen: set[Key] = set()
        for completion in self._whole_lines():
            if completion.key not in seen:
                seen.add(completion.key)
                yield completion

    def _whole_lines(self) -> Iterator[Completion]:
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
                    f"cannot read {path}: {reason}; repair it, or move its folder away to start the experiment again"
                ) from error

    def append(self, completion: Completion) -> None:
        """Append one completion, handing it to the operating system. If that fails, no part of the line remains."""
        line = as_line(completion)
        rest = memoryview(line)
        try:
            if self._handle < 0:
                self._open_for_append()
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            self._end += len(line)
        except OSError as error:
            self._remove_partial_line()
            raise RunError(
                f"cannot write {self.live}: {error.strerror}; free some disk space, then run again to continue"
            ) from error

    def _open_for_append(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        cut_torn_tail(self.live)
        is_new = not self.live.exists()
        self._handle = os.open(self.live, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._end = os.fstat(self._handle).st_size
        if is_new:
            sync(self.folder)

    def _remove_partial_line(self) -> None:
        """Remove what a disk accepted of a line before it was full."""
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._end)

    def sync(self) -> None:
        """Force the appended lines onto the disk."""
        handle = self._handle  # read once, because another thread may be closing the journal
        if handle >= 0:
            # An error means that it was closed meanwhile, which syncs, or that the disk fails, as the next append will.
            with contextlib.suppress(OSError):
                os.fsync(handle)

    def close(self) -> None:
        """Sync and close; a later append opens the file again."""
        if self._handle >= 0:
            self.sync()
            handle, self._handle = self._handle, -1
            os.close(handle)

    def pack(self) -> str:
        """Merge the live file into the packed one, which takes a tenth to a third of the space; returns its name.

        Each block of lines becomes one zstd frame, and the concatenated frames are a valid zstd file. pyarrow's
        compressing streams are not used because they cannot set the compression level, which halves the size.
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
            raise RunError(f"cannot write {self.packed}: {error.strerror or error}; free some disk space") from error
        return PACKED

    def _blocks(self) -> Iterator[bytes]:
        """All lines, in blocks of about PACK_BYTES."""
        block = bytearray()
        for completion in self.read():
            block += as_line(completion)
            if len(block) >= PACK_BYTES:
                yield bytes(block)
                block.clear()
        yield bytes(block)


def as_line(completion: Completion) -> bytes:
    """A completion as a line of the journal. It uses vars because dataclasses.asdict copies every token, which takes
    ten times as long as everything else."""
    return json.dumps(vars(completion), ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def parse(line: bytes) -> Completion | None:
    """The completion in a line of the journal; None if the line is torn or is something else."""
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
        if not all(isinstance(value[name], kind) for name, kind in _REQUIRED.items()):
            return None
        known = {field.name: value[field.name] for field in fields(Completion) if field.name in value}
        return Completion(**known | {"token_ids": tuple(value.get("token_ids", ()))})
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def cut_torn_tail(path: Path) -> None:
    """Remove what follows the last line break, so that the next line does not join a torn one."""
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
    """A thread that syncs journals every half second, so that appending a completion never waits for a slow disk."""

    def __init__(self) -> None:
        self._journals: set[Journal] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def touch(self, journal: Journal) -> None:
        """Record that a journal has new lines to sync."""
        with self._lock:
            self._journals.add(journal)

    def _run(self) -> None:
        while not self._stop.wait(SYNC_SECONDS / 2):
            self._sync()

    def _sync(self) -> None:
        with self._lock:
            journals, self._journals = self._journals, set()
        for journal in journals:
            with contextlib.suppress(OSError):  # the next append to the same file will report it
                journal.sync()

    def stop(self) -> None:
        """End the thread after a last sync."""
        self._stop.set()
        self._thread.join()
        self._sync()
