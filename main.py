#!/usr/bin/env python3
"""Evaluate one model on tasks and seeds, with lighteval on vLLM.

All requests go to one engine in one queue, and every finished completion is kept.

python main.py --model models/SmolLM2-135M-Instruct --task demo_arithmetic --seed 0-1 --use_chat_template \
    --max_new_tokens 256 --max_model_length 2048
"""

from __future__ import annotations

import sys

from evalsuite.errors import EXIT_OK, command


@command("main.py")
def main(argv: list[str] | None = None) -> int:
    """Plan and execute a sweep; returns the exit code. Imports are late so that --help and mistakes answer quickly."""
    from evalsuite.plan.arguments import parse
    from evalsuite.progress import screen

    screen.attach()
    args = parse(argv)

    from evalsuite.files import printable
    from evalsuite.plan.plan import plan
    from evalsuite.plan.sweep import describe
    from evalsuite.sweep.experiment_locks import unfinished

    sweep = plan(args)
    for warning in sweep.warnings:
        print(f"main.py: warning: {printable(warning)}", file=sys.stderr, flush=True)
    if args.dry_run:
        print("\n".join(describe(sweep, unfinished(sweep))))
        return EXIT_OK

    import asyncio

    from evalsuite.sweep.execute import execute
    from evalsuite.sweep.rescore import derive

    if args.rescore_at:
        sweep = derive(sweep, args.rescore_at)
    return asyncio.run(execute(sweep))


if __name__ == "__main__":
    sys.exit(main())
