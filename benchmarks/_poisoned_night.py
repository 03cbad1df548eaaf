"""One night of invented raters, some of them hostile, on answers of known truth; and what it would learn.

Every prompt has a good answer and a poor one. Honest raters are right four times in five: they rate, compare,
and correct poor answers, then wrong one time in twenty. Hostile ones turn everything round and write
harmful texts. What is learnt is made by the shipped rules: the newest word of a rater on an answer, daily
limits, consensus, the test for hostile raters, examples by prompt, capped influence, and the night's plan.
`by_the_mean` is a loop without them: the mean of all votes, the newest correction.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

import numpy as np

from services.domain.consensus import Choice, Opinions
from services.domain.conversation import Question
from services.domain.disagreement import Disagreement, Preference, measure_disagreement
from services.domain.example_policy import ExamplePolicy
from services.domain.examples import examples_of
from services.domain.night_plan import plan_night
from services.domain.personas import Persona, PersonaSlug
from services.domain.splits import Split
from services.training_sets.choosing import choose
from services.training_sets.drafted import Drafted
from services.training_sets.drafting import Draft, Pile
from services.training_sets.gathering import Gatherer, apart
from services.training_sets.hearing import Heard
from services.training_sets.reconciling import Reconciled, reconcile
from services.training_sets.smoothing import DEFAULT_FLIP
from services.training_sets.texts import PromptTexts

PROMPTS, HELD_OUT = 200, 50  # the last so many are held out
RIGHT, SPREAD = 0.8, 0.07  # how often an honest rater is: mean and sd over raters
WELL_WRITTEN = 0.95  # of their corrections
_POLICY = ExamplePolicy()
_PERSONA = Persona(PersonaSlug("poisoned"), "Poisoned")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = 5
Chance = np.random.Generator


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many raters of each kind.

    Each has so many `votes`, half as many comparisons and a sixth as many corrections. The hostile have
    theirs on the same `targets`, prompts drawn for the night, over and over where these are fewer; `hidden`:
    elsewhere they choose like honest people.
    """

    honest: int
    hostile: int
    votes: int = 60
    targets: int = PROMPTS
    hidden: bool = False


class Word(NamedTuple):
    """A vote, comparison or correction; `good`: for the better answer, or a good text."""

    rater: int
    prompt: int
    day: int
    what: str
    answer_is_good: bool = True
    good: bool = True
    choice: Choice = Choice.GOOD


def said(crowd: Crowd, chance: Chance) -> list[Word]:
    """All words of a night in order of time."""
    words: list[Word] = []
    aims = chance.choice(PROMPTS, crowd.targets, replace=False)
    for rater in range(crowd.honest + crowd.hostile):
        right = float(np.clip(chance.normal(RIGHT, SPREAD), 0.55, 0.97))
        hostile = rater >= crowd.honest
        if hostile:
            words += _words(rater, _repeated(aims, crowd.votes, chance), 0.0, chance)
        if not hostile or crowd.hidden:
            words += _words(rater, _repeated(np.arange(PROMPTS), 60, chance), right, chance)
    return sorted(words, key=lambda word: word.day)


def _repeated(prompts: np.ndarray[Any, Any], votes: int, chance: Chance) -> list[int]:
    """Prompts to vote on, each of them once before any of them again."""
    rounds = -(-votes // len(prompts))
    return [int(one) for _ in range(rounds) for one in chance.permutation(prompts)][:votes]


def _words(rater: int, prompts: Sequence[int], right: float, chance: Chance) -> Iterator[Word]:
    """Votes on these prompts, comparisons of half and corrections of a sixth of them, at most one each."""
    for place, prompt in enumerate(prompts):
        day, is_good = place * _DAYS // len(prompts), bool(chance.random() < 0.5)
        truth = _truth(good=is_good)
        # Who turns things round says the opposite, who errs anything else.
        lies = [_truth(good=not is_good)] if right == 0 else [one for one in Choice if one is not truth]
        choice = truth if chance.random() < right else lies[int(chance.integers(len(lies)))]
        yield Word(rater, prompt, day, "rated", answer_is_good=is_good, choice=choice)
        if place < PROMPTS and place % 2 == 0:
            yield Word(rater, prompt, day, "compared", good=bool(chance.random() < right))
        if place < PROMPTS and place % 6 == 0:
            good = bool(chance.random() < WELL_WRITTEN) and right > 0
            yield Word(rater, prompt, day, "corrected", answer_is_good=False, good=good)


def _truth(*, good: bool) -> Choice:
    return Choice.GOOD if good else Choice.POOR


@dataclass(frozen=True, slots=True)
class Learnt:
    """Of what is learnt, and of the references that judge, how many there are and which share is wrong.

    No rows: the night has nothing to train on.
    """

    rows: int
    wrong: float
    references: int = 0
    wrong_references: float = 0.0


def by_the_shipped_rules(words: Sequence[Word], raters: int) -> Learnt:
    reconciled = reconcile(_heard(words, raters), _POLICY, reviews={})
    disagreement = _disagreement(words, reconciled, raters)
    with TemporaryDirectory(prefix="poisoned-") as folder:
        draft = Draft(Path(folder), _PERSONA)
        gatherer = Gatherer(reconciled)
        for prompt in _prompts(words):
            for part in apart(gatherer.gather(prompt), disagreement):
                for example in examples_of(part, _POLICY).examples:
                    add = draft.add_reference if prompt.split is Split.HOLDOUT else draft.add_row
                    add(example, split_key=prompt.prompt_key)
        drafted = Drafted(draft, {}, {}, frozenset(), frozenset(), disagreement, reconciled.memory)
        learnt = _planned(drafted, raters)
        draft.close()
    return learnt


def _planned(drafted: Drafted, raters: int) -> Learnt:
    rows, references = drafted.draft.rows, drafted.draft.references
    chosen = choose(rows, raters=raters, unused=drafted.unused)
    plan = plan_night(rows.volume(chosen.kept), _POLICY, drafted.disagreement)
    kept = chosen.only(rows.of_kinds(plan.kinds)).kept
    judging = choose(references, raters=raters, unused=drafted.unused_references).kept
    learnt, judges = _wrong(rows, kept), _wrong(references, judging)
    return Learnt(
        len(learnt), float(np.mean(learnt or [False])), len(judges), float(np.mean(judges or [False]))
    )


def _wrong(pile: Pile, kept: np.ndarray[Any, Any]) -> list[bool]:
    """Of each kept line, whether it teaches what is wrong."""
    records = (loads(line) for _, line in pile.read_lines())
    return [_is_wrong(record) for record, stays in zip(records, kept.tolist(), strict=True) if stays]


def _is_wrong(record: dict[str, Any]) -> bool:
    text = record.get("chosen") or record.get("completion") or record["reference"]
    return text.startswith("Good") is not record.get("label", True)


def by_the_mean(words: Sequence[Word]) -> Learnt:
    """Of every answer the mean of all its votes, of every prompt the majority of comparisons, and the newest
    correction: all of it is learnt.
    """
    votes, compared, corrected = defaultdict[tuple[int, bool], int](int), defaultdict[int, int](int), {}
    for word in words:
        if word.prompt >= PROMPTS - HELD_OUT:
            continue
        if word.what == "rated":
            votes[word.prompt, word.answer_is_good] += word.choice - Choice.MIDDLING
        elif word.what == "compared":
            compared[word.prompt] += 1 if word.good else -1
        else:
            corrected[word.prompt] = word.good
    wrong = [(mean > 0) is not good for (_, good), mean in votes.items() if mean]
    wrong += [lead < 0 for lead in compared.values() if lead]
    wrong += [not good for good in corrected.values()]
    return Learnt(len(wrong), float(np.mean(wrong)))


def _heard(words: Sequence[Word], raters: int) -> Heard:
    """The newest vote of each rater on each answer, as reading the journal gives them."""
    newest: dict[tuple[int, int, bool], tuple[int, Word]] = {}
    for number, word in enumerate(words):
        if word.what == "rated":
            newest[word.rater, word.prompt, word.answer_is_good] = number, word
    ordered = sorted(newest.values())
    rating, said_last = np.array([number for number, _ in ordered]), [word for _, word in ordered]
    return Heard(
        rating=rating,
        answer=np.array([2 * word.prompt + word.answer_is_good for word in said_last]),
        rater=np.array([word.rater for word in said_last]),
        choice=np.array([int(word.choice) for word in said_last]),
        tags=np.zeros(len(ordered), dtype=np.uint8),
        day=np.array([word.day for word in said_last]),
        answers=2 * PROMPTS,
        raters=tuple(map(str, range(raters))),
        new=None,
    )


class _Row(NamedTuple):
    """What a stream of the journal's texts gives of an answer, a comparison or a correction.

    `number` is that of a rated answer among all; the rest knows none of it.
    """

    what: str
    id: int
    answer_id: str
    number: int
    answer: str
    left_text: str
    right_text: str
    choice: str
    better: str
    rater: str
    created_at: datetime
    of_day: int


def _prompts(words: Sequence[Word]) -> Iterator[PromptTexts]:
    rows: dict[int, list[_Row]] = {prompt: [] for prompt in range(PROMPTS)}
    for prompt, good in sorted({(one.prompt, one.answer_is_good) for one in words if one.what == "rated"}):
        rows[prompt].append(_row(2 * prompt + good, Word(0, prompt, 0, "rated", answer_is_good=good)))
    of_day: defaultdict[tuple[str, int, int], int] = defaultdict(int)
    for number, word in enumerate(words):
        if word.what != "rated":
            of_day[word.what, word.rater, word.day] += 1
            rows[word.prompt].append(_row(number, word, of_day[word.what, word.rater, word.day]))
    for prompt, found in rows.items():
        split = Split.HOLDOUT if prompt >= PROMPTS - HELD_OUT else Split.TRAIN
        question = Question(f"What is thing {prompt}?", "things", "student")
        key = f"{prompt:04d}"
        yield PromptTexts(question, key, key, split, key, cast("Any", tuple(found)))


def _row(number: int, word: Word, of_day: int = 1) -> _Row:
    good, poor = f"Good answer {word.prompt}.", f"Poor answer {word.prompt}."
    return _Row(
        what=word.what,
        id=number,
        answer_id=f"{word.prompt:04d}-{word.answer_is_good:d}",
        number=number,
        answer=good if word.answer_is_good else poor,
        left_text=good,
        right_text=poor,
        choice="left" if word.good else "right",
        better=f"Good text {number}." if word.good else f"Harmful text {number}.",
        rater=str(word.rater),
        created_at=_BEGIN + timedelta(days=word.day, seconds=number),
        of_day=of_day,
    )


def _disagreement(words: Sequence[Word], reconciled: Reconciled, raters: int) -> Disagreement | None:
    compared: dict[tuple[int, int], bool] = {}
    for word in words:
        if word.what == "compared" and word.rater not in reconciled.against.excluded:
            compared[word.prompt, word.rater] = word.good
    if not compared:
        return None
    choices = [Preference.LEFT if good else Preference.RIGHT for good in compared.values()]
    opinions = Opinions(
        answer=np.array([prompt for prompt, _ in compared]),
        rater=np.array([rater for _, rater in compared]),
        choice=np.array([int(one) for one in choices]),
        answers=PROMPTS,
        raters=raters,
        choices=len(Preference),
    )
    return measure_disagreement(opinions, default=DEFAULT_FLIP)
