"""lighteval task objects with our data: where their rows come from, which are asked, and which examples are shown."""

from pathlib import Path
from typing import Any

from lighteval.tasks.lighteval_task import LightevalTask, LightevalTaskConfig
from lighteval.tasks.requests import Doc, SamplingMethod

from evalsuite.errors import UserError
from evalsuite.tasks import data
from evalsuite.tasks.metrics import guarded
from evalsuite.tasks.problems import Selection, problem_hash, select
from evalsuite.tasks.rows import distinguish_repeats
from evalsuite.tasks.table import Task


def live_task(
    config: LightevalTaskConfig, row: Task, data_dir: str | Path | None, selection: Selection
) -> "OurTask | LightevalsTask":
    """The task object for a lighteval configuration and the row that it was made from."""
    return (LightevalsTask if row.source else OurTask)(config, row, data_dir, selection)


class OurTask(LightevalTask):
    """A task from our table: our data, our selection of problems, examples that never include the problem itself."""

    def __init__(self, config: LightevalTaskConfig, row: Task, data_dir: str | Path | None, selection: Selection):
        super().__init__(config)
        self.row, self.data_dir, self.selection = row, data_dir, selection
        self.fewshot_sampler = _Examples(self)

    def download_dataset_worker(self, _task: LightevalTask) -> dict[str, list[dict[str, Any]]]:  # lighteval's signature
        return {self.row.split: select(data.load_rows(self.row, self.data_dir), *self.selection)}

    def fewshot_docs(self) -> list[Doc]:
        """Worked examples, ordered by problem hash so that they do not depend on which problems are asked."""
        if self._fewshot_docs is None:
            rows = sorted(data.load_fewshot_rows(self.row, self.data_dir), key=lambda row: row["problem_hash"])
            self._fewshot_docs = [self.formatter({**row, "__few_shots": True}, self.name) for row in rows]
        return self._fewshot_docs

    def example_pool(self, _wanted: int) -> list[Doc]:
        """All examples that may be shown, in order."""
        return self.fewshot_docs()


class LightevalsTask(LightevalTask):
    """A task defined by lighteval or by a user's lighteval file: its own prompts and metrics, our problem hashes.

    Raises UserError for a task that needs log-probabilities or several samples per problem.
    """

    def __init__(self, config: LightevalTaskConfig, row: Task, data_dir: str | Path | None, selection: Selection):
        super().__init__(config)
        self.row, self.data_dir, self.selection = row, data_dir, selection
        if self.sampling_methods != [SamplingMethod.GENERATIVE]:
            raise UserError(f"task {self.name} scores log-probabilities; choose a task whose answers are generated")
        if (count := max(self.num_samples)) > 1:
            raise UserError(
                f"task {self.name} samples {count} answers per problem; choose one with 1 answer and use {count} seeds"
            )
        self.metrics = tuple(guarded(metric) for metric in self.metrics)
        self._lightevals_sampler, self.fewshot_sampler = self.fewshot_sampler, _Examples(self)

    def download_dataset_worker(self, _task: LightevalTask) -> dict[str, Any]:  # lighteval's signature
        if data.find_file(self.row, self.data_dir) is None:
            try:
                return LightevalTask.download_dataset_worker(self)
            except Exception as error:  # the hub's client raises dozens of types; its message is passed on
                hub_row = Task(self.name, kind="", template="", repo=self.dataset_path)
                raise data.hub_error(hub_row, error, self.data_dir) from error
        rows, _ = data.raw_rows(self.row, self.data_dir)
        splits = dict.fromkeys(self.evaluation_split, rows)
        if self.fewshot_split and self.fewshot_split not in splits:
            has_file = data.find_file(self.row, self.data_dir, self.fewshot_split)
            examples, _ = data.raw_rows(self.row, self.data_dir, self.fewshot_split if has_file else "")
            splits[self.fewshot_split] = examples
        return splits

    def eval_docs(self) -> list[Doc]:
        """The selected problems; adds `problem` (hash), `kind` (empty: it is not ours) and `gold` to doc.specific."""
        if self._docs is None:
            docs = super().eval_docs()
            rows = [self._as_row(doc) for doc in docs]
            distinguish_repeats(rows)
            for doc, row in zip(docs, rows, strict=True):
                facts = {"problem": row["problem_hash"], "kind": "", "gold": row["gold"]}
                doc.specific = {**(doc.specific or {}), **facts}
            chosen = {row["problem_hash"] for row in select(rows, *self.selection)}
            self._docs = [doc for doc in docs if doc.specific["problem"] in chosen]
        return self._docs

    def _as_row(self, doc: Doc) -> dict[str, Any]:
        """The fields of a row that `select` needs."""
        gold = "\n".join(map(str, doc.get_golds()))
        line = self.dataset[self.evaluation_split[0]][int(doc.id)] if len(self.evaluation_split) == 1 else {}
        fields = {key: value for key, value in line.items() if not key.startswith("__")}
        key = problem_hash(doc.query, gold)
        return {"id": doc.id, "problem": doc.query, "gold": gold, "problem_hash": key, "fields": fields}

    def example_pool(self, wanted: int) -> list[Doc]:
        """lighteval's own examples, one more than wanted because the problem itself may be among them."""
        return self._lightevals_sampler.sample_fewshot_examples(wanted + 1, 0)


class _Examples:
    """Few-shot examples that exclude the problem being asked.

    lighteval intends to exclude it too, but compares whole Docs, which differ in task_name, so it may show the answer.
    """

    def __init__(self, task: OurTask | LightevalsTask):
        self.pool = task.example_pool
        self.name = task.name

    def sample_fewshot_examples(
        self, num_fewshot: int, variance_seed: int, formatted_doc: Doc, sampler: Any = None
    ) -> list[Doc]:
        """The first `num_fewshot` examples that are not the problem itself (lighteval's signature).

        Raises UserError if the task does not have that many.
        """
        if num_fewshot == 0:
            return []
        examples = [doc for doc in self.pool(num_fewshot) if doc.query != formatted_doc.query][:num_fewshot]
        if len(examples) < num_fewshot:
            raise UserError(
                f"task {self.name} has only {len(examples)} few-shot examples, not {num_fewshot}; use a smaller number"
            )
        return examples
