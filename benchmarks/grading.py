"""Measure how often our grading is right and what it costs, next to recorded verdicts of lighteval and math-verify.

    python benchmarks/grading.py                      # the shared folder beside the repository, or EVALSUITE_SHARED
    python benchmarks/grading.py --shared FOLDER --wrong

There are three parts: cases with expected verdicts from the test suites of public graders; every gold of the math
benchmarks, boxed, as a response to its own problem and to the previous one; and recorded answers of real models with
labels. `--wrong` lists every case with an unexpected verdict. Writes benchmarks/results/grading.json.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from evalsuite.errors import UserError, command
from evalsuite.files import printable, write_json
from evalsuite.grading import verify

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "grading.json"
TASKS = ("aime24", "aime25", "amc23", "math_500", "minerva", "olympiadbench", "gsm8k")
SYSTEMS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


@command("benchmarks/grading.py")
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("EVALSUITE_SHARED", ROOT.parent / "shared"))
    parser.add_argument(
        "--shared", type=Path, default=shared, help="the folder with recorded data (default: %(default)s)"
    )
    parser.add_argument("--wrong", action="store_true", help="list every case with an unexpected verdict")
    arguments = parser.parse_args(argv)
    if not (arguments.shared / "grading" / "cases.jsonl").is_file():
        raise UserError(f"{arguments.shared} contains no grading/cases.jsonl; choose the folder with --shared")
    result = {
        "cases": cases(arguments.shared),
        "self_match": self_match(arguments.shared / "data"),
        "recorded": recorded(arguments.shared / "recorded"),
    }
    print(report(result, arguments.wrong))
    write_json(RESULTS, result)
    return 0


def lines(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def cases(shared: Path) -> dict:
    """The right and wrong verdicts of each grader on the scored cases, and the time of ours per case."""
    scored = [
        case for case in lines(shared / "grading" / "cases.jsonl") if not case.get("policy") and not case.get("lang")
    ]
    milliseconds: list[float] = []

    def ours(case: dict) -> bool:
        started = time.perf_counter()
        verdict = verify(case["gold"], case["response"], case["kind"])
        milliseconds.append((time.perf_counter() - started) * 1e3)
        return verdict.correct

    graders: dict[str, Callable[[dict], bool]] = {
        "verified_match": ours,
        "math-verify 0.9.0": lambda case: case["math_verify"],
        "lighteval 0.13.0": lambda case: case["lighteval"],
    }
    table = {name: _score(scored, grade) for name, grade in graders.items()}
    return {"scored": len(scored), "graders": table, "milliseconds": _spread(milliseconds)}


def _score(scored: list[dict], grade: Callable[[dict], bool]) -> dict:
    wrong = [(case, said) for case in scored if (said := grade(case)) != case["expected"]]
    return {
        "right": 1 - len(wrong) / len(scored),
        "false_positives": sum(said for _, said in wrong),
        "false_negatives": sum(not said for _, said in wrong),
        "wrong": [case["id"] for case, _ in wrong],
    }


def _spread(values: list[float]) -> dict:
    ordered = sorted(values)
    return {"median": statistics.median(ordered), "p95": ordered[int(0.95 * len(ordered))], "max": ordered[-1]}


def self_match(data: Path) -> dict:
    """Grade every gold, boxed, as the response to its own problem and to the previous one."""
    from evalsuite.tasks.data import load_rows
    from evalsuite.tasks.table import load_table

    table, counts = load_table(), {"golds": 0, "right": 0, "not_right": [], "next_taken_for_it": []}
    for name in TASKS:
        rows = load_rows(table[name], data)
        counts["golds"] += len(rows)
        for row, following in zip(rows, rows[1:] + rows[:1], strict=True):
            if _boxed(row, row["gold"], table[name].kind):
                counts["right"] += 1
            else:
                counts["not_right"].append([name, row["id"], row["gold"]])
            if following["gold"] != row["gold"] and _boxed(row, following["gold"], table[name].kind):
                counts["next_taken_for_it"].append([name, row["id"], row["gold"], following["gold"]])
    return counts


def _boxed(row: dict, answer: str, kind: str) -> bool:
    response = f"So the answer is $\\boxed{{{answer}}}$."
    return verify(row["gold"], response, kind, tolerance=row["tolerance"] or None, unit=row["unit"] or None).correct


def recorded(folder: Path) -> dict:
    """Grade real answers; returns the verdicts that differ from the labels."""
    differing, count = [], 0
    for problem in lines(folder / "qwen25math_math100x8" / "math_cot_100x8.jsonl"):
        for number, (response, label) in enumerate(zip(problem["responses"], problem["score"], strict=True)):
            verdict = verify(problem["answer"], response, "latex")
            count += 1
            if verdict.correct != label:
                differing.append(
                    [f"math100x8 {problem['id']} sample {number}", problem["answer"], verdict.extracted, label]
                )
    for problem in lines(folder / "openai_gsm8k_4systems" / "example_model_solutions.jsonl"):
        gold = problem["ground_truth"].rpartition("A: ")[2]
        for system in SYSTEMS:
            verdict = verify(gold, problem[system]["solution"], "expr")
            count += 1
            if verdict.correct != problem[system]["is_correct"]:
                differing.append(
                    [f"gsm8k {problem['id']} {system}", gold, verdict.extracted, problem[system]["is_correct"]]
                )
    return {"answers": count, "differing": differing}


def report(result: dict, wrong: bool) -> str:
    """The results as text."""
    table, took = result["cases"]["graders"], result["cases"]["milliseconds"]
    out = [
        f"{result['cases']['scored']} cases",
        f"{'grader':<20}{'right':>9}{'false positives':>18}{'false negatives':>18}",
    ]
    for name, row in table.items():
        out.append(f"{name:<20}{row['right']:>8.2%} {row['false_positives']:>17}{row['false_negatives']:>18}")
    out.append(
        f"ms per case: median {took['median']:.2f}, 95th percentile {took['p95']:.1f}, slowest {took['max']:.0f}"
    )
    own = result["self_match"]
    share = own["right"] / own["golds"]
    out.append(f"\n{own['golds']} golds as answers to their own problems: {own['right']} right ({share:.2%})")
    out += [f"  not right: {' '.join(map(str, row))}" for row in own["not_right"]]
    out += [f"  next gold accepted: {' '.join(row)}" for row in own["next_taken_for_it"]]
    real = result["recorded"]
    out.append(f"\n{real['answers']} recorded answers: {len(real['differing'])} verdicts differ from the labels")
    out += [f"  {name}: gold {gold}, answer {said}, label {label}" for name, gold, said, label in real["differing"]]
    if wrong:
        out += ["", *(f"{name}: {', '.join(row['wrong'])}" for name, row in table.items())]
    return "\n".join(printable(line, 2000) if line.strip() else line for text in out for line in text.split("\n"))


if __name__ == "__main__":
    sys.exit(main())
