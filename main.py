#!/usr/bin/env python3
"""Evaluate one model on tasks and seeds with lighteval on vLLM: one engine, one queue, every completion kept.

python main.py --model models/SmolLM2-135M-Instruct --task demo_arithmetic --seed 0-1 --use_chat_template \
    --max_new_tokens 256 --max_model_length 2048
"""

from __future__ import annotations

import sys

from evalsuite.errors import EXIT_OK, command


@command("main.py")
def main(argv: list[str] | None = None) -> int:
    from evalsuite.plan.arguments import parse
    from evalsuite.progress.screen import take

    take()
    args = parse(argv)

    from evalsuite.files import printable
    from evalsuite.plan.plan import plan
    from evalsuite.plan.sweep import describe
    from evalsuite.sweep.leases import unfinished

    sweep = plan(args)
    for warning in sweep.warnings:
        print(f"main.py: warning: {printable(warning)}", file=sys.stderr, flush=True)
    if args.rescore_at and not args.dry_run:
        from evalsuite.sweep.rescore import derive

        sweep = derive(sweep, args.rescore_at)
    if args.dry_run:
        print("\n".join(describe(sweep, unfinished(sweep))))
        return EXIT_OK

    import asyncio

    from evalsuite.sweep.signals import run

    return asyncio.run(run(sweep))


if __name__ == "__main__":
    sys.exit(main())
