"""inspect_logs/, read back with the API of inspect_ai."""

import pytest

from tests.support import report_tree

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def logs():
    from inspect_ai.log import list_eval_logs, read_eval_log

    found = [read_eval_log(one) for one in list_eval_logs(str(report_tree.report() / "inspect_logs"))]
    return {(log.eval.task, log.eval.model): log for log in found}


def test_a_configuration_is_a_log_and_its_seeds_are_epochs(logs):
    assert set(logs) == {(task, model) for task in ("aime24", "gpqa:diamond") for model in ("plain", report_tree.EVIL)}
    log = logs["aime24", "plain"]
    assert log.status == "success" and log.eval.config.epochs == 3 and len(log.samples) == 24
    assert log.eval.model_generate_config.max_tokens == 100 and log.eval.metadata["seeds"] == [0, 1, 2]


def test_samples_hold_prompt_target_response_scores_and_metadata(logs):
    samples = {(one.id, one.epoch): one for one in logs["aime24", "plain"].samples}
    one = samples["0000000000000001", 2]
    assert one.input == report_tree.QUESTIONS[1] + " Case 1." and one.target == "4"
    assert one.output.completion == report_tree.HOSTILE[1] and one.output.usage.output_tokens == 20
    assert {name: score.value for name, score in one.scores.items()} == {"verified_match": "C", "extractive_match": "I"}
    assert one.scores["verified_match"].explanation == "as written" and one.metadata["seed"] == 1
    assert samples["0000000000000007", 1].output.stop_reason == "max_tokens"


def test_the_metrics_are_those_of_the_summary(logs):
    metrics = logs["aime24", "plain"].results.scores[0].metrics
    assert metrics["accuracy"].value == pytest.approx(15 / 24) and metrics["stderr"].value > 0
