"""Measure the report: create one with 15,000 answers of 20 KB, and open it from disk in headless Chromium.

    python benchmarks/report.py FOLDER                      # creates the tree in FOLDER, then measures
    python benchmarks/report.py FOLDER --models 60 --tasks aime24 amc23 math_500 --seeds 2 --size 0

Prints the seconds to create the report, its sizes, the first paint of both pages, and the slowest filter and search.
Needs playwright and /usr/bin/chromium (or another one in CHROMIUM), like the browser tests.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
WORDS = """we the of a to that so then since let if is are be as by from both sides hence each number integer prime sum
product triangle circle radius angle square root modulo divides remainder counting ways choose pairs sequence term next
case first second third consider suppose assume wait check again actually therefore must at most least exactly between
equation gives substituting solving simplify factor expand coordinates length area ratio probability expected""".split()
FORMULAS = [r"$x^2 + {0}x - {1} = 0$", r"\(\frac{{{0}}}{{{1}}}\)", r"$$\sum_{{k=1}}^{{{0}}} k = {1}$$",
            r"$n \equiv {0} \pmod{{{1}}}$", r"\[\sqrt{{{0}}} < {1}\]"]  # fmt: skip
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"]  # fmt: skip
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
FILTER = """async (flag) => {
 const box = document.querySelector(`#flags input[value=${flag}]`);
 const begun = performance.now();
 box.click();
 await new Promise(requestAnimationFrame);
 await new Promise((done) => setTimeout(done));
 const taken = performance.now() - begun;
 box.click();
 return taken;
}"""


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    if not (arguments.folder / "comparison_results.json").exists():
        make(arguments)
    seconds = timed(lambda: run("-m", "evalsuite.report", str(arguments.folder), "--no-figures", "--no-zip"))
    again = timed(lambda: run("-m", "evalsuite.report", str(arguments.folder), "--no-figures", "--no-zip"))
    sizes = {"report_mb": size(arguments.folder / "report.html"), "answers_mb": size(arguments.folder / "answers")}
    print(json.dumps({"made_s": seconds, "made_again_s": again, **sizes, **measure(arguments.folder)}, indent=1))
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the tree is, or is to be created")
    parser.add_argument("--models", type=int, default=3, help="number of models (default: 3)")
    parser.add_argument("--seeds", type=int, default=10, help="seeds per task (default: 10)")
    parser.add_argument("--tasks", nargs="+", default=["math_500"], help="tasks (default: math_500)")
    parser.add_argument(
        "--size", type=int, default=20_000, help="characters per response; 0 leaves them empty (default: 20000)"
    )
    return parser.parse_args(argv)


def make(arguments: argparse.Namespace) -> None:
    """A tree of make_tree.py, its details given texts, read and summarised."""
    run("benchmarks/make_tree.py", str(arguments.folder), "--models", str(arguments.models), "--seeds",
        str(arguments.seeds), "--tasks", *arguments.tasks)  # fmt: skip
    for path in sorted(arguments.folder.glob("*/*/details/**/*.parquet")) if arguments.size else ():
        fill(path, arguments.size)
    run("analyze_results.py", str(arguments.folder))
    run("analyze_summary.py", str(arguments.folder), "--bootstrap", "1000")


def fill(path: Path, characters: int) -> None:
    """Fill a details file with prompts and responses of about `characters` characters, the same in every run."""
    table = pq.read_table(path)
    doc = table.column("doc").combine_chunks()
    rng = np.random.default_rng(list(path.parent.as_posix().encode()))
    specific = doc.field("specific")
    answers = specific.field("extracted_answer").to_pylist()
    texts = [[reasoning(rng, characters, answer)] for answer in answers]
    prompts = [question(np.random.default_rng(int(key, 16))) for key in specific.field("problem").to_pylist()]
    names = [field.name for field in doc.type]
    arrays = [pa.array(prompts) if name == "query" else doc.field(name) for name in names]
    columns = {
        "doc": pa.StructArray.from_arrays(arrays, names=names),
        "metric": table.column("metric").combine_chunks(),
    }
    pq.write_table(pa.table({**columns, "model_response": pa.array([{"text": text} for text in texts])}), path)


def question(rng: np.random.Generator) -> str:
    words = " ".join(rng.choice(WORDS, 40))
    return f"{words.capitalize()} {FORMULAS[0].format(*rng.integers(2, 99, 2))}. What is $\\frac{{a}}{{b}}$?"


def reasoning(rng: np.random.Generator, characters: int, answer: str | None) -> str:
    words = rng.choice(WORDS, characters // 6)
    parts = []
    for at in range(0, len(words), 30):
        formula = FORMULAS[int(rng.integers(len(FORMULAS)))].format(*rng.integers(2, 999, 2))
        parts.append(" ".join(words[at : at + 30]) + " " + formula + (".\n\n" if rng.random() < 0.3 else ". "))
    return "".join(parts) + (f"\n\nThe answer is \\boxed{{{answer}}}." if answer else "")


def measure(folder: Path) -> dict[str, float]:
    """Milliseconds until the first paint of both pages, and of the slowest filter and searches of the answers."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM)
        found = {}
        page = browser.new_page()
        page.goto((folder / "report.html").absolute().as_uri())
        found["report_first_paint_ms"] = page.evaluate(PAINT)
        if (folder / "answers" / "index.html").exists():
            begun = time.perf_counter()
            page.goto((folder / "answers" / "index.html").absolute().as_uri())
            page.wait_for_selector("#list > .problem")
            found["answers_first_problems_ms"] = 1000 * (time.perf_counter() - begun)
            found["answers_first_paint_ms"] = page.evaluate(PAINT)
            flags = ("wrong", "truncated", "silent", "disputed", "divided")
            found["slowest_filter_ms"] = max(page.evaluate(FILTER, flag) for flag in flags)
            found |= search(page)
        browser.close()
    return {name: round(value, 1) for name, value in found.items()}


def search(page) -> dict[str, float]:
    """Milliseconds until a search shows matching problems, and until all responses are searched."""
    before = page.inner_text("#count")
    begun = time.perf_counter()
    page.fill("#search", "coordinates ratio")
    while page.inner_text("#count") == before:
        time.sleep(0.01)
    problems = time.perf_counter() - begun
    begun = time.perf_counter()
    page.click("#deep")
    page.wait_for_selector("#deep[data-done=yes]", timeout=120_000)
    return {"search_problems_ms": 1000 * problems, "search_responses_ms": 1000 * (time.perf_counter() - begun)}


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"[:4000])


def timed(action) -> float:
    begun = time.perf_counter()
    action()
    return round(time.perf_counter() - begun, 1)


def size(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return round(sum(file.stat().st_size for file in files if file.is_file()) / 1e6, 2)


if __name__ == "__main__":
    sys.exit(main())
