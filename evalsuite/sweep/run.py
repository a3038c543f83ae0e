"""One call of main.py after planning: generate fused, grade meanwhile, save."""

import asyncio
import contextlib
import os
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalsuite.engine.client import Endpoint, Request
from evalsuite.engine.endpoint import authorization, open_endpoint, own_endpoint
from evalsuite.engine.server import EngineDied, Server
from evalsuite.errors import EXIT_FAILED, EXIT_OK, RunError, UserError
from evalsuite.experiment import Experiment, path_part, request_seed
from evalsuite.files import printable
from evalsuite.pipeline.jobs import Graded, GradeJob, JudgeOptions
from evalsuite.pipeline.pool import RENDER, Workers
from evalsuite.pipeline.render import Prompt, Rendered, RenderJob
from evalsuite.plan.sweep import Sweep
from evalsuite.plan.uploads import Uploads
from evalsuite.progress.progress import Progress
from evalsuite.progress.status import Status
from evalsuite.store import manifest, sessions
from evalsuite.store.journal import Completion, Journal, Syncer
from evalsuite.sweep import provenance
from evalsuite.sweep.generate import Generation, Limits
from evalsuite.sweep.leases import Leases
from evalsuite.sweep.schedule import Item, Lengths, Queue

SLACK = 8  # requests in flight beyond what the engine runs, so that it never waits for the next


class Run:
    """The state of one sweep on its way."""

    def __init__(self, sweep: Sweep, todo: list[Experiment], leases: Leases) -> None:
        args = sweep.args
        self.sweep, self.todo, self.leases, self.args = sweep, todo, leases, args
        stamp = f"{path_part(sweep.model.name)}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        logs = Path(args.log_dir or Path(args.output_dir) / "logs")
        self.engine_log, self.grade_log = logs / f"engine-{stamp}.log", logs / f"grading-{stamp}.log"
        self.status = Status.of(sweep, todo, leases.held_by_others)
        self.progress = Progress(self.status, logs / f"progress-{stamp}.json")
        self.grade_only = bool(args.regrade or args.rescore_at)
        cores = len(os.sched_getaffinity(0))
        self.workers = Workers(args.grade_jobs or (max(1, cores - 1) if self._own_cpu_engine() else cores))
        self.server = (
            None if args.base_url or args.regrade or args.rescore_at else Server(sweep.engine, self.engine_log)
        )
        self.syncer = Syncer()
        self.journals = {experiment.name: Journal(sweep.folder_of(experiment)) for experiment in todo}
        self.missing: dict[str, set[str]] = {}
        self.torn: dict[str, int] = {}  # torn lines that were dropped
        self.added: set[str] = set()  # experiments that this run gave a completion
        self.grading: set[asyncio.Task] = set()
        self.errors: list[str] = []
        self.lengths = Lengths()
        self.provenance = provenance.provenance()
        self.circumstances: dict[str, Any] = {}
        self.prompts: dict[str, list[Prompt]] = {}
        self.generation: Generation | None = None

    def _own_cpu_engine(self) -> bool:
        return self.sweep.engine.device == "cpu" and not self.args.base_url

    async def go(self) -> int:
        """Run to the end; returns the exit code. What is finished is saved whatever happens."""
        self.workers.warm_up()
        self.progress.start()
        try:
            had = self._read_journals()
            if self.server is not None and self._engine_will_be_needed(had):
                self.server.launch()
            rendered = await self._render()
            queue = self._queue(rendered, had)
            self._grade_complete()
            if len(queue):
                await self._generate(queue, rendered)
            await self._finish_grading()
        except asyncio.CancelledError:
            self._stop_now()
            raise
        except (RunError, UserError):
            await self._finish_grading()
            raise
        finally:
            await self._close()
        return EXIT_FAILED if self.errors else EXIT_OK

    def _read_journals(self) -> dict[str, set[str]]:
        """Problems already answered, by experiment; one whose journal cannot be read is named and left out."""
        model_folders = {self.sweep.folder_of(one).parent for one in self.todo}
        for noted in manifest.earlier_lengths(model_folders, {one.task for one in self.todo}):
            self.lengths.add(*noted)
        had = {}
        for experiment in self.todo:
            try:
                had[experiment.name] = self._journaled(experiment)
            except RunError as error:
                self._failed(f"{experiment.name}: {error}")
                self.status.parts[experiment.name].lost = True
                self.leases.release(self.sweep.folder_of(experiment))
        self.todo = [experiment for experiment in self.todo if experiment.name in had]
        return had

    def _failed(self, reason: str) -> None:
        """Note, and say, why something that was asked for is not done."""
        self.errors.append(reason)
        self.progress.say(reason)

    def _journaled(self, experiment: Experiment) -> set[str]:
        """Problems already answered; their lengths help to order the rest."""
        journal = self.journals[experiment.name]
        answered = set()
        for one in journal.read():
            answered.add(one.problem)
            self.lengths.add(experiment.task, one.problem, one.output_tokens)
        if journal.torn:
            self.torn[experiment.name] = journal.torn
            self.progress.say(f"{experiment.name}: {journal.torn} torn line(s) of the journal dropped")
        return answered

    def _engine_will_be_needed(self, had: dict[str, set[str]]) -> bool:
        """Whether to start the engine before the prompts are known: not when all may be journaled already."""
        return any(len(had[one.name]) < max(1, self.sweep.task_of(one).asked) for one in self.todo)

    async def _render(self) -> Rendered:
        sweep, args = self.sweep, self.args
        self.status.phase = "loading tasks and model"
        system = args.system_prompt if args.system_prompt is not None else sweep.prompts.system
        job = RenderJob(
            specs=tuple(dict.fromkeys(sweep.task_of(one).spec for one in self.todo)),
            table_path=args.custom_tasks_directory,
            data_dir=args.data_dir,
            selection=sweep.selection,
            tokenizer=None if sweep.chat else sweep.model.folder,
            use_chat_template=args.use_chat_template,
            system_prompt=system or None,
            chat_template_kwargs=args.chat_template_kwargs,
            trust_remote_code=args.trust_remote_code,
        )
        rendered = await self.workers.call(RENDER, job, self.grade_log)
        self.prompts = rendered.prompts
        return rendered

    def _queue(self, rendered: Rendered, had: dict[str, set[str]]) -> Queue:
        """Requests for all that is missing, one group a seed position. UserError for a prompt that is too long."""
        positions: dict[int, list[Item]] = {}
        for experiment in self.todo:
            task = self.sweep.task_of(experiment)
            prompts = rendered.prompts[task.spec]
            had_now = had[experiment.name]
            missing = [] if self.grade_only else [one for one in prompts if one.problem not in had_now]
            self.missing[experiment.name] = {one.problem for one in missing}
            self.status.ask(experiment.name, len(missing) + len(had_now), len(had_now))
            group = positions.setdefault(task.seeds.index(experiment.seed), [])
            group += [self._item(experiment, prompt, float(task.row.expected_tokens)) for prompt in missing]
        groups = deque(positions[key] for key in sorted(positions) if positions[key])
        return Queue(groups, self.lengths, self._slots)

    @property
    def _slots(self) -> int:
        """Requests that the engine runs at once."""
        return self.args.max_num_seqs * self.args.data_parallel_size

    def _item(self, experiment: Experiment, prompt: Prompt, expected: float) -> Item:
        configuration = experiment.configuration
        if prompt.stop and self.args.stop is None:  # a task's own stop sequences
            configuration = replace(configuration, stop=prompt.stop)
        room = configuration.max_new_tokens
        limit = configuration.max_model_length
        if prompt.ids and limit is not None:
            room = min(room, limit - len(prompt.ids))
        if room < 1:
            raise UserError(
                f"{experiment.task}: the prompt of problem {prompt.problem} has {len(prompt.ids)} tokens and does not "
                f"fit into --max_model_length {limit}; raise it (prompts are never cut)"
            )
        seed = request_seed(experiment.seed, experiment.task, prompt.problem)
        served = self.sweep.served_name(experiment)
        request = Request(prompt.problem, 0, seed, room, prompt.ids, prompt.messages, served)
        return Item(experiment, configuration, request, expected)

    async def _generate(self, queue: Queue, rendered: Rendered) -> None:
        args = self.args
        if self.server is not None:
            if not self.server.alive and self.server.starts == 0:
                self.server.launch()
            try:
                await self.server.ready()
            except EngineDied as error:
                raise RunError(f"the engine did not start: {error}") from error
            self.status.engine_start_seconds = self.server.started_seconds
        endpoint, version = await self._open_endpoint(rendered.eos_texts)
        self.circumstances = provenance.circumstances(self.sweep.engine, args.base_url, version)
        in_flight = self._slots + max(SLACK, self._slots // 8)
        limits = Limits(args.engine_restarts, args.stall_seconds, args.allow_broken, in_flight)
        self.generation = Generation(
            queue,
            endpoint,
            limits,
            self._on_completion,
            self._on_failure,
            self.progress.say,
            self.server,
            args.request_timeout,
        )
        self.status.phase, self.status.generation_began = "generating", time.monotonic()
        self.status.counters, self.status.requests = self.generation.counters, self.generation.in_flight
        await self.generation.run()
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)

    async def _open_endpoint(self, eos_texts: tuple[str, ...]) -> tuple[Endpoint, str | None]:
        sweep, args = self.sweep, self.args
        if self.server is not None:
            return await own_endpoint(self.server, sweep.engine.served_name, eos_texts)
        key = authorization(args.base_url, os.environ.get(args.api_key_env))
        wanted = (one.configuration for one in sweep.experiments)
        return await open_endpoint(
            args.base_url, sweep.model.source, args.served_model, key, sweep.chat, eos_texts, wanted
        )

    def _on_completion(self, item: Item, completion: Completion) -> None:
        """Journal a completion at once; grade its experiment when it was the last."""
        journal = self.journals[item.experiment.name]
        if item.experiment.name not in self.added:
            self.added.add(item.experiment.name)
            sessions.record(journal.folder, self.circumstances, self.provenance)
        journal.append(completion)
        self.syncer.touch(journal)
        self.status.parts[item.experiment.name].answered += 1
        self.lengths.add(item.experiment.task, completion.problem, completion.output_tokens)
        self._settle(item)

    def _on_failure(self, item: Item, reason: str) -> None:
        self.status.parts[item.experiment.name].failed += 1
        self._failed(f"{item.experiment.name}: problem {item.request.problem}: {printable(reason)}")
        self._settle(item)

    def _settle(self, item: Item) -> None:
        missing = self.missing[item.experiment.name]
        missing.discard(item.request.problem)
        if not missing:
            self.journals[item.experiment.name].close()
            self._grade(item.experiment)

    def _grade_complete(self) -> None:
        """Grade what has all its completions from an earlier run (or, with --regrade, everything)."""
        for experiment in sorted(self.todo, key=lambda one: one.task):  # a worker that knows a task is quicker
            if not self.missing[experiment.name]:
                self._grade(experiment)

    def _grade(self, experiment: Experiment) -> None:
        folder = self.sweep.folder_of(experiment)
        task = self.sweep.task_of(experiment)
        restarts = self.generation.counters.restarts if self.generation else 0
        job = GradeJob(
            folder=folder,
            spec=task.spec,
            table_path=self.args.custom_tasks_directory,
            data_dir=self.args.data_dir,
            manifest=manifest.base(experiment, manifest.origin(folder, self.provenance, restarts)),
            prompts=tuple(self.prompts[task.spec]),
            selection=self.sweep.selection.as_json(),
            log=self.grade_log,
            torn=self.torn.get(experiment.name, 0),
            judge=JudgeOptions.of(self.args),
            regrade=bool(self.args.regrade),
            uploads=Uploads.of(self.args),
        )
        self.grading.add(asyncio.get_running_loop().create_task(self._await_grade(job)))

    async def _await_grade(self, job: GradeJob) -> None:
        graded: Graded = await self.workers.grade(job)
        name = graded.name if len(self.sweep.owners) == 1 else f"{job.manifest['model']} {graded.name}"
        self.leases.release(job.folder)
        if graded.error is not None:
            self._failed(f"{name}: grading failed: {graded.error}")
            self.status.parts[graded.name].lost = True
            return
        if graded.warning is not None:
            self._failed(f"{name}: {graded.warning}")
        self.status.parts[graded.name].scores = graded.scores
        shown = ", ".join(f"{metric} {score:.3f}" for metric, score in graded.scores.items())
        self.progress.say(f"graded {name}: {shown} ({graded.num_samples} problems)")

    async def _finish_grading(self) -> None:
        self.status.phase = "grading"
        while self.grading:
            done, self.grading = await asyncio.wait(self.grading, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    def _stop_now(self) -> None:
        for task in self.grading:
            task.cancel()
        self.workers.kill()

    async def _close(self) -> None:
        for journal in self.journals.values():
            with contextlib.suppress(OSError):
                journal.close()
        self.syncer.stop()
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)
        await self.progress.stop()
        self.workers.kill()
