"""All files of a finished sweep together take at most three times the size of its answers' text."""

import random
import time
from pathlib import Path

import pytest

from evalsuite.plan.arguments import parse
from evalsuite.plan.plan import plan
from evalsuite.plan.sweep import describe
from evalsuite.store.journal import Completion, Journal
from evalsuite.tasks import data
from evalsuite.tasks.problems import problem_hash
from tests.support.calls import Calls
from tests.support.sweeps import make_data

pytestmark = pytest.mark.slow

TOKENS = 10_000
MODEL = Path(__file__).resolve().parents[2] / "models" / "SmolLM2-135M-Instruct"
ENDS = (
    ", so \\( x_{{{0}}} = {1} \\).",
    ".",
    ": \\[ {0} \\cdot {1} \\]\n",
    " and \\frac{{{0}}}{{{1}}}.\n\n",
    ". Wait, ",
)


def prose(dice: random.Random, size: int) -> str:
    """Text that compresses somewhat worse than real reasoning: words with Zipf's frequencies, numbers and LaTeX, with a
    third of it repeated."""
    starts, ends = "b c d f g h l m n p r s t v w st tr pl ch".split(), "a e i o u ai er on in al".split()
    words = [
        "".join(dice.choice(starts) + dice.choice(ends) for _ in range(dice.choice((1, 1, 2, 3)))) for _ in range(3000)
    ]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    parts: list[str] = []
    while sum(map(len, parts)) < size:
        said = " ".join(dice.choices(words, weights, k=dice.randint(6, 18)))
        new = said + dice.choice(ENDS).format(dice.randint(2, 99), dice.randint(2, 999))
        parts.append(dice.choice(parts) if parts and dice.random() < 0.33 else new)
    return " ".join(parts)


@pytest.fixture(scope="module")
def finished(fake_server: Calls) -> tuple[Path, int, str]:
    """An output folder of 30 answers, a third of them with thinking; the size of their text in bytes; the last line of
    --dry_run."""
    if not (MODEL / "tokenizer.json").is_file():
        pytest.skip("the embedded model does not exist; bash tests/run.sh makes it")
    from transformers import AutoTokenizer

    make_data(fake_server.data, problems=30)
    tokenizer, dice, output, size = (
        AutoTokenizer.from_pretrained(MODEL),
        random.Random(5),
        fake_server.folder / "disk",
        0,
    )
    flags = ["--model", str(MODEL), "--max_new_tokens", str(TOKENS), "--max_model_length", "8192"]
    arguments = [*fake_server.arguments(output, "--base_url", fake_server.base_url), *flags]
    sweep = plan(parse(arguments))
    dry_run = describe(sweep, list(sweep.experiments))[-1]
    for experiment in sweep.experiments:
        journal = Journal(sweep.folder_of(experiment))
        for at, row in enumerate(data.load_rows(sweep.tasks[0].row, fake_server.data)):
            ids = tuple(tokenizer.encode(prose(dice, 4 * TOKENS))[: TOKENS - 20])
            said = tokenizer.decode(ids)
            said = f"<think>{said}</think>The sum is \\boxed{{7}}." if at % 3 == 0 else f"{said} \\boxed{{7}}"
            size += len(said.encode())
            name = problem_hash(row["problem"], row["gold"])
            journal.append(Completion(name, 0, said, "stop", 40, len(ids), ids, None, at, 9.0, time.time()))
        journal.close()
    outcome = fake_server.call(output, "--base_url", fake_server.base_url, *flags)
    assert outcome.code == 0 and not fake_server.fake.bodies, outcome
    return output, size, dry_run


def test_all_files_together_are_at_most_three_times_the_text(finished: tuple[Path, int, str]) -> None:
    from convert_parquet_to_csv import main

    output, size, _ = finished
    assert main([str(output)]) == 0
    left = {path: path.stat().st_size for path in output.rglob("*") if path.is_file()}
    assert sum(left.values()) <= 3 * size, {path.name: round(bytes_ / size, 2) for path, bytes_ in left.items()}
    assert not list(output.rglob("completions.jsonl"))


def test_dry_run_estimates_the_disk_space_within_a_factor_of_two(finished: tuple[Path, int, str]) -> None:
    _, size, dry_run = finished
    gigabytes = float(dry_run.partition("disk_gb=")[2].split()[0])
    assert 0.5 < gigabytes * 1e9 / (3 * size) < 2


def test_text_post_processed_is_kept_exactly_if_thinking_was_removed(finished: tuple[Path, int, str]) -> None:
    import pyarrow.parquet as pq

    for path in finished[0].rglob("*.parquet"):
        for row in pq.read_table(path).to_pylist():
            response = row["model_response"]
            thought = "<think>" in response["text"][0]
            assert (response["text_post_processed"] is not None) == thought
            assert len(response["output_tokens"][0]) == row["doc"]["specific"]["output_token_count"]
            assert not thought or "<think>" not in response["text_post_processed"][0]
