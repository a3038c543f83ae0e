"""Our tasks in lighteval's real pipeline: which problems are asked, how answers are graded, what is saved."""

import json
import os
import time
from types import SimpleNamespace

import pyarrow.parquet
import pytest

from evalsuite.errors import UserError
from evalsuite.tasks.problems import Selection
from evalsuite.tasks.table import ROOT

lighteval = pytest.importorskip("lighteval.pipeline")

from lighteval.logging.evaluation_tracker import EvaluationTracker  # noqa: E402
from lighteval.models.abstract_model import LightevalModel, ModelConfig  # noqa: E402
from lighteval.models.model_output import ModelResponse  # noqa: E402
from lighteval.tasks.lighteval_task import LightevalTask  # noqa: E402
from lighteval.tasks.registry import Registry  # noqa: E402

from evalsuite.bounded import Bounded  # noqa: E402
from evalsuite.tasks import metrics, registry  # noqa: E402

pytestmark = pytest.mark.slow

SETS = ["aime24", "aime25", "amc23", "math_500", "minerva", "olympiadbench", "gsm8k", "demo_arithmetic", "demo_words"]
PROBLEMS = [{"problem": f"What is {n} + {n}?", "answer": str(2 * n), "solution": f"It is {2 * n}."} for n in range(8)]
USERS_FILE = """
from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

def prompt(line, task_name=None):
    return Doc(task_name=task_name, query=line["q"], choices=[line["a"]], gold_index=0)

TASKS_TABLE = [
    LightevalTaskConfig(name="mine", prompt_function=prompt, hf_repo="x", hf_subset="default",
                        evaluation_splits=["test"], metrics=[Metrics.expr_gold_metric])
]
"""


class Saying(LightevalModel):
    """A model that gives every problem the same answer, with the problem's gold in place of `{gold}`."""

    tokenizer = None
    add_special_tokens = False
    max_length = 1000

    def __init__(self, words):
        self.words = words
        self.config = ModelConfig(model_name="saying")
        self._cache = SimpleNamespace(_init_registry=lambda registry: None)

    def greedy_until(self, docs):
        texts = [self.words.replace("{gold}", doc.specific["gold"]) for doc in docs]
        return [ModelResponse(input=doc.query, text=[text]) for doc, text in zip(docs, texts, strict=True)]

    def loglikelihood(self, docs):
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the real pipeline over a task and returns (results JSON, rows of the details)."""
    monkeypatch.setattr(Registry, "load_all_task_configs", Registry.load_all_task_configs)  # restored afterwards
    monkeypatch.setattr(Registry, "load_tasks", Registry.load_tasks)
    monkeypatch.chdir(tmp_path)  # lighteval opens any file in the current folder that has the task's name

    def go(spec, words, **where):
        registry.install(**where)
        tracker = EvaluationTracker(output_dir=str(tmp_path / "out"), save_details=True)
        parameters = lighteval.PipelineParameters(launcher_type=lighteval.ParallelismManager.NONE)
        pipeline = lighteval.Pipeline(spec, parameters, tracker, model=Saying(words))
        pipeline.evaluate()
        pipeline.save_and_push_results()
        (results,) = (tmp_path / "out/results").rglob("*.json")
        (details,) = (tmp_path / "out/details").rglob("*.parquet")
        return json.loads(results.read_text()), pyarrow.parquet.read_table(details).to_pylist()

    return go


@pytest.fixture
def data_dir(tmp_path):
    """A folder with the same eight easy problems as the data of three tasks."""
    folder = tmp_path / "data"
    folder.mkdir()
    text = "".join(json.dumps(row) + "\n" for row in PROBLEMS)
    for name in ("aime24", "gsm8k", "gsm_plus"):
        (folder / f"{name}.jsonl").write_text(text)
    return folder


@pytest.fixture
def runner():
    """`metrics.set_runner`, with the default runner restored after the test."""
    yield metrics.set_runner
    metrics.set_runner(metrics.call_directly)


@pytest.mark.parametrize("name", SETS)
def test_right_answers_score_one_in_an_ordinary_pipeline(run, shared, name):
    results, rows = run(f"{name}|0", r"So it is $\boxed{{gold}}$.", data_dir=shared / "data", selection=Selection(6))
    scores = results["results"][f"{name}|0"]
    assert len(rows) == 6 and scores["verified_match"] == 1.0 and scores["extractive_match"] >= 5 / 6
    for row in rows:
        facts = row["doc"]["specific"]
        assert row["metric"]["verified_match"] == 1.0 and facts["grading_status"] == "ok"
        assert facts["answer_class"] is not None and facts["extracted_predictions"]
        assert row["doc"]["original_query"] in row["doc"]["query"]


def test_missing_answers_score_zero_and_say_so(run, data_dir):
    _, rows = run("aime24|0", "", data_dir=data_dir)
    assert {(row["metric"]["verified_match"], row["doc"]["specific"]["grading_status"]) for row in rows} == {
        (0.0, "no_answer")
    }
    assert all(row["doc"]["specific"]["extracted_answer"] is None for row in rows)


def test_multiple_choice_is_graded_by_letter(run, tmp_path):
    row = {"Question": "Which is even?", "Correct Answer": "2"}
    row |= {f"Incorrect Answer {number}": str(2 * number + 1) for number in (1, 2, 3)}
    rows = [row | {"Question": f"Which is even ({number})?"} for number in range(12)]
    (tmp_path / "gpqa-diamond.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    results, details = run("gpqa:diamond|0", r"\boxed{{gold}}", data_dir=tmp_path)
    assert results["results"]["gpqa:diamond|0"]["verified_match"] == 1.0
    assert {row["doc"]["specific"]["gold"] for row in details} == set("ABCD")
    assert all(row["doc"]["choices"] == list("ABCD") for row in details)
    for row in details:
        place = "ABCD".index(row["doc"]["specific"]["gold"])
        assert row["doc"]["gold_index"] == place and f"{row['doc']['specific']['gold']}) 2" in row["doc"]["query"]


def test_the_hash_in_the_details_is_that_of_the_problem_and_its_gold(run, data_dir):
    from evalsuite.tasks.problems import problem_hash

    _, rows = run("aime24|0", "x", data_dir=data_dir)
    for row in rows:
        facts = row["doc"]["specific"]
        assert facts["problem"] == problem_hash(row["doc"]["original_query"], facts["gold"])


def test_lighteval_task_gives_the_same_prompts_as_the_pipeline(run, data_dir):
    chosen = {"data_dir": data_dir, "selection": Selection(5)}
    _, rows = run("gsm8k|2", "x", **chosen)
    docs = registry.lighteval_task("gsm8k|2", **chosen).get_docs()
    assert [doc.query for doc in docs] == [row["doc"]["query"] for row in rows]
    assert [[shot.query for shot in doc.fewshot_samples] for doc in docs] == [
        [shot["query"] for shot in row["doc"]["fewshot_samples"]] for row in rows
    ]


@pytest.mark.parametrize("spec", ["aime24|3", "gsm8k|3", "gsm_plus|3"])
def test_examples_never_show_the_problem_itself(data_dir, spec):
    rows = [row | {"question": row["problem"], "perturbation_type": "none"} for row in PROBLEMS]
    (data_dir / "gsm_plus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    docs = registry.lighteval_task(spec, data_dir=data_dir).get_docs()
    assert len(docs) == 8
    for doc in docs:
        assert len(doc.fewshot_samples) == 3 and doc.query not in [shot.query for shot in doc.fewshot_samples]


def test_lightevals_own_sampler_shows_the_problem_itself(data_dir):
    """This is why we have our own sampler. When this test fails, lighteval has been fixed."""
    task = registry.lighteval_task("aime24|7", data_dir=data_dir)
    from lighteval.tasks.prompt_manager import FewShotSampler

    task.fewshot_sampler = FewShotSampler(task)
    assert any(doc.query in [shot.query for shot in doc.fewshot_samples] for doc in task.get_docs())


def test_examples_have_boxed_solutions_and_do_not_depend_on_which_problems_are_asked(data_dir):
    few = registry.lighteval_task("aime24|2", data_dir=data_dir, selection=Selection(2)).get_docs()
    every = {doc.query: doc for doc in registry.lighteval_task("aime24|2", data_dir=data_dir).get_docs()}
    for doc in few:
        shots = [(shot.query, shot.get_golds()) for shot in doc.fewshot_samples]
        assert shots == [(shot.query, shot.get_golds()) for shot in every[doc.query].fewshot_samples]
        assert all(gold.startswith("It is ") and "\\boxed{" in gold for _, (gold,) in shots)


def test_examples_come_from_the_train_file_if_it_exists(data_dir):
    (data_dir / "gsm8k").mkdir()
    train = [{"problem": f"Train {n}", "answer": f"Take <<2*{n}={2 * n}>>{2 * n}.\n#### {2 * n}"} for n in range(4)]
    (data_dir / "gsm8k/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in train))
    doc = registry.lighteval_task("gsm8k|4", data_dir=data_dir).get_docs()[0]
    assert {shot.query.splitlines()[0][:5] for shot in doc.fewshot_samples} == {"Train"}
    assert all("<<" not in shot.get_golds()[0] and "####" not in shot.get_golds()[0] for shot in doc.fewshot_samples)


def test_asking_for_too_many_examples_is_a_user_error(data_dir):
    task = registry.lighteval_task("aime24|8", data_dir=data_dir)
    with pytest.raises(UserError, match="task aime24 has only 7 few-shot examples, not 8"):
        task.get_docs()


def test_running_one_of_lightevals_tasks_does_not_import_the_others(run, data_dir):
    import sys

    rows = [row | {"question": row["problem"], "perturbation_type": "none"} for row in PROBLEMS]
    (data_dir / "gsm_plus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = {name for name in sys.modules if name.startswith("lighteval.tasks.tasks.")}
    results, details = run("gsm_plus|0", "The answer is {gold}.", data_dir=data_dir)
    after = {name for name in sys.modules if name.startswith("lighteval.tasks.tasks.")}
    assert after - before <= {"lighteval.tasks.tasks.gsm_plus"}
    assert results["results"]["gsm_plus|0"]["extractive_match"] == 1.0
    assert len({row["doc"]["specific"]["problem"] for row in details}) == 8


def test_a_users_lighteval_file_runs(run, tmp_path, data_dir):
    table = tmp_path / "mine.py"
    table.write_text(USERS_FILE)
    (data_dir / "mine.jsonl").write_text("".join(json.dumps({"q": f"{n}?", "a": str(n)}) + "\n" for n in range(5)))
    results, rows = run("mine|0", "It is {gold}.", table_path=table, data_dir=data_dir, selection=Selection(3))
    assert results["results"]["mine|0"]["extractive_match"] == 1.0 and len(rows) == 3


@pytest.mark.parametrize(
    "spec, said",
    [("arc:easy|0", "scores log-probabilities"), ("aime24_avg|0", "defines no task aime24_avg")],
)
def test_a_task_that_cannot_run_is_a_user_error(spec, said, tmp_path):
    with pytest.raises(UserError, match=said):
        registry.lighteval_task(spec, data_dir=tmp_path)


def test_lightevals_registry_can_load_the_table_file_itself():
    module = Registry.create_custom_tasks_module(str(ROOT / "lighteval_tasks.py"))
    configs = Registry._extract_configs(module)
    assert "aime24" in configs and configs["aime24"].hf_repo == "HuggingFaceH4/aime_2024"
    doc = configs["gsm8k"].prompt_function({"question": "Q?", "answer": "a\n#### 7", "__index": 0}, "gsm8k")
    assert doc.get_golds() == ["7"] and "Q?" in doc.query and isinstance(LightevalTask(configs["gsm8k"]), LightevalTask)


def hang(doc, response):
    """A metric that takes too long."""
    time.sleep(3600)


def test_a_metric_call_that_takes_too_long_is_recorded_and_the_rest_is_graded(run, data_dir, runner):
    with Bounded(lambda function, doc, response: function(doc, response), seconds=600.0) as bounded:

        def bounded_run(function, doc, response):
            late = "3 + 3" in doc.query
            bounded.seconds = 0.5 if late else 600.0
            return bounded(hang if late else function, doc, response)

        runner(bounded_run)
        _, rows = run("aime24|0", r"\boxed{{gold}}", data_dir=data_dir)
    statuses = {row["doc"]["original_query"]: row["doc"]["specific"] for row in rows}
    late = statuses.pop("What is 3 + 3?")
    assert late["grading_status"] == late["extractive_status"] == "timeout" and "0.5 s" in late["verdict_reason"]
    assert all(facts["grading_status"] == facts["extractive_status"] == "ok" for facts in statuses.values())


def test_both_metrics_go_through_the_runner_with_functions_that_can_be_pickled(data_dir, runner):
    import pickle

    seen = []

    def pickling(function, doc, response):
        seen.append(os.getpid())
        return pickle.loads(pickle.dumps(function))(*pickle.loads(pickle.dumps((doc, response))))

    runner(pickling)
    task = registry.lighteval_task("aime24|0", data_dir=data_dir)
    doc = task.get_docs(1)[0]
    answer = ModelResponse(text=[rf"\boxed{{{doc.specific['gold']}}}"])
    values = [metric.compute_sample(doc=doc, model_response=answer) for metric in task.metrics]
    assert values == [{"verified_match": 1.0}, {"extractive_match": 1.0}] and len(seen) == 2
    assert doc.specific["extracted_golds"] and doc.specific["grading_status"] == "ok"


def test_an_answer_that_breaks_the_grader_scores_zero_with_the_reason(data_dir, runner):
    def breaking(function, doc, response):
        raise RecursionError("too deep")

    runner(breaking)
    task = registry.lighteval_task("aime24|0", data_dir=data_dir)
    doc = task.get_docs(1)[0]
    assert task.metrics[0].compute_sample(doc=doc, model_response=ModelResponse(text=["x"])) == {"verified_match": 0.0}
    assert doc.specific["grading_status"] == "error" and "too deep" in doc.specific["verdict_reason"]
