"""Which results file and which details file of a lighteval output folder belong together."""

import os

from evalsuite.trees.hints import date_in

Pair = tuple[str | None, str | None]  # results file, details file
Key = tuple[str, str]  # model's folders below results/ or details/, date


def pair(files: list[str], folder: str) -> tuple[list[Pair], list[str]]:
    """Pairs for all data files below results/ and details/; and the files that are neither.

    lighteval writes results/<model>/results_<date>.json and details/<model>/<date>/details_<task>_<date>.parquet. A
    results file without details stands alone, as do details without results.
    """
    results = {_key(path, folder): path for path in files if _is(path, "results", ".json")}
    details = [path for path in files if _is(path, "details_", ".parquet")]
    pairs: list[Pair] = [(results.get(_key(path, folder)), path) for path in details]
    used = {path for path, _ in pairs}
    pairs += [(path, None) for path in results.values() if path not in used]
    known = {*results.values(), *details}
    return pairs, [path for path in files if path not in known]


def _is(path: str, start: str, end: str) -> bool:
    name = os.path.basename(path)
    return name.startswith(start) and name.endswith(end)


def _key(path: str, folder: str) -> Key:
    parts = os.path.relpath(os.path.dirname(path), folder).split(os.sep)[1:]
    return "/".join(part for part in parts if not date_in(part)), date_in(os.path.basename(path))
