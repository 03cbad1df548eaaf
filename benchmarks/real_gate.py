"""The gate on published human judgements: how often it promotes what people find no better, and what they do.

    python -m benchmarks.real_gate FOLDER

FOLDER holds pandalm_human_test, qa_feedback and saf_short_answer. A judgement of two systems' answers is an
item: the candidate has 1 where its answer was preferred, the champion then 0, and both 0.5 on a tie. Nights
are drawn with replacement from the prompts, each with all its judgements, which are one witness. For equal
versions a coin decides for each pair of answers, whoever judged it, which of the two is the candidate's. Of
the graded short answers both versions give one that a student gave, drawn for the same question; a better
version gives the best of two, always or half the time, and a question is one witness.

The shipped gate judges what people said as the target (reward accuracy) under its shipped risks. Nobody
judged facts, general ability or safety here: the policy asks for nothing else. A quarter of the prompts is
sealed.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks._shares import upper_bound
from benchmarks._table import Bar, Relation, Row, report
from services.domain.checks import Verdict
from services.domain.evidence import Evidence, Scores, SuiteItems
from services.domain.gate import decide
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.statistics import Floats
from services.training_sets.importers.formats import FormatName, read_file
from services.training_sets.importers.records import ImportedRating
from services.training_sets.importers.rows import Reading

NAME = "real_gate"
SEED = 20_260_505
NIGHTS, NIGHTS_EACH = 1_000, 200
SEALED = 0.25
POLICY = GatePolicy((Requirement("reward_accuracy", limit=0.0, minimum_items=50),))
_HARDLY = Bar(Relation.AT_MOST, 0.01)
_PARTS = ("pandalm_human_test", "qa_feedback", "saf_short_answer")
_ANNOTATORS = ("annotator1", "annotator2", "annotator3")
_MOST_STARS = 5
_DRAWS = 20  # answers to a question in one night
Chance = np.random.Generator
# Of each prompt its pairs of answers: by how much each judge preferred the first (1, 0 or -1).
Judgements = Mapping[str, Sequence[Sequence[float]]]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two systems of which people said, on the whole, that the first is `better` by so much net."""

    name: str
    judged: Judgements

    @property
    def better(self) -> float:
        return float(np.mean([one for pairs in self.judged.values() for pair in pairs for one in pair]))


def pandalm(folder: Path) -> Iterator[Contrast]:
    """Each two of five systems, the one that people prefer first; three judges each."""
    with (folder / "testset-v1.json").open(encoding="utf-8") as file:
        records = json.load(file)
    found: defaultdict[str, defaultdict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        votes = [float({"1": 1, "2": -1}.get(str(record[one]), 0)) for one in _ANNOTATORS]
        found[record["cmp_key"]][f"{record['instruction']}\n{record['input']}"].append(votes)
    for systems, judged in sorted(found.items()):
        yield _preferred_first("PandaLM", systems.split("_"), judged)


def qa_feedback(folder: Path) -> Iterator[Contrast]:
    """Each two of four predictions."""
    with (folder / "dev_feedback.json").open(encoding="utf-8") as file:
        records = json.load(file)
    for place, pair in enumerate(combinations(range(1, 5), 2)):
        votes = {
            record["question"]: [[float({1: 1, 2: -1}.get(record["preference"][place], 0))]]
            for record in records
        }
        yield _preferred_first("QA feedback", [f"prediction {one}" for one in pair], votes)


def _preferred_first(source: str, systems: Sequence[str], judged: Judgements) -> Contrast:
    first, second = systems
    contrast = Contrast(f"{source}: {first} over {second}", judged)
    if contrast.better >= 0:
        return contrast
    turned = {prompt: [[-one for one in pair] for pair in pairs] for prompt, pairs in judged.items()}
    return Contrast(f"{source}: {second} over {first}", turned)


def short_answers(folder: Path) -> dict[str, Floats]:
    """The grades (answers,) between 0 and 1 of each question."""
    grades = defaultdict[str, list[float]](list)
    for file in sorted((folder / "data").glob("*/*/*.xml")):
        for read in read_file(file, FormatName.SHORT_ANSWER_FEEDBACK, Reading()):
            if isinstance(read, ImportedRating) and isinstance(read.verdict, int):
                grades[read.question.text].append((read.verdict - 1) / (_MOST_STARS - 1))
    return {question: np.array(given) for question, given in grades.items() if len(given) >= 2 * _DRAWS}


@dataclass(frozen=True, slots=True)
class _Item:
    prompt: int
    ours: float
    theirs: float


def _promoted(items: Sequence[_Item], chance: Chance) -> bool:
    """Whether the shipped gate lets a candidate through that answers like this beside the champion."""
    prompts = np.array([item.prompt for item in items])
    sealed = chance.random(int(prompts.max()) + 1) < SEALED
    suite = SuiteItems(
        keys=tuple(map(str, range(len(items)))),
        clusters=prompts,
        strata=("",) * len(items),
        sealed=sealed[prompts],
        slices={},
    )
    ours, theirs = (
        Evidence(
            version,
            version,
            "suite",
            "1",
            "settings",
            {POLICY.improves: Scores(np.array(values), np.ones(len(items)))},
        )
        for version, values in (
            (2, [item.ours for item in items]),
            (1, [item.theirs for item in items]),
        )
    )
    return decide(suite, ours, theirs, theirs, POLICY).verdict is Verdict.PASS


def _drawn(judged: Judgements, turn: Callable[[], float], chance: Chance) -> list[_Item]:
    """A night of as many prompts as there are; `turn` gives each pair's sign."""
    pairs_of = list(judged.values())
    items = []
    for prompt, which in enumerate(chance.integers(len(pairs_of), size=len(pairs_of)).tolist()):
        for pair in pairs_of[which]:
            sign = turn()
            items += [_Item(prompt, (1 + sign * one) / 2, (1 - sign * one) / 2) for one in pair]
    return items


def compared(source: str, contrasts: Sequence[Contrast], chance: Chance) -> list[Row]:
    def coin() -> float:
        return float(chance.choice((-1.0, 1.0)))

    equal = sum(
        _promoted(_drawn(contrasts[night % len(contrasts)].judged, coin, chance), chance)
        for night in range(NIGHTS)
    )
    rows = [_share(f"{source}: equal by a coin, promoted", equal, NIGHTS, _HARDLY)]
    worse = 0
    for contrast in contrasts:
        hits, wrong = (
            sum(
                _promoted(_drawn(contrast.judged, partial(float, sign), chance), chance)
                for _ in range(NIGHTS_EACH)
            )
            for sign in (1.0, -1.0)
        )
        worse += wrong
        told = f"{contrast.name}, preferred by {100 * contrast.better:.0f} points net: promoted"
        rows.append(_share(told, hits, NIGHTS_EACH))
    trials = len(contrasts) * NIGHTS_EACH
    return [*rows, _share(f"{source}: the other one of each two, promoted", worse, trials, _HARDLY)]


def graded(grades: Mapping[str, Floats], chance: Chance) -> list[Row]:
    rows = [Row("graded answers: questions with enough of them", len(grades))]
    for name, often, bar in (("equal", 0.0, _HARDLY), ("better", 1.0, None), ("a little better", 0.5, None)):
        nights = [_graded_night(grades, often, chance) for _ in range(NIGHTS)]
        hits = sum(_promoted(items, chance) for items in nights)
        better = np.mean([item.ours - item.theirs for items in nights for item in items])
        rows.append(
            _share(f"graded answers, {name} by {100 * better:.1f} points: promoted", hits, NIGHTS, bar)
        )
    return rows


def _graded_night(grades: Mapping[str, Floats], often: float, chance: Chance) -> list[_Item]:
    """Of each question drawn so many answers of both; `often` the candidate gives the best of two."""
    questions = list(grades.values())
    items = []
    for prompt, which in enumerate(chance.integers(len(questions), size=len(questions)).tolist()):
        given = chance.permutation(questions[which])
        ours, theirs = given[:_DRAWS].copy(), given[_DRAWS : 2 * _DRAWS]
        again = chance.random(_DRAWS) < often
        ours[again] = np.maximum(ours, chance.choice(questions[which], _DRAWS))[again]
        items += [_Item(prompt, *pair) for pair in zip(ours.tolist(), theirs.tolist(), strict=True)]
    return items


def _share(what: str, hits: int, trials: int, bar: Bar | None = None) -> Row:
    return Row(f"{what} (95 % upper bound {upper_bound(hits, trials):.4f})", hits / trials, bar=bar)


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        print(f"{NAME} is left out: it needs the folder of {', '.join(_PARTS)} as its argument.")
        return 0
    folder = Path(arguments[0])
    if missing := [part for part in _PARTS if not (folder / part).is_dir()]:
        print(f"{folder} holds no {' and no '.join(missing)}: name a folder of all.", file=sys.stderr)
        return 2
    chance = np.random.default_rng(SEED)
    rows = [
        *compared("PandaLM", list(pandalm(folder / _PARTS[0])), chance),
        *compared("QA feedback", list(qa_feedback(folder / _PARTS[1])), chance),
        *graded(short_answers(folder / _PARTS[2]), chance),
    ]
    report(NAME, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
