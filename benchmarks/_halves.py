"""A persona's files in two halves by question, one for each of two nights, and their control.

The control's answers are dealt out anew among the questions it learns from, within each half; those it is
judged by stay with their questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.real_personas import PERSONAS, RealPersona
from services.demo.chance import shuffled
from services.domain.conversation import Question
from services.domain.example_policy import ExamplePolicy
from services.domain.personas import PersonaSlug
from services.domain.splits import Split, assign_split, split_key
from services.training_sets.importers.formats import FormatName, read_file
from services.training_sets.importers.records import ImportedExample
from services.training_sets.importers.rows import Reading

SEED = 0
_HOLDOUT_PERCENT = ExamplePolicy().holdout_percent


@dataclass(frozen=True, slots=True)
class Pupil:
    """`dealt` says that it is the control."""

    persona: RealPersona
    dealt: bool = False

    @property
    def slug(self) -> str:
        return f"{self.persona.slug}-dealt" if self.dealt else self.persona.slug


PUPILS = (*map(Pupil, PERSONAS), *(Pupil(persona, dealt=True) for persona in PERSONAS))


def halves(pupil: Pupil, folder: Path) -> tuple[list[ImportedExample], list[ImportedExample]]:
    """What can be read of the persona's files, a question with all of its answers in one half."""
    found: tuple[list[ImportedExample], list[ImportedExample]] = ([], [])
    for name in pupil.persona.files:
        for read in read_file(folder / name, FormatName.INSTRUCTIONS, Reading()):
            if isinstance(read, ImportedExample):
                found[int(split_key(read.question)[0], 16) % 2].append(read)
    return (_dealt(found[0]), _dealt(found[1])) if pupil.dealt else found


def side(question: Question) -> Split:
    """The same for a persona and its control, whose names would draw others."""
    return assign_split(PersonaSlug("two-nights"), split_key(question), holdout_percent=_HOLDOUT_PERCENT)


def _dealt(reads: Sequence[ImportedExample]) -> list[ImportedExample]:
    learnt = [read for read in reads if side(read.question) is Split.TRAIN]
    answers = shuffled([read.completion for read in learnt], SEED, "answers")
    return [read for read in reads if side(read.question) is not Split.TRAIN] + [
        replace(read, completion=answer) for read, answer in zip(learnt, answers, strict=True)
    ]
