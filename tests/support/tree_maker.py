"""Small output trees for the tests of the first pass: real files, as our suite and lighteval write them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DATE = "2026-11-23T17-19-27.630043"
ANSWERS = ("4", "7", None)  # what the rows of a made experiment answer, in turn; the gold is 4


def configuration(**changes: Any) -> dict[str, Any]:
    return {"temperature": 0.6, "top_p": 0.95, "max_new_tokens": 100, "max_model_length": None, "dtype": "bfloat16",
            "use_chat_template": True, "task_version": "1"} | changes  # fmt: skip


def own_rows(count: int, tokens: bool = True) -> list[dict[str, Any]]:
    """Rows of our own details: right, wrong and unanswered in turn; the unanswered are truncated at 100 tokens."""
    rows = []
    for at in range(count):
        answer, length = ANSWERS[at % 3], 100 if at % 3 == 2 else 10 + at
        right = float(answer == "4")
        specific = {
            "problem": f"{at:016x}", "finish_reason": "length" if at % 3 == 2 else "stop",
            "output_token_count": length, "prompt_token_count": 5, "request_seed": at, "kind": "expr", "gold": "4",
            "extracted_answer": answer, "answer_class": answer and f"={answer}", "verdict_reason": "equal",
            "grading_status": "ok" if answer else "no_answer",
            "extracted_predictions": [answer, answer] if answer else [], "extracted_golds": ["4", "4"],
        }  # fmt: skip
        doc = {"query": f"problem {at}", "choices": ["4"], "gold_index": 0, "id": str(at), "specific": specific}
        response = {
            "input": "p",
            "input_tokens": [1] * 5,
            "text": ["t"],
            "output_tokens": [[7] * length] if tokens else [],
        }
        metric = {"verified_match": right, "extractive_match": right}
        rows.append({"doc": doc, "metric": metric, "model_response": response})
    return rows


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def own(root: Path, model: str = "tiny", task: str = "aime24", seed: int = 0, count: int = 6, **changes: Any) -> Path:
    """One finished experiment of ours; `changes` go into the manifest, `rows` replaces the details' rows."""
    rows = changes.pop("rows", None) or own_rows(count)
    config_id = changes.get("config_id", "temp0.6-topp0.95-max100-1a2b3c4d")
    name = changes.pop("folder", f"{task.replace(':', '-')}_{config_id}_seed{seed}")
    folder = root / model.replace("/", "_") / name
    details = f"details/{model}/{DATE}/details_{task}|0_{DATE}.parquet"
    results = f"results/{model}/results_{DATE}.json"
    write_parquet(folder / details, rows)
    scores = {metric: _mean([row["metric"][metric] for row in rows]) for metric in rows[0]["metric"]}
    write_json(folder / results, {"config_general": {"model_name": model}, "results": {f"{task}|0": scores}})
    manifest = {
        "schema_version": 1, "status": "finished", "experiment": name, "model": model, "task": task, "seed": seed,
        "config_id": config_id, "configuration": configuration(), "fingerprint": f"{seed}".zfill(64),
        "circumstances": {"max_num_seqs": 8, "max_num_batched_tokens": 64, "gpu_names": ["none"]},
        "results_file": results, "details_file": details, "journal_file": "completions.jsonl.zst",
        "metrics": ["verified_match", "extractive_match"], "num_samples": len(rows),
        "problems": [row["doc"]["specific"]["problem"] for row in rows],
        "totals": {"output_tokens": 1, "generation_seconds": 2.5, "failed": 0}, "graded_at": "2026-11-23T17:19:28",
    }  # fmt: skip
    write_json(folder / "experiment.json", manifest | changes)
    return folder


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known)


def unfinished(root: Path, model: str = "tiny", seed: int = 9, lines: int = 3, torn: str = "") -> Path:
    """An experiment of ours that has only a journal."""
    folder = root / model / f"aime24_temp0.6-topp0.95-max100-1a2b3c4d_seed{seed}"
    folder.mkdir(parents=True)
    (folder / "completions.jsonl").write_text('{"problem": "a"}\n' * lines + torn)
    return folder


def results_json(
    model: str, task_key: str, scores: dict[str, float], seed: int | None, old: bool, **parameters: Any
) -> dict:
    """A results file as lighteval writes it: parameters in model_config, or before 0.10 in config_general."""
    generation = {"seed": seed, "temperature": 0.8, "top_p": 0.9, "max_new_tokens": 100, "top_k": None} | parameters
    general: dict[str, Any] = {"lighteval_sha": "?", "max_samples": None, "total_evaluation_time_secondes": "63.1"}
    general |= {"model_name": model}
    if old:
        general |= {"model_sha": "", "model_dtype": None, "generation_parameters": generation}
    else:
        general["model_config"] = {"model_name": model, "generation_parameters": generation, "dtype": "bfloat16",
                                   "max_model_length": 2048, "seed": 1234, "max_num_seqs": 128}  # fmt: skip
    metrics = scores | {f"{name}_stderr": 0.1 for name in scores}
    config = {"name": task_key, "generation_size": 64, "effective_num_docs": -1, "version": 1, "prompt_function": "pf"}
    return {"config_general": general, "results": {task_key: metrics, "all": metrics},
            "config_tasks": {task_key if not old else task_key.rpartition("|")[0]: config}}  # fmt: skip


def nested(
    folder: Path, model: str = "org/tiny", key: str = "aime24|0", seed: int | None = 0, date: str = DATE, **more: Any
) -> Path:
    """A lighteval output folder with nested details (0.10 and later): no finish reason, no counts, no problem hash."""
    rows = more.pop("rows", None) or [_foreign(row) for row in own_rows(more.pop("count", 6))]
    scores = {"extractive_match": sum(row["metric"]["extractive_match"] for row in rows) / len(rows)}
    write_json(folder / f"results/{model}/results_{date}.json", results_json(model, key, scores, seed, False, **more))
    return write_parquet(folder / f"details/{model}/{date}/details_{key}_{date}.parquet", rows)


def _foreign(row: dict[str, Any]) -> dict[str, Any]:
    specific = {key: row["doc"]["specific"][key] for key in ("extracted_predictions", "extracted_golds")}
    metric = {"extractive_match": row["metric"]["extractive_match"]}
    return {"doc": row["doc"] | {"specific": specific}, "metric": metric, "model_response": row["model_response"]}


def flat_rows(count: int) -> list[dict[str, Any]]:
    """Rows as lighteval wrote them before 0.10."""
    return [
        {
            "example": row["doc"]["query"],
            "full_prompt": f"<user>{row['doc']['query']}",
            "gold": ["4"],
            "choices": [],
            "gold_index": [],
            "metrics": {"extractive_match": row["metric"]["extractive_match"]},
            "predictions": ["t t"],
            "cont_tokens": [row["model_response"]["output_tokens"]],
            "input_tokens": [row["model_response"]["input_tokens"]],
            "truncated": [0],
            "padded": [0],
            "specifics": {"extracted_predictions": row["doc"]["specific"]["extracted_predictions"]},
        }
        for row in own_rows(count)
    ]


def flat(
    folder: Path,
    model: str = "org/tiny",
    key: str = "custom|aime24|0",
    seed: int | None = 0,
    text: bool = False,
    **more: Any,
) -> Path:
    """A lighteval output folder with flat details; `text` writes every value as a string, as some releases do."""
    rows = more.pop("rows", None) or flat_rows(more.pop("count", 6))
    scores = {"extractive_match": sum(row["metrics"]["extractive_match"] for row in rows) / len(rows)}
    write_json(folder / f"results/{model}/results_{DATE}.json", results_json(model, key, scores, seed, True, **more))
    rows = [{name: str(value) for name, value in row.items()} for row in rows] if text else rows
    return write_parquet(folder / f"details/{model}/{DATE}/details_{key}_{DATE}.parquet", rows)


def load(folder: Path) -> dict[str, Any]:
    """The file that the first pass wrote into a folder."""
    return json.loads((folder / "all_experiments_results.json").read_text(encoding="utf-8"))
