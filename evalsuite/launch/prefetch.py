"""Fetches the model and data of a call of main.py into the usual caches, for nodes without internet.

python -m evalsuite.launch.prefetch <flags of main.py>
"""

import os
import sys

from evalsuite.errors import EXIT_OK, RunError, command
from evalsuite.files import printable


def fetch_model(source: str, revision: str | None) -> str:
    """Download a hub model unless it is in the cache; returns a line that says so. Raises RunError if that fails."""
    if os.path.isdir(source):
        return f"exists    {printable(source)}"
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(source, revision=revision, local_files_only=True)
        return f"exists    {printable(source)}"
    except (OSError, ValueError):  # not in the cache, or not a hub id, which the download will report
        pass
    try:
        folder = snapshot_download(source, revision=revision)
    except (OSError, ValueError) as error:
        raise RunError(
            f"cannot fetch {printable(source)}: {printable(str(error))}; check the spelling and the network"
        ) from error
    return f"fetched   {printable(source)} into {folder}"


def fetch_data(spec: str, table: str, data_dir: str | None) -> str:
    """Load a task's data, which leaves a hub data set in the cache; returns a line that says so."""
    from evalsuite.tasks import data
    from evalsuite.tasks.names import parse_task, resolve

    row = resolve(parse_task(spec, table)[0], table)
    if data.find_file(row, data_dir) is not None:
        return f"exists    data of {spec}"
    return f"fetched   data of {spec}: {len(data.load_rows(row, data_dir))} problems"


@command("run_interactive")
def main(argv: list[str] | None = None) -> int:
    from evalsuite.plan.arguments import parse

    args = parse(argv)
    if not args.base_url:
        print(fetch_model(args.model, args.revision), flush=True)
    for spec in args.task:
        print(fetch_data(spec, args.custom_tasks_directory, args.data_dir), flush=True)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
