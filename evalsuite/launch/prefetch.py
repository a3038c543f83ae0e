"""Fetch what a call of main.py needs into the usual caches, for nodes without internet.

python -m evalsuite.launch.prefetch <flags of main.py>
"""

import os
import sys

from evalsuite.errors import EXIT_OK, RunError, command
from evalsuite.files import printable


def fetch_model(source: str, revision: str | None) -> str:
    """Where the model is; downloads a hub model that is not in the cache. Raises RunError when it cannot be had."""
    if os.path.isdir(source):
        return f"there     {printable(source)}"
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(source, revision=revision, local_files_only=True)
        return f"there     {printable(source)}"
    except (OSError, ValueError):  # not in the cache, or no hub id: the next call tells
        pass
    try:
        folder = snapshot_download(source, revision=revision)
    except (OSError, ValueError) as error:
        raise RunError(
            f"cannot fetch {printable(source)}: {printable(str(error))}; is it spelt right, and the network up?"
        ) from error
    return f"fetched   {printable(source)} into {folder}"


def fetch_data(spec: str, table: str, data_dir: str | None) -> str:
    """Where a task's data is; loading a hub data set leaves it in the cache."""
    from evalsuite.tasks import data
    from evalsuite.tasks.names import parse_task, resolve

    row = resolve(parse_task(spec, table)[0], table)
    if data.find_file(row, data_dir) is not None:
        return f"there     data of {spec}"
    return f"ready     data of {spec}: {len(data.load_rows(row, data_dir))} problems"


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
