"""TruthfulQA as comparisons through importer, assembler, DPO and gate, 5-fold by question, and as thumbs.

    python -m benchmarks.truthfulqa FOLDER

FOLDER holds the base and truthfulqa/TruthfulQA.csv. Each fold is a persona that never learns from its fifth
of the questions and is judged on it. Beside each stands a control whose better and worse answers, or thumbs,
a coin exchanged, one toss a question, on both sides of the holdout.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from benchmarks._intervals import Accuracy, accuracy, preferences
from benchmarks._nights import Judged, Learner, nights, sides
from benchmarks._shown import PREFERENCES, YES, plan, show, yes
from benchmarks._shuffled import SEED, shuffled, turned_back
from benchmarks._table import Bar, Figure, Relation, Row
from services.domain.checks import Verdict
from services.domain.conversation import Question, user_text
from services.domain.example_policy import ExamplePolicy
from services.domain.splits import split_key
from services.domain.training import Objective
from services.training_sets.deduplication import clusters, sign
from services.training_sets.importers.formats import FormatName, read_file
from services.training_sets.importers.records import ImportedComparison, Read
from services.training_sets.importers.rows import Reading

NAME = "truthfulqa"
FOLDS = 5
DPO, KTO = "dpo", "kto"
CONTROLS = {DPO: "control", KTO: "kto-control"}
KINDS = (*CONTROLS, *CONTROLS.values())
_ACCURACY = "reward_accuracy, overall"
_PREFERRED = Bar(Relation.AT_LEAST, 0.7)
# One author judged every answer on one day.
_COMPARED = ExamplePolicy(objectives=(Objective.DPO,), daily_limit=100_000, pairs_per_prompt=2)
_JUDGED = replace(_COMPARED, objectives=(Objective.KTO,), answers_per_prompt=100)
# Chosen on the first fold among five settings. At the rate of DPO one fold in four learnt nothing.
_PACE = {KTO: ("preference.epochs=3", "preference.learning_rate=3e-4")}
_PACE[CONTROLS[KTO]] = _PACE[KTO]


# By kind and fold; not every fold has one.
Nights = Mapping[str, Mapping[int, Judged]]


def measure(engine: Engine, folder: Path) -> list[Row]:
    learners = _learners(folder / "TruthfulQA.csv")
    judged: dict[str, Judged] = {}
    for slug, night in nights(engine, learners):
        if isinstance(night, str):
            print(f"{slug} had no night: {night}", flush=True)
        else:
            judged[slug] = night
            reached = night.metrics[_ACCURACY]
            print(f"{slug}: reward accuracy {reached:.3f}, {night.verdict}", flush=True)
    kinds = {
        kind: {fold: judged[_slug(kind, fold)] for fold in range(FOLDS) if _slug(kind, fold) in judged}
        for kind in KINDS
    }
    return [
        *(row for kind in CONTROLS for row in (*_accuracy_rows(kind, kinds), *_fold_rows(kind, kinds))),
        *_cost_rows(kinds),
    ]


def _learners(file: Path) -> list[Learner]:
    compared = list(read_file(file, FormatName.TRUTHFULQA, Reading()))
    thumbs = list(read_file(file, FormatName.TRUTHFULQA_THUMBS, Reading()))
    exchanged = shuffled(compared)
    folds = _folds(dict.fromkeys(read.question for read in compared if isinstance(read, ImportedComparison)))
    splits = [sides(folds, {key for key, of in folds.items() if of == fold}) for fold in range(FOLDS)]
    # The comparisons of KTO's personas are not learnt from: those of held-out questions judge as DPO's do.
    sources: list[tuple[str, ExamplePolicy, dict[str, list[Read]]]] = [
        (DPO, _COMPARED, {NAME: compared}),
        (CONTROLS[DPO], _COMPARED, {NAME: exchanged}),
        (KTO, _JUDGED, {"thumbs": thumbs, NAME: compared}),
        (CONTROLS[KTO], _JUDGED, {"thumbs": shuffled(thumbs), NAME: exchanged}),
    ]
    return [
        Learner(plan(_slug(kind, fold), policy, (*PREFERENCES, *_PACE.get(kind, ()))), records, splits[fold])
        for kind, policy, records in sources
        for fold in range(FOLDS)
    ]


def _folds(questions: Iterable[Question]) -> dict[str, int]:
    """The fold of each question, by its split key; near duplicates share one."""
    asked = list(questions)
    groups = clusters(sign(user_text(question) for question in asked))
    names = np.unique(groups)
    drawn = np.random.default_rng(SEED).permutation(len(names)) % FOLDS
    of = dict(zip(names.tolist(), drawn.tolist(), strict=True))
    return {split_key(question): of[group] for question, group in zip(asked, groups.tolist(), strict=True)}


def _slug(kind: str, fold: int) -> str:
    return f"{NAME}-{kind}-{fold + 1}"


def _accuracy_rows(kind: str, kinds: Nights) -> list[Row]:
    """`theirs` is the control; what each held-out pair says under the fold that never learnt it.

    Of a kind that had no night there is no figure.
    """
    said = {
        one: preferences(item for night in kinds[one].values() for item in night.items)
        for one in (kind, CONTROLS[kind])
    }
    found = {one: accuracy(preferred) for one, preferred in said.items() if preferred}
    control = found.get(CONTROLS[kind])

    def beside(what: str, figure: Callable[[Accuracy], Figure], bar: Bar | None = None) -> Row:
        ours, theirs = (figure(found[one]) if one in found else None for one in said)
        return Row(f"{kind}: {what}", ours, theirs, bar)

    return [
        beside("held-out questions judged", lambda one: one.prompts, Bar(Relation.IS, 813)),
        beside("held-out pairs judged", lambda one: one.pairs),
        Row(f"{kind}: reward accuracy of the base, by definition", 0.5, 0.5),
        beside("reward accuracy, all pairs", lambda one: one.mean, _PREFERRED if kind == DPO else None),
        beside("reward accuracy, mean over questions", lambda one: one.mean_by_prompt),
        beside("with its 95 % bootstrap interval over questions", str),
        Row(
            f"{kind}: the control's interval contains 0.5",
            yes(control.tells_nothing) if control else None,
            bar=YES,
        ),
        Row(
            f"{kind}: the control's adapters on the true order",
            str(accuracy(turned_back(said[CONTROLS[kind]]))) if control else None,
        ),
    ]


def _fold_rows(kind: str, kinds: Nights) -> list[Row]:
    """Each fold with its verdict; `theirs` is the control."""
    real, control = kinds[kind], kinds[CONTROLS[kind]]
    refused = sum(night.verdict is Verdict.FAIL for night in control.values())
    return [
        *(
            Row(
                f"{kind}: fold {fold + 1}, reward accuracy and verdict",
                _told(real.get(fold)),
                _told(control.get(fold)),
            )
            for fold in range(FOLDS)
        ),
        Row(
            f"{kind}: folds promoted",
            _promoted(real),
            _promoted(control),
            Bar(Relation.IS, FOLDS) if kind == DPO else None,
        ),
        Row(f"{kind}: controls refused by the gate", refused, bar=Bar(Relation.IS, FOLDS)),
    ]


def _promoted(nights_of: Mapping[int, Judged]) -> int:
    return sum(night.serves > 0 for night in nights_of.values())


def _told(night: Judged | None) -> str:
    return "no night" if night is None else f"{night.metrics[_ACCURACY]:.3f} {night.verdict}"


def _cost_rows(kinds: Nights) -> list[Row]:
    return [
        Row(f"{kind}: rows learnt in a fold, and seconds of training (mean)", f"{rows:.0f}, {seconds:.0f}")
        for kind, of in kinds.items()
        if of
        for rows in (np.mean([night.training_set["rows"] for night in of.values()]),)
        for seconds in (np.mean([night.seconds for night in of.values()]),)
    ]


def main(arguments: Sequence[str]) -> int:
    return show(NAME, NAME, arguments, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
