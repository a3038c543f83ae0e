"""Prompt texts: reading prompts.json, and filling in its placeholders.

The placeholders are `{problem}`, `{choices}`, `{letters}` and the single choices `{A}` to `{J}`. Braces of LaTeX are
text: those of a command (`\\boxed{ANSWER}`, `\\frac{a}{b}`), those after `_` or `^`, and empty ones. `{{word}}` is a
literal `{word}`, as in Python's str.format. Any other `{word}` is an error, so that a typo is not sent to a model.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalsuite.errors import UserError
from evalsuite.files import ROOT
from evalsuite.tasks.table import Task, load_table

DEFAULT_PROMPTS = ROOT / "prompts.json"
LETTERS = "ABCDEFGHIJ"
PLACEHOLDERS = ("problem", "choices", "letters", *LETTERS)
_TOKENS = re.compile(
    r"(?P<latex>\\[A-Za-z]+\*?(?:\[[^\]]*\])?(?:\{[^{}]*\})+|[_^]\{[^{}]*\})"
    r"|\{\{(?P<literal>\w+)\}\}"
    r"|\{(?P<name>[A-Za-z_]\w*)\}"
)


@dataclass(frozen=True)
class Prompts:
    """The texts of one prompts file, by key."""

    path: Path
    texts: Mapping[str, str]

    @property
    def system(self) -> str:
        """The system prompt. It is sent only with a chat template."""
        return self.texts["SYSTEM_PROMPT"]

    def check(self, task: Task) -> None:
        """Raise UserError unless the task's template exists and has the placeholders that its kind needs."""
        if not task.template:
            return  # a task defined for lighteval has its own prompt
        if task.template not in self.texts:
            raise UserError(f"{self.path}: key {task.template} is missing, which task {task.name} needs; add it")
        names = _names(self.texts[task.template])
        if "problem" not in names:
            raise UserError(f"{self.path}: {task.template} lacks the placeholder {{problem}}; add it")
        if task.kind == "mcq" and "choices" not in names and not {"A", "B"} <= set(names):
            raise UserError(f"{self.path}: {task.template} shows no choices; add {{choices}} or {{A}} {{B}} ...")
        if task.kind != "mcq" and (extra := [name for name in names if name != "problem"]):
            raise UserError(
                f"{self.path}: {task.template} uses {{{extra[0]}}}, but task {task.name} has no choices; remove it"
            )

    def render(self, template: str, problem: str, choices: list[str] | None = None) -> str:
        """The prompt for a problem: the template with its placeholders filled in. Braces in the values are text.

        Raises UserError if the template uses a choice that this problem does not have.
        """
        letters = LETTERS[: len(choices or ())]
        values = dict(zip(letters, choices or (), strict=True), problem=problem, letters=", ".join(letters))
        values["choices"] = "\n".join(
            f"{letter}) {choice}" for letter, choice in zip(letters, choices or (), strict=True)
        )

        def fill(match: re.Match) -> str:
            if match["name"] and match["name"] not in values:
                raise UserError(
                    f"{self.path}: {template} uses {{{match['name']}}}, but a problem has only {len(letters)} choices"
                )
            return match["latex"] or (f"{{{match['literal']}}}" if match["literal"] else values[match["name"]])

        return _TOKENS.sub(fill, self.texts[template])

    def next_problem(self, template: str) -> tuple[str, ...]:
        """Stop sequences for a base model, which after its answer makes up further problems: text that would begin one.

        Besides two common headings, this is the first sentence of the template's first line. If the template begins
        with the problem itself, it is the first line of fixed text that is long enough not to occur in an answer.
        """
        lines = [line.strip() for line in self.texts[template].splitlines()]
        ends = [match.start() for match in _TOKENS.finditer(lines[0]) if match["name"]]
        first = lines[0][: ends[0] if ends else None].strip()
        sentence = re.match(r".{8,}?[.:?!](?=\s|$)", first)
        fixed = [line for line in lines[1:] if len(line) >= 20 and not _names(line)]
        beginnings = [sentence[0] if sentence else first] if first else fixed[:1]
        return (*(f"\n{beginning}" for beginning in beginnings), "\n\nQuestion:", "\n\nProblem:")


def load_prompts(path: str | Path | None = None, table_path: str | Path | None = None) -> Prompts:
    """Read and check a prompts file: `path`, else $PROMPTS_PATH, else the suite's prompts.json.

    A text is a string or a list of lines. Raises UserError for a file that cannot be read, an unknown placeholder, or a
    missing key that the suite or a task of the table needs.
    """
    path = Path(path or os.environ.get("PROMPTS_PATH") or DEFAULT_PROMPTS)
    raw = _read(path)
    texts = {key: "\n".join(value) if isinstance(value, list) else value for key, value in raw.items()}
    for key, text in texts.items():
        if unknown := [name for name in _names(text) if name not in PLACEHOLDERS]:
            known = ", ".join(f"{{{name}}}" for name in ("problem", "choices", "letters", "A"))
            raise UserError(f"{path}: {key} has the unknown placeholder {{{unknown[0]}}}; use {known}, {{B}} ...")
    for key in ("SYSTEM_PROMPT", "MATH_QUERY_TEMPLATE"):
        if key not in texts:
            raise UserError(f"{path}: key {key} is missing; add it")
    prompts = Prompts(path, texts)
    for task in load_table(table_path).values():
        prompts.check(task)
    return prompts


def _read(path: Path) -> dict[str, str | list[str]]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"cannot read the prompts file {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path}: must be a JSON object of prompt texts")
    for key, value in raw.items():
        lines = value if isinstance(value, list) else [value]
        if not lines or not all(isinstance(line, str) for line in lines):
            raise UserError(f"{path}: {key} must be a string or a list of strings")
    return raw


def _names(text: str) -> list[str]:
    """The names of all placeholders in a text."""
    return [match["name"] for match in _TOKENS.finditer(text) if match["name"]]
