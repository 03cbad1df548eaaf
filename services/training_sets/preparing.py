"""An example made ready to be frozen, or the reason why it is not: too long, said before, in another format.

What is private in it is masked here; what is private is `privacy`'s, who said it before `repeating`'s.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from services.domain.conversation import Message, persona_messages
from services.domain.examples import DropReason, Example, Kind, read_alike
from services.domain.personas import Persona
from services.domain.splits import Split
from services.domain.training import Recipe
from services.training_sets.masking import Masking
from services.training_sets.repeating import Repeats
from services.training_sets.texts import PromptTexts

CountTokens = Callable[[tuple[Message, ...], str], int]
# No tokenizer makes more tokens than bytes of a text; this many are for the template around it.
_TEMPLATE_TOKENS = 64
_LONGEST_TOKEN = 256  # characters; counting those of a text of megabytes takes seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a row may be, in tokens of the base that will learn it.

    `recipe` is what it will be learnt with, None where nothing will learn it: an adapter that the recipe
    cannot go on from is none to start at.
    """

    max_tokens: int
    count_tokens: CountTokens
    recipe: Recipe | None = None

    def allow(self, messages: tuple[Message, ...], answers: Iterable[str]) -> bool:
        size = sum(len(message.content.encode()) for message in messages) + _TEMPLATE_TOKENS
        return all(
            size + len(answer.encode()) <= self.max_tokens
            or (
                len(answer) <= self.max_tokens * _LONGEST_TOKEN
                and self.count_tokens(messages, answer) <= self.max_tokens
            )
            for answer in filter(None, answers)
        )


class Preparing:
    """Prepares one example after another; `masking` counts what was masked so far.

    `asked_by_gates` are split keys of prompts.
    """

    def __init__(
        self, limits: Limits, repeats: Repeats, persona: Persona, *, asked_by_gates: Collection[str]
    ) -> None:
        self._limits, self._repeats, self._persona, self._asked_by_gates = (
            limits,
            repeats,
            persona,
            asked_by_gates,
        )
        self.masking = Masking()

    def prepare(self, example: Example, prompt: PromptTexts) -> Example | DropReason:
        """The example without what is private in it, or why it is not used."""
        reason = self._reason_against(example, prompt)
        masked = example if reason else self.masking.mask(example)
        if masked is not example:
            reason = self._reason_against_masked(masked)
        return reason or masked

    def _reason_against(self, example: Example, prompt: PromptTexts) -> DropReason | None:
        if prompt.split is Split.QUARANTINE:
            return DropReason.QUARANTINED
        if prompt.split is Split.TRAIN and prompt.split_key in self._asked_by_gates:
            return DropReason.ASKED_BY_GATE
        wanted = example.kind is not Kind.UNPAIRED or example.label
        rules = self._persona.answers
        if wanted and rules.validation and rules.problem(example.text, example.question.text):
            return DropReason.NOT_IN_FORMAT
        if not self._fits(example):
            return DropReason.TOO_LONG
        return DropReason.DUPLICATE if self._repeats.said_before(example, prompt.cluster) else None

    def _reason_against_masked(self, example: Example) -> DropReason | None:
        """Texts that differed in what is private may say the same now, or need more tokens."""
        if example.kind is Kind.PAIR and read_alike(example.text, example.rejected):
            return DropReason.SAME_TEXT
        return None if self._fits(example) else DropReason.TOO_LONG

    def _fits(self, example: Example) -> bool:
        messages = persona_messages(self._persona, example.question)
        return self._limits.allow(messages, (example.text, example.rejected))
