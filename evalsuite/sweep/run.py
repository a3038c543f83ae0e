"""Run experiments whose locks we hold: generate their missing completions, grade each as soon as it is complete."""

import asyncio
import contextlib
import os
import time
from collections import deque
from pathlib import Path
from typing import Any

from evalsuite.engine.client import Endpoint
from evalsuite.engine.endpoint import authorization, open_endpoint, own_endpoint
from evalsuite.engine.server import EngineDied, Server
from evalsuite.errors import EXIT_FAILED, EXIT_OK, RunError, UserError
from evalsuite.experiment import Experiment, path_part
from evalsuite.files import counted, printable
from evalsuite.pipeline.jobs import Graded, GradeJob
from evalsuite.pipeline.pool import RENDER, Workers
from evalsuite.pipeline.render import Prompt, Rendered, RenderJob
from evalsuite.plan.sweep import Sweep
from evalsuite.progress.progress import Progress
from evalsuite.progress.status import Status
from evalsuite.store import manifest, sessions
from evalsuite.store.journal import Completion, Journal, Syncer
from evalsuite.sweep import provenance
from evalsuite.sweep.experiment_locks import ExperimentLocks
from evalsuite.sweep.generate import Generation, Limits
from evalsuite.sweep.requests import make_item
from evalsuite.sweep.schedule import Item, Lengths, Queue

SLACK = 8  # requests in flight beyond those that the engine runs, so that it never waits for the next one


class Run:
    """One pass over the experiments `todo`, whose locks are held."""

    def __init__(self, sweep: Sweep, todo: list[Experiment], locks: ExperimentLocks) -> None:
        args = sweep.args
        self.sweep, self.todo, self.locks, self.args = sweep, todo, locks, args
        stamp = f"{path_part(sweep.model.name)}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        logs = Path(args.log_dir or Path(args.output_dir) / "logs")
        self.grade_log = logs / f"grading-{stamp}.log"
        self.status = Status.of(sweep, todo, locks.held_by_others)
        self.progress = Progress(self.status, logs / f"progress-{stamp}.json")
        self.grade_only = bool(args.regrade or args.rescore_at)
        has_engine = not args.base_url and not self.grade_only
        self.server = Server(sweep.engine, logs / f"engine-{stamp}.log") if has_engine else None
        self.workers = Workers(args.grade_jobs or self._default_grade_jobs())
        self.syncer = Syncer()
        self.journals = {experiment.name: Journal(sweep.folder_of(experiment)) for experiment in todo}
        self.missing: dict[str, set[str]] = {}  # problems that have neither a completion nor a failure, by experiment
        self.torn: dict[str, int] = {}  # torn lines that were dropped, by experiment
        self.extended: set[str] = set()  # experiments to which this run has added a completion
        self.grading: set[asyncio.Task] = set()
        self.errors: list[str] = []
        self.lengths = Lengths()
        self.provenance = provenance.provenance()
        self.circumstances: dict[str, Any] = {}
        self.prompts: dict[str, list[Prompt]] = {}  # by task
        self.generation: Generation | None = None

    def _default_grade_jobs(self) -> int:
        cores = len(os.sched_getaffinity(0))
        is_shared = self.sweep.engine.device == "cpu" and not self.args.base_url
        return max(1, cores - 1) if is_shared else cores

    async def run(self) -> int:
        """Run to the end; returns the exit code. Raises RunError if the engine or the disk fails, and UserError for a
        prompt that is too long. Whatever is complete is graded and saved even then."""
        self.workers.warm_up()
        self.progress.start()
        try:
            answered = self._read_journals()
            if self.server is not None and self._will_need_engine(answered):
                self.server.launch()
            rendered = await self._render()
            queue = self._make_queue(answered)
            self._grade_complete()
            if len(queue):
                await self._generate(queue, rendered)
            await self._finish_grading()
        except asyncio.CancelledError:
            self._stop_grading()
            raise
        except (RunError, UserError):
            await self._finish_grading()
            raise
        finally:
            await self._close()
        return EXIT_FAILED if self.errors else EXIT_OK

    def _read_journals(self) -> dict[str, set[str]]:
        """The problems already answered, by experiment. An experiment whose journal cannot be read is dropped."""
        model_folders = {self.sweep.folder_of(one).parent for one in self.todo}
        for length in manifest.earlier_lengths(model_folders, {one.task for one in self.todo}):
            self.lengths.add(*length)
        answered = {}
        for experiment in self.todo:
            try:
                answered[experiment.name] = self._read_journal(experiment)
            except RunError as error:
                self._report_error(f"{experiment.name}: {error}")
                self.status.parts[experiment.name].lost = True
                self.locks.release(self.sweep.folder_of(experiment))
        self.todo = [experiment for experiment in self.todo if experiment.name in answered]
        return answered

    def _read_journal(self, experiment: Experiment) -> set[str]:
        """The problems already answered; records the lengths of their answers."""
        journal = self.journals[experiment.name]
        answered = set()
        for one in journal.read():
            answered.add(one.problem)
            self.lengths.add(experiment.task, one.problem, one.output_tokens)
        if journal.torn:
            self.torn[experiment.name] = journal.torn
            lines = counted(journal.torn, "incomplete line")
            self.progress.say(f"{experiment.name}: dropped {lines} of the journal")
        return answered

    def _report_error(self, reason: str) -> None:
        """Record and print why something that was requested is not done."""
        self.errors.append(reason)
        self.progress.say(reason)

    def _will_need_engine(self, answered: dict[str, set[str]]) -> bool:
        """Whether to start the engine before the prompts are known. It is a guess if only the hub has the problems."""
        return any(len(answered[one.name]) < max(1, self.sweep.task_of(one).problems) for one in self.todo)

    async def _render(self) -> Rendered:
        self.status.phase = "loading tasks and model"
        rendered = await self.workers.call(RENDER, RenderJob.of(self.sweep, self.todo), self.grade_log)
        self.prompts = rendered.prompts
        return rendered

    def _make_queue(self, answered: dict[str, set[str]]) -> Queue:
        """Requests for all missing completions, in one group per position in the tasks' lists of seeds."""
        positions: dict[int, list[Item]] = {}
        for experiment in self.todo:
            task, done = self.sweep.task_of(experiment), answered[experiment.name]
            missing = [] if self.grade_only else [one for one in self.prompts[task.spec] if one.problem not in done]
            self.missing[experiment.name] = {one.problem for one in missing}
            self.status.ask(experiment.name, len(missing) + len(done), len(done))
            group = positions.setdefault(task.seeds.index(experiment.seed), [])
            group += [make_item(self.sweep, experiment, prompt) for prompt in missing]
        groups = deque(positions[key] for key in sorted(positions) if positions[key])
        return Queue(groups, self.lengths, self._slots)

    @property
    def _slots(self) -> int:
        """The number of requests that the engine runs in parallel."""
        return self.sweep.engine.max_num_seqs * self.sweep.engine.data_parallel_size

    async def _generate(self, queue: Queue, rendered: Rendered) -> None:
        args = self.args
        if self.server is not None:
            await self._start_server(self.server)
        endpoint, version = await self._open_endpoint(rendered.eos_texts)
        self.circumstances = provenance.circumstances(self.sweep.engine, args.base_url, version)
        in_flight = self._slots + max(SLACK, self._slots // 8)
        self.generation = Generation(
            queue,
            endpoint,
            Limits(args.engine_restarts, args.stall_seconds, args.allow_broken, in_flight),
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

    async def _start_server(self, server: Server) -> None:
        if not server.alive and server.starts == 0:
            server.launch()
        try:
            await server.ready()
        except EngineDied as error:
            raise RunError(f"the engine did not start: {error}") from error
        self.status.engine_start_seconds = server.started_seconds

    async def _open_endpoint(self, eos_texts: tuple[str, ...]) -> tuple[Endpoint, str | None]:
        sweep, args = self.sweep, self.args
        if self.server is not None:
            return await own_endpoint(self.server, sweep.engine.served_name, eos_texts)
        key = authorization(args.base_url, os.environ.get(args.api_key_env))
        configurations = (one.configuration for one in sweep.experiments)
        return await open_endpoint(
            args.base_url, sweep.model.source, args.served_model, key, sweep.chat, eos_texts, configurations
        )

    def _on_completion(self, item: Item, completion: Completion) -> None:
        """Journal a completion, and grade its experiment if it was the last one."""
        name = item.experiment.name
        journal = self.journals[name]
        if name not in self.extended:
            self.extended.add(name)
            sessions.record(journal.folder, self.circumstances, self.provenance)
        journal.append(completion)
        self.syncer.touch(journal)
        self.status.parts[name].answered += 1
        self.lengths.add(item.experiment.task, completion.problem, completion.output_tokens)
        self._on_end(item)

    def _on_failure(self, item: Item, reason: str) -> None:
        self.status.parts[item.experiment.name].failed += 1
        self._report_error(f"{item.experiment.name}: problem {item.request.problem}: {printable(reason)}")
        self._on_end(item)

    def _on_end(self, item: Item) -> None:
        missing = self.missing[item.experiment.name]
        missing.discard(item.request.problem)
        if not missing:
            self.journals[item.experiment.name].close()
            self._grade(item.experiment)

    def _grade_complete(self) -> None:
        """Grade the experiments that need no generation: those completed by an earlier run or, to grade again, all."""
        for experiment in sorted(self.todo, key=lambda one: one.task):  # a worker that knows the task is faster
            if not self.missing[experiment.name]:
                self._grade(experiment)

    def _grade(self, experiment: Experiment) -> None:
        folder, prompts = self.sweep.folder_of(experiment), self.prompts[self.sweep.task_of(experiment).spec]
        restarts = self.generation.counters.restarts if self.generation else 0
        base = manifest.base(experiment, manifest.origin(folder, self.provenance, restarts))
        job = GradeJob.of(self.sweep, experiment, prompts, base, self.grade_log, self.torn.get(experiment.name, 0))
        self.grading.add(asyncio.get_running_loop().create_task(self._await_grade(job)))

    async def _await_grade(self, job: GradeJob) -> None:
        graded: Graded = await self.workers.grade(job)
        name = graded.name if len(self.sweep.model_folders) == 1 else f"{job.manifest['model']} {graded.name}"
        self.locks.release(job.folder)
        if graded.error is not None:
            self._report_error(f"{name}: grading failed: {graded.error}")
            self.status.parts[graded.name].lost = True
            return
        if graded.warning is not None:
            self._report_error(f"{name}: {graded.warning}")
        self.status.parts[graded.name].scores = graded.scores
        shown = ", ".join(f"{metric} {score:.3f}" for metric, score in graded.scores.items())
        self.progress.say(f"graded {name}: {shown} ({counted(graded.num_samples, 'problem')})")

    async def _finish_grading(self) -> None:
        self.status.phase = "grading"
        while self.grading:
            done, self.grading = await asyncio.wait(self.grading, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    def _stop_grading(self) -> None:
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
