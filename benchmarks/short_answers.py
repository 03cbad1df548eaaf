"""Graded short answers in English and German end to end: importer, SFT and KTO on one adapter, the gate.

    python -m benchmarks.short_answers FOLDER

FOLDER holds the base and saf_short_answer/data. Questions of its `unseen_questions` are held out; of their
answers, one with full marks stands above one with none, each answer in one pair at most. Both languages are
judged apart. A control learns from the same answers, their grades dealt out anew within each question.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from benchmarks._accounts import dropped_rows, rejected_rows
from benchmarks._nights import Judged, Learner, nights, sides
from benchmarks._shown import PREFERENCES, PREFERS, TEMPLATE, had, show
from benchmarks._table import Row
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.conversation import Question, language_of
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import Choice
from services.domain.personas import Persona, PersonaSlug, default_generation
from services.domain.splits import split_key
from services.domain.training import Objective
from services.feedback.personas import PersonaPlan
from services.training_sets.importers.formats import FormatName, read_file
from services.training_sets.importers.records import (
    ImportedComparison,
    ImportedExample,
    ImportedRating,
    Read,
)
from services.training_sets.importers.rows import Reading

NAME = "short_answers"
DATA = "saf_short_answer"
LANGUAGES = ("English", "German")
_LEARNT, _UNSEEN = ("training", "unseen_answers"), "unseen_questions"
_SEED = 0
_BEST, _WORST = 5, 1  # stars
# One grader judged every answer on one day; a question has hundreds of answers and one reference.
_POLICY = ExamplePolicy(
    objectives=(Objective.SFT, Objective.KTO),
    minimum_rows=10,
    daily_limit=100_000,
    answers_per_prompt=40,
    pairs_per_prompt=100,
)
_METRICS = ("reward_accuracy", "held_out_loss", "token_f1", "format_validity")


def measure(engine: Engine, folder: Path) -> list[Row]:
    learnt = [read for part in _LEARNT for read in _read(folder / "data" / part)]
    unseen = list(_read(folder / "data" / _UNSEEN))
    pairs = list(_pairs(unseen))
    splits = sides(_keys((*learnt, *unseen)), _keys(unseen))
    real, control = (
        Learner(_plan(slug), {NAME: [*graded, *unseen], "pairs": pairs}, splits)
        for slug, graded in (("short-answers", learnt), ("short-answers-control", _dealt_anew(learnt)))
    )
    ended = dict(nights(engine, (real, control)))
    return [
        *_read_rows([*learnt, *unseen]),
        Row("pairs held out to judge", len(pairs)),
        *_night_rows(had(ended[real.slug]), had(ended[control.slug])),
    ]


def _read(folder: Path) -> Iterator[Read]:
    for language in LANGUAGES:
        reading = Reading(language=language)
        yield from read_file(folder / language.lower(), FormatName.SHORT_ANSWER_FEEDBACK, reading)


def _keys(reads: Iterable[Read]) -> set[str]:
    return {split_key(read.question) for read in reads if isinstance(read, ImportedRating | ImportedExample)}


def _pairs(reads: Iterable[Read]) -> Iterator[ImportedComparison]:
    """An answer with full marks above one with none, in the order of the file."""
    graded: defaultdict[tuple[Question, int], dict[str, ImportedRating]] = defaultdict(dict)
    for read in reads:
        if isinstance(read, ImportedRating) and isinstance(read.verdict, int):
            graded[read.question, read.verdict].setdefault(read.answer, read)
    for question in dict.fromkeys(question for question, _ in graded):
        best, worst = graded[question, _BEST], graded[question, _WORST]
        for one, other in zip(best.values(), worst.values(), strict=False):
            if one.answer not in worst:
                yield ImportedComparison(question, one.answer, other.answer, Choice.LEFT, one.rater)


def _dealt_anew(reads: Sequence[Read]) -> list[Read]:
    chance = np.random.default_rng(_SEED)
    places: defaultdict[Question, list[int]] = defaultdict(list)
    for place, read in enumerate(reads):
        if isinstance(read, ImportedRating):
            places[read.question].append(place)
    dealt = list(reads)
    for of_question in places.values():
        for place, source in zip(of_question, chance.permutation(of_question), strict=True):
            read, other = reads[place], reads[source]
            if isinstance(read, ImportedRating) and isinstance(other, ImportedRating):
                dealt[place] = replace(read, verdict=other.verdict)
    return dealt


def _plan(slug: str) -> PersonaPlan:
    rules = AnswerRules(format=AnswerFormat.SAQ)
    persona = Persona(
        PersonaSlug(slug),
        slug,
        system_template=f"{TEMPLATE} {{audience}}",
        answers=rules,
        generation=default_generation(rules),
    )
    return PersonaPlan(persona, _POLICY, PREFERS, recipe_overrides=PREFERENCES)


def _read_rows(reads: Sequence[Read]) -> list[Row]:
    graded = [read for read in reads if isinstance(read, ImportedRating)]
    references = [read for read in reads if isinstance(read, ImportedExample)]
    languages = Counter(language_of(read.question.audience) for read in graded)
    return [
        *(Row(f"graded answers read, {language}", count) for language, count in languages.items()),
        Row("questions", len({read.question for read in graded})),
        Row("reference answers read", len(references)),
        *rejected_rows(reads),
    ]


def _night_rows(real: Judged, control: Judged) -> list[Row]:
    """`theirs` is the control."""
    slices = ("overall", *(f"language:{language}" for language in LANGUAGES))
    keys = [f"{metric}, {slice_name}" for metric in _METRICS for slice_name in slices]
    counts, counts_control = real.training_set["counts"], control.training_set["counts"]
    return [
        *(Row(f"{kind} learnt", counts[kind], counts_control[kind]) for kind in counts),
        *dropped_rows("sources", real.training_set["dropped"]),
        *(
            Row(
                f"{key}: before {real.metrics_before[key]:.3f}; after",
                real.metrics[key],
                control.metrics[key],
            )
            for key in keys
            if key in real.metrics
        ),
        Row("verdict of the gate", real.verdict.value, control.verdict.value),
        Row("training, seconds", real.seconds, control.seconds),
    ]


def main(arguments: Sequence[str]) -> int:
    return show(NAME, DATA, arguments, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
