"""The task table: one row a task. Add yours here, or in a file of your own given as --custom_tasks_directory.

    from evalsuite.tasks.table import Task
    TASKS = [Task("my_task", kind="expr", template="MATH_QUERY_TEMPLATE", file="my_task.jsonl")]

Problems come from --data_dir where it holds the task, else from the hub. A local file has the columns `problem` and
`answer`; `columns` names what a data set on the hub calls them. docs/tasks.md explains every field.
Importing this file imports nothing heavy; lighteval's TASKS_TABLE is made when somebody asks for it.
"""

from evalsuite.tasks.table import Task

MATH = "MATH_QUERY_TEMPLATE"
NUMBER = "GRADE_SCHOOL_QUERY_TEMPLATE"
SHORT = "SHORT_QUERY_TEMPLATE"  # a tiny model is confused by every further word

TASKS = [
    # Competitions: the answer is an integer, so there is nothing to argue about. 30 problems: use many seeds.
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
    # AI-MO's 40 of the 50 problems, those with an integer answer; answers are floats in the data.
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
    # Minerva's OCWCourses. Golds are rounded; 1 % is the threshold that its authors give (arXiv:2206.14858, appendix).
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
    # Open-ended, text only, mathematics in English. One problem has a tolerance of its own (absolute, `error`).
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
    # Behind terms of use: accept them on the data set's page, then set HF_TOKEN.
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
    # Our own, easy enough for a model of 135 million parameters: for trying the suite, not for ranking models.
    Task("demo_arithmetic", kind="expr", template=SHORT, file="data/demo_arithmetic.jsonl", expected_tokens=45),
    Task("demo_words", kind="expr", template=SHORT, file="data/demo_words.jsonl", expected_tokens=45),
]


def __getattr__(name: str):
    if name == "TASKS_TABLE":  # what lighteval's own Registry looks for
        from evalsuite.tasks.registry import tasks_table

        return tasks_table(__file__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
