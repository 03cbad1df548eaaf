"""From what people said of one prompt to examples: demonstrations, pairs, unpaired examples, and drops.

Pure: takes opinions already reconciled (`signals`), decides row by row what each signal is good for.
Reading feedback, limits across a whole set, and freezing are `services.training_sets`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from services.domain.conversation import Question
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import BLEMISHES, FAULTS
from services.domain.signals import Correction, Preference, PromptFeedback, RatedAnswer
from services.domain.splits import Split


class DropReason(StrEnum):
    HELD_OUT = "held out to judge"
    QUARANTINED = "too like both a held-out and a training prompt"
    ASKED_BY_GATE = "a gate has asked it to judge"
    SUPERSEDED = "the same prompt has a better or newer text"
    DECIDED_ANEW = "what was said of the prompt is heard anew"
    OVERRIDDEN = "the rater said something newer of the same"
    TAKEN_BACK = "the rater took it back at once"
    OVERRULED = "a reviewer overruled it"
    NOT_AGREED = "too few raters agree that it is good"
    FAULTY = "a rater named a fault"
    UNDECIDED = "neither good nor poor by consensus"
    NO_ORDER = "neither answer is the better one"
    CONTRADICTED = "as many say the opposite"
    SAME_TEXT = "both texts say the same"
    TOO_MANY_PAIRS = "the prompt has enough pairs"
    TOO_MANY_UNPAIRED = "the prompt has enough unpaired examples"
    TOO_LONG = "longer than the context"
    NOT_IN_FORMAT = "not in the format that the persona answers in"
    RATER_FLAGGED = "a rater under review"
    BY_CHANCE = "those who compare agree as coins would"
    RATER_LIMIT = "the rater's share is used up"
    DAILY_LIMIT = "the rater's opinions of that day are used up"
    WITHOUT_RATER = "left out on request"
    BALANCED = "its domain or audience has enough rows"
    TOO_LITTLE_NEW = "waits until enough is new for a night"
    NOT_PLANNED = "no stage of the night learns from it"
    DUPLICATE = "a near duplicate of the prompt has this text"


class Kind(StrEnum):
    """What a line of a training set is; TRL's words in brackets."""

    DEMONSTRATION = "demonstration"  # prompt, completion
    PAIR = "pair"  # prompt, chosen, rejected
    UNPAIRED = "unpaired"  # prompt, completion, label


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a training set: `text` is the completion or the chosen one, `rejected` is a pair's other.

    `label` is an unpaired example's. `sources` are what it came from, `raters` who spoke (indexes).
    """

    kind: Kind
    question: Question
    prompt_key: str
    text: str
    sources: tuple[str, ...]
    raters: tuple[int, ...]
    rejected: str = ""
    label: bool | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """What a good answer to a held-out prompt is, which nobody learns from: its demonstration.

    The keys are of the prompt as it was asked, `question` may have private parts masked.
    With `rejected` it is a pair: the one of two answers that people set above the other.
    """

    prompt_key: str
    split_key: str
    question: Question
    text: str
    rejected: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What did not become an example, and why: kept with the set, so that every source is accounted for."""

    sources: tuple[str, ...]
    reason: DropReason


@dataclass(slots=True)
class PromptExamples:
    """The examples of one prompt; on a held-out prompt they are references to judge by."""

    examples: list[Example] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)

    def drop(self, reason: DropReason, *sources: str) -> None:
        if sources:
            self.dropped.append(Dropped(sources, reason))


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # among answers age does not count
# Nobody sees whether these are there: no-break marks, marks of direction, soft hyphens. Joiners are seen.
_INVISIBLE = dict.fromkeys(
    (0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF)
)


def examples_of(prompt: PromptFeedback, policy: ExamplePolicy) -> PromptExamples:
    """At most one demonstration, some pairs, and unpaired examples of answers that are clearly rated.

    One demonstration per prompt: a correction beats an answer that raters agree on beats a seed; the more
    reliable rater wins among corrections and then the newest, the surer consensus among answers. Every
    source of the prompt is in an example or among the dropped; one that made one kind of example and was
    not good enough for another is in both.
    """
    found = PromptExamples()
    prompt = replace(prompt, corrections=tuple(_real_corrections(prompt, found)))
    if prompt.split is Split.HOLDOUT:
        # What was compared judges as pairs do; a correction judges as the demonstration that it is.
        found.examples += _pairs(replace(prompt, corrections=()), policy, found)
        _set_aside(prompt, found)
    else:
        found.examples += _pairs(prompt, policy, found)
        found.examples += _unpaired(prompt, policy, found)
    _add_demonstration(prompt, policy, found)
    return found


def _real_corrections(prompt: PromptFeedback, found: PromptExamples) -> Iterator[Correction]:
    for one in prompt.corrections:
        if read_alike(one.text, one.answer_text):
            found.drop(DropReason.SAME_TEXT, one.source)
        else:
            yield one


def _set_aside(prompt: PromptFeedback, found: PromptExamples) -> None:
    """What nobody called good is of no use on a held-out prompt."""
    for answer in prompt.answers:
        if not answer.good_raters:
            found.drop(DropReason.HELD_OUT, *answer.opinions)


def _add_demonstration(prompt: PromptFeedback, policy: ExamplePolicy, found: PromptExamples) -> None:
    candidates = [
        *((_correction_rank(one), one.text, (one.source,), (one.rater,)) for one in prompt.corrections),
        *(
            ((1, answer.good, _LONG_AGO, answer.answer_id), answer.text, answer.opinions, answer.raters)
            for answer in prompt.answers
            if _is_model(answer, policy, found)
        ),
        *(((0, 0.0, seed.at, seed.source), seed.text, (seed.source,), ()) for seed in prompt.seeds),
    ]
    candidates.sort(key=lambda candidate: candidate[0], reverse=True)
    for _, text, sources, raters in candidates[:1]:
        found.examples.append(
            Example(Kind.DEMONSTRATION, prompt.question, prompt.prompt_key, text, sources, raters)
        )
    for _, _, sources, _ in candidates[1:]:
        found.drop(DropReason.SUPERSEDED, *sources)


def _correction_rank(one: Correction) -> tuple[int, float, datetime, str]:
    # Differences of reliability below a tenth say little; then the newest word counts.
    return 2, round(one.reliability, 1), one.at, one.source


def _is_model(answer: RatedAnswer, policy: ExamplePolicy, found: PromptExamples) -> bool:
    """Whether an answer is one to learn from word for word."""
    if not answer.good_raters:
        return False  # nobody offered it as good: nothing is dropped
    if answer.reasons & (FAULTS | BLEMISHES):
        found.drop(DropReason.FAULTY, *answer.opinions)
        return False
    if answer.good_raters < policy.agreeing_raters or answer.good < policy.certainty:
        found.drop(DropReason.NOT_AGREED, *answer.opinions)
        return False
    return True


def _unpaired(prompt: PromptFeedback, policy: ExamplePolicy, found: PromptExamples) -> Iterator[Example]:
    """One example for each answer that is clearly good or poor, the surest first."""
    place = 0
    for answer in sorted(prompt.answers, key=lambda one: (-max(one.good, one.poor), one.answer_id)):
        faulty = bool(answer.reasons & FAULTS)
        if faulty and answer.good > answer.poor:
            # One tag does not turn what the others find good into something to unlearn.
            if not answer.good_raters:
                found.drop(DropReason.FAULTY, *answer.opinions)
        elif not faulty and max(answer.good, answer.poor) <= 0.5:
            found.drop(DropReason.UNDECIDED, *answer.opinions)
        elif place >= policy.answers_per_prompt:
            found.drop(DropReason.TOO_MANY_UNPAIRED, *answer.opinions)
        elif answer.opinions:
            place += 1
            yield Example(
                Kind.UNPAIRED,
                prompt.question,
                prompt.prompt_key,
                answer.text,
                answer.opinions,
                answer.raters,
                label=not faulty and answer.good > answer.poor,
            )


def _pairs(prompt: PromptFeedback, policy: ExamplePolicy, found: PromptExamples) -> Iterator[Example]:
    """One pair for each two texts that people set in an order, the better supported first."""
    ranked = []
    support = _support(prompt, found)
    for (chosen, rejected), said in support.items():
        balance = _weight(said) - _weight(support.get((rejected, chosen), []))
        if balance > 0:
            ranked.append((balance, chosen, rejected, said))
        else:
            found.drop(DropReason.CONTRADICTED, *(one.source for one in said))
    ranked.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
    for place, (_, chosen, rejected, said) in enumerate(ranked):
        sources = tuple(one.source for one in said)
        if place >= policy.pairs_per_prompt:
            found.drop(DropReason.TOO_MANY_PAIRS, *sources)
            continue
        raters = tuple(one.rater for one in said)
        yield Example(
            Kind.PAIR, prompt.question, prompt.prompt_key, chosen, sources, raters, rejected=rejected
        )


def _support(prompt: PromptFeedback, found: PromptExamples) -> dict[tuple[str, str], list[Preference]]:
    """Who set which text above which."""
    support: dict[tuple[str, str], list[Preference]] = {}
    for preference in (*_of_corrections(prompt), *prompt.preferences):
        if not preference.ordered:
            found.drop(DropReason.NO_ORDER, preference.source)
        elif read_alike(preference.chosen, preference.rejected):
            found.drop(DropReason.SAME_TEXT, preference.source)
        else:
            support.setdefault((preference.chosen, preference.rejected), []).append(preference)
    return support


def _of_corrections(prompt: PromptFeedback) -> Iterator[Preference]:
    for one in prompt.corrections:
        yield Preference(one.source, one.text, one.answer_text, one.rater, one.reliability)


def _weight(said: list[Preference]) -> float:
    return sum(one.reliability for one in said)


def read_alike(one: str, other: str) -> bool:
    """Whether two texts are the same to a reader, white space and invisible characters aside."""
    return one == other or one.translate(_INVISIBLE).split() == other.translate(_INVISIBLE).split()
