"""The task table: one row per task. Add a task here, or in a file of your own that --custom_tasks_directory points to.

    from evalsuite.tasks.table import Task
    TASKS = [Task("my_task", kind="expr", template="MATH_QUERY_TEMPLATE", file="my_task.jsonl")]

Problems are read from --data_dir if it has a file for the task, otherwise from the Hugging Face Hub. A local file has
the columns `problem` and `answer`; `columns` lists the names that the data set on the hub uses for them.
docs/tasks.md explains every field. Importing this file imports nothing heavy: lighteval's TASKS_TABLE is only built
when lighteval asks for it.
"""

from evalsuite.tasks.table import Task

MATH = "MATH_QUERY_TEMPLATE"
NUMBER = "GRADE_SCHOOL_QUERY_TEMPLATE"
SHORT = "SHORT_QUERY_TEMPLATE"  # longer instructions confuse a tiny model

TASKS = [
    # Competitions whose answers are integers, so grading is unambiguous. With only 30 problems, use many seeds.
    Task(
        "aime24",
        kind="expr",
        template=MATH,
        repo="HuggingFaceH4/aime_2024",
        split="train",
        size=30,
        expected_tokens=12000,
    ),
    Task(
        "aime25", kind="expr", template=MATH, repo="yentinglin/aime_2025", split="train", size=30, expected_tokens=13000
    ),
    # The 40 of AMC 2023's 50 problems that AI-MO kept: those with an integer answer. The data stores answers as floats.
    Task(
        "amc23",
        kind="expr",
        template=MATH,
        repo="math-ai/amc23",
        columns={"problem": ("question",)},
        size=40,
        expected_tokens=7000,
    ),
    Task(
        "math_500",
        kind="latex",
        template=MATH,
        repo="HuggingFaceH4/MATH-500",
        columns={"id": ("unique_id",)},
        size=500,
        expected_tokens=4000,
    ),
    # OCWCourses, from the Minerva paper. Reference answers are rounded; its authors accept an error of 1%
    # (arXiv:2206.14858, appendix).
    Task(
        "minerva",
        kind="latex",
        template="SCIENCE_QUERY_TEMPLATE",
        repo="math-ai/minervamath",
        columns={"problem": ("question",)},
        size=272,
        tolerance=0.01,
        expected_tokens=5000,
    ),
    # The open-ended, text-only mathematics problems in English. One of them has its own absolute tolerance (`error`).
    Task(
        "olympiadbench",
        kind="latex",
        template="OLYMPIAD_QUERY_TEMPLATE",
        repo="Hothan/OlympiadBench",
        subset="OE_TO_maths_en_COMP",
        split="train",
        columns={"problem": ("question",), "answer": ("final_answer",)},
        size=674,
        tolerance_column="error",
        unit_column="unit",
        expected_tokens=8000,
    ),
    # Gated: accept the terms of use on the data set's page, then set HF_TOKEN.
    Task(
        "gpqa:diamond",
        kind="mcq",
        template="MULTIPLE_CHOICE_QUERY_TEMPLATE",
        repo="Idavidrein/gpqa",
        subset="gpqa_diamond",
        split="train",
        columns={
            "id": ("Record ID",),
            "problem": ("Question",),
            "answer": ("Correct Answer",),
            "incorrect": ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"),
            "solution": ("Explanation",),
        },
        size=198,
        expected_tokens=8000,
    ),
    Task(
        "gsm8k",
        kind="expr",
        template=NUMBER,
        repo="openai/gsm8k",
        subset="main",
        columns={"problem": ("question",)},
        size=1319,
        answer_after="####",
        fewshot_split="train",
        expected_tokens=900,
    ),
    # Our own problems, easy enough for a model of 135 million parameters: for trying the suite, not for ranking models.
    Task("demo_arithmetic", kind="expr", template=SHORT, file="data/demo_arithmetic.jsonl", expected_tokens=45),
    Task("demo_words", kind="expr", template=SHORT, file="data/demo_words.jsonl", expected_tokens=45),
]


def __getattr__(name: str):
    if name == "TASKS_TABLE":  # the name that lighteval's own Registry looks for
        from evalsuite.tasks.registry import tasks_table

        return tasks_table(__file__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
