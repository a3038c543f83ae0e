"""The condition that a training pipeline's CI asks for: is every candidate better than a named model on these tasks?"""

from dataclasses import dataclass

from evalsuite.errors import UserError
from evalsuite.summary.entries import Entry
from evalsuite.summary.gather import Summary
from evalsuite.summary.pairs import A_BETTER
from evalsuite.summary.standings import probability
from evalsuite.summary.words import some


@dataclass(frozen=True)
class Requirement:
    """Better than `baseline` on `tasks`: every one of `candidates` (all others, if none), and on which problems."""

    baseline: str
    tasks: list[str]
    candidates: list[str]
    these_problems: bool = False

    def check(self, summary: Summary) -> tuple[bool, list[str]]:
        """Whether it holds by the Holm values of a summary made with this baseline, and a line a comparison.

        What was not compared does not hold. Raises UserError for a task or candidate that is in no result.
        """
        _known(self.tasks, summary.tasks, "task")
        _known(self.candidates, [name for entry in summary.entries for name in (entry.model, entry.label)], "model")
        found = [one for task in self.tasks for one in self._on(summary, task)]
        return all(holds for holds, _ in found), [line for _, line in found]

    def _on(self, summary: Summary, task: str) -> list[tuple[bool, str]]:
        wanted = [entry for entry in summary.peers(task) if self._is_candidate(entry)]
        there = {name for entry in wanted for name in (entry.model, entry.label)}
        missing = [name for name in self.candidates if name not in there]
        found = [self._compared(summary, task, entry) for entry in wanted]
        found += [(False, f"{task}: there is no result of {name}") for name in missing]
        return found or [(False, f"{task}: there is no model to compare with {self.baseline}")]

    def _is_candidate(self, entry: Entry) -> bool:
        names = (entry.label, entry.model)
        return self.baseline not in names and (not self.candidates or any(name in self.candidates for name in names))

    def _compared(self, summary: Summary, task: str, entry: Entry) -> tuple[bool, str]:
        pairs = summary.pairs(task)
        keys = [] if pairs is None else [pairs.entries[a].key for a in pairs.a]
        if entry.key not in keys:
            return (
                False,
                f"{task}: {entry.label} cannot be compared with {self.baseline}: no shared problem or no whole seed",
            )
        values = {name: column[keys.index(entry.key)] for name, column in pairs.values.items()}
        ending = "_these_problems" if self.these_problems else ""
        holds = values["verdict_these_problems" if ending else "verdict_new_problems"] == A_BETTER
        p = probability(values[f"p_holm{ending}"]) or "unknown"
        words = f"{task}: {entry.label} is {'' if holds else 'not significantly '}better than {self.baseline}"
        return holds, f"{words}: {100 * values['difference']:+.1f} points, p {p}"


def _known(given: list[str], there: list[str], kind: str) -> None:
    for name in given:
        if name not in there:
            raise UserError(f"no {kind} {name!r} in the results; there are: {some(dict.fromkeys(there), 8)}")
