"""Load a task's problems from a local file in one of three places, or else from the hub."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalsuite.errors import RunError, UserError
from evalsuite.tasks.rows import canonical, distinguish_repeats
from evalsuite.tasks.table import Task


def find_file(task: Task, data_dir: str | Path | None, split: str = "") -> Path | None:
    """The local file with a task's problems, or with those of another `split`; None if they are only on the hub.

    Looks in `data_dir` for `<task>.jsonl`, `<task>.parquet` and `<task>/test.jsonl` (for another split,
    `<task>/<split>.jsonl`); a `:` in the name may also be `-`. The file that comes with the table is used last.
    Raises UserError if `data_dir` is not a folder, or if a task's only file is missing.
    """
    if data_dir and not Path(data_dir).is_dir():
        raise UserError(f"--data_dir {data_dir} is not a folder; give one that holds <task>.jsonl, or leave it out")
    own = task.folder / task.file if task.file and task.folder and not split else None
    for path in [*_candidates(task, data_dir, split), *([own] if own else [])]:
        if path.is_file():
            return path
    if own and not task.repo:
        raise UserError(f"task {task.name}: its file {own} is missing; restore it or give --data_dir")
    return None


def _candidates(task: Task, data_dir: str | Path | None, split: str) -> Iterator[Path]:
    for name in dict.fromkeys((task.name, task.path_name)) if data_dir else ():
        base = Path(data_dir)
        if not split:
            yield from (base / f"{name}.jsonl", base / f"{name}.parquet")
        yield base / name / f"{split or 'test'}.jsonl"


def load_rows(task: Task, data_dir: str | Path | None = None) -> list[dict[str, Any]]:
    """All problems of a task of our table, in the file's order and in the form of rows.canonical.

    Raises UserError for malformed data or missing columns, and if the hub refuses or cannot be reached; RunError for a
    file that cannot be read.
    """
    return _canonical_rows(task, *raw_rows(task, data_dir))


def load_fewshot_rows(task: Task, data_dir: str | Path | None = None) -> list[dict[str, Any]]:
    """The problems that may serve as worked examples: those of the task's few-shot split, else its own problems."""
    if not task.fewshot_split or (find_file(task, data_dir) and not find_file(task, data_dir, task.fewshot_split)):
        return load_rows(task, data_dir)
    return _canonical_rows(task, *raw_rows(task, data_dir, task.fewshot_split))


def _canonical_rows(task: Task, raws: list[dict[str, Any]], places: list[str]) -> list[dict[str, Any]]:
    rows = [canonical(task, raw, place, index) for index, (raw, place) in enumerate(zip(raws, places, strict=True))]
    if not rows:
        raise UserError(f"task {task.name} has no problems: its data is empty")
    distinguish_repeats(rows)
    return rows


def raw_rows(task: Task, data_dir: str | Path | None, split: str = "") -> tuple[list[dict[str, Any]], list[str]]:
    """The rows as they are stored, and the place of each for error messages ("gsm8k.jsonl line 3")."""
    path = find_file(task, data_dir, split)
    if path is None:
        rows = _from_hub(task, data_dir, split or task.split)
        return rows, [f"{task.repo} row {number}" for number in range(len(rows))]
    numbered = list(_read_parquet(path) if path.suffix == ".parquet" else _read_jsonl(path))
    return [row for _, row in numbered], [f"{path} {place}" for place, _ in numbered]


def data_hash(task: Task, data_dir: str | Path | None = None) -> str:
    """What identifies the problems: `sha256:` and the hash of the local file, else `hub:repo/subset/split@revision`."""
    if task.source and find_file(task, data_dir) is None:
        return f"hub:{task.repo}"
    path = find_file(task, data_dir)
    if path is None:
        return f"hub:{task.repo}/{task.subset}/{task.split}@{task.revision or 'main'}"
    return f"sha256:{hashlib.sha256(_read_bytes(path)).hexdigest()}"


def count(task: Task, data_dir: str | Path | None = None) -> int:
    """The number of a task's problems, found without downloading them; 0 if it is unknown."""
    path = find_file(task, data_dir)
    if path is None:
        return task.size
    if path.suffix == ".parquet":
        return _parquet(path).metadata.num_rows
    return sum(1 for line in _read_bytes(path).splitlines() if line.strip())


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error


def _read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_read_bytes(path).removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path} line {number}: not valid JSON (in UTF-8): {error}") from error
        if not isinstance(row, dict):
            raise UserError(f"{path} line {number}: must be a JSON object with the columns problem and answer")
        yield f"line {number}", row


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, row in enumerate(_parquet(path).read().to_pylist()):
        yield f"row {number}", row


def _parquet(path: Path):
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from error


def _from_hub(task: Task, data_dir: str | Path | None, split: str) -> list[dict[str, Any]]:
    import datasets
    import huggingface_hub

    datasets.disable_progress_bars()
    huggingface_hub.utils.logging.set_verbosity_error()  # hides warnings about retries; a failure is raised below
    try:
        table = datasets.load_dataset(task.repo, task.subset, revision=task.revision, split=split)
    except Exception as error:  # the hub's client raises dozens of types; its message is passed on
        raise hub_error(task, error, data_dir) from error
    return [dict(row) for row in table]


def hub_error(task: Task, error: Exception, data_dir: str | Path | None = None) -> UserError:
    """The error for a data set that could not be loaded: what to do about terms of use, or about the network."""
    import huggingface_hub

    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    said = " ".join(str(link) for link in chain).lower()
    if "gated" in said or "401" in said or "403" in said:
        page = f"{huggingface_hub.constants.ENDPOINT}/datasets/{task.repo}"
        return UserError(f"task {task.name}: the hub refused {task.repo}; accept its terms at {page} and set HF_TOKEN")
    first = (str(error).strip().splitlines() or [""])[0][:200]
    files = f"{task.path_name}.jsonl, {task.path_name}.parquet or {task.path_name}/test.jsonl"
    return UserError(
        f"task {task.name}: cannot load {task.repo} from the hub ({type(error).__name__}: {first}); check the network, "
        + (f"or put {files} into {data_dir}" if data_dir else f"or give --data_dir with a folder that holds {files}")
    )
