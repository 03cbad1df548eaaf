"""Two nights of a persona, each with half of its data: does the second undo what the first has learnt?

    python -m benchmarks.two_nights FOLDER

FOLDER holds the base and tame_the_weights. The second night goes on from the champion with what is new and a
tenth of replay, under early stopping; beside it stands the same night without replay. What counts is the
held-out loss of the first half, as served, after each night. Both personas learn so, and of each a control
whose answers were dealt out anew among the questions.
"""

import json
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, update

from benchmarks._halves import PUPILS, Pupil, halves, side
from benchmarks._nights import Judged, Learner, begin, cutoff_of, judge, learn
from benchmarks._shown import TEMPLATE, show
from benchmarks._table import Bar, Relation, Row
from benchmarks.real_personas import FILES
from services.adapters.promotions import find_persona
from services.db.feedback_tables import PersonaRow, SeedExampleRow
from services.db.session import session_scope
from services.domain.evaluation import ItemSource
from services.domain.example_policy import ExamplePolicy, Start
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.personas import Persona, PersonaSlug
from services.domain.splits import split_key
from services.errors.tree import InvalidInput
from services.feedback.personas import PersonaPlan
from services.jobs.installation import now, open_installation
from services.training_sets.importers.records import ImportedExample
from services.training_sets.importing import import_records

NAME = "two_nights"
_AT_ONCE = 2  # personas, each in a process and on a thread of its own
_WORSE = 5.0  # per cent that the first half may lose by the second night
_GATE = GatePolicy((Requirement("held_out_loss", margin=0.05, minimum_items=5),))  # a half may have few
_POLICY = ExamplePolicy(start=Start.CHAMPION)
_SECOND_NIGHTS = (_POLICY, replace(_POLICY, replay_percent=0))
_RECIPE = (
    "lora.r=32",
    "lora.alpha=64",
    "training.epochs=4",
    "training.batch_size=4",
    "training.learning_rate=6e-3",
    "training.max_length=512",
    "training.validation_share=0.1",
    "training.patience=3",
    "training.checkpoint_steps=25",
)


def measure(_: Engine, folder: Path) -> list[Row]:
    with ProcessPoolExecutor(_AT_ONCE, mp_context=get_context("spawn")) as pool:
        learnt = pool.map(_learn_both, PUPILS, [folder] * len(PUPILS))
        return [row for pupil, nights in zip(PUPILS, learnt, strict=True) for row in _rows(pupil, *nights)]


def _learn_both(pupil: Pupil, folder: Path) -> tuple["TwoNights", "TwoNights"]:
    """With replay and without it."""
    slug, (first_half, second_half) = pupil.slug, halves(pupil, folder)
    splits = {split_key(read.question): side(read.question) for read in (*first_half, *second_half)}
    with open_installation() as installation:
        engine = installation.engine
        _set_policy(engine, slug, _POLICY)  # of an earlier run the last night's is left
        begin(engine, Learner(_plan(pupil), {"first": first_half}, splits))
        first = _night(engine, slug, cutoff_of(engine, slug))
        cutoff = _import_second(engine, slug, second_half)
        replayed, plain = (TwoNights(first, _night(engine, slug, cutoff, one)) for one in _SECOND_NIGHTS)
    return replayed, plain


@dataclass(frozen=True, slots=True)
class TwoNights:
    """Of one persona under one policy; losses are means over the answer tokens of held-out answers."""

    first: Judged
    second: Judged

    def of_first_half(self, items: Sequence[Mapping[str, Any]]) -> float:
        return _mean_loss(items, self._judged_first())

    def of_second_half(self, items: Sequence[Mapping[str, Any]]) -> float:
        return _mean_loss(items, {_key(scored) for scored in self.second.items} - self._judged_first())

    @property
    def undone(self) -> float:
        """By how many per cent the first half's loss is worse after the second night than before it."""
        return 100 * (self.of_first_half(self.second.items) / self.of_first_half(self.second.before) - 1)

    def _judged_first(self) -> set[str]:
        return {_key(scored) for scored in self.first.items}


_LOSSES: tuple[tuple[str, Callable[[TwoNights], float]], ...] = (
    ("first half, held-out loss of the base", lambda two: two.of_first_half(two.first.before)),
    ("first half, after the first night", lambda two: two.of_first_half(two.second.before)),
    ("first half, after the second night", lambda two: two.of_first_half(two.second.items)),
    ("second half, after the first night", lambda two: two.of_second_half(two.second.before)),
    ("second half, after the second night", lambda two: two.of_second_half(two.second.items)),
)


def _plan(pupil: Pupil) -> PersonaPlan:
    persona = Persona(PersonaSlug(pupil.slug), pupil.persona.name, system_template=TEMPLATE)
    return PersonaPlan(persona, _POLICY, _GATE, recipe_overrides=_RECIPE)


def _night(engine: Engine, slug: str, cutoff: str, policy: ExamplePolicy = _POLICY) -> Judged:
    """One night; only the first is promoted, so that all second ones go on from it."""
    _set_policy(engine, slug, policy)
    learnt = learn(slug, cutoff)
    if isinstance(learnt, str):
        raise InvalidInput(learnt)
    night = judge(engine, learnt, promotes=cutoff == cutoff_of(engine, slug))
    print(f"{slug}: {night.training_set['rows']} rows, {night.seconds:.0f} s, {night.verdict}", flush=True)
    return night


def _set_policy(engine: Engine, slug: str, policy: ExamplePolicy) -> None:
    """The persona's, if it is there."""
    stored = json.loads(json.dumps(asdict(policy)))
    with session_scope(engine) as session:
        session.execute(update(PersonaRow).where(PersonaRow.slug == slug).values(example_policy=stored))


def _import_second(engine: Engine, slug: str, reads: Sequence[ImportedExample]) -> str:
    """Bring in the second half, unless it is there; the cutoff that takes it in."""
    with session_scope(engine) as session:
        persona = find_persona(session, slug)
        import_records(session, persona, reads, source="second", at=now())
        newest = session.scalars(
            select(func.max(SeedExampleRow.imported_at)).where(SeedExampleRow.persona_id == persona.id)
        ).one()
        return str(newest.isoformat())


def _rows(pupil: Pupil, replayed: TwoNights, plain: TwoNights) -> list[Row]:
    """`theirs` is the second night without replay."""
    rows = [
        Row("rows of the first night", replayed.first.training_set["rows"]),
        Row("rows of the second", replayed.second.training_set["rows"], plain.second.training_set["rows"]),
        Row("of them replayed", _replayed(replayed.second), _replayed(plain.second)),
        *(Row(what, loss(replayed), loss(plain)) for what, loss in _LOSSES),
        Row(
            "first half, worse by the second night, %",
            replayed.undone,
            plain.undone,
            None if pupil.dealt else Bar(Relation.AT_MOST, _WORSE),
        ),
        Row("first night, steps and why it ended", _ended(replayed.first)),
        Row("second night, steps and why it ended", _ended(replayed.second), _ended(plain.second)),
        Row("verdict on the first night", replayed.first.verdict.value),
        Row("verdict on the second", replayed.second.verdict.value, plain.second.verdict.value),
        Row("training, seconds: first night", replayed.first.seconds),
        Row("training, seconds: second night", replayed.second.seconds, plain.second.seconds),
    ]
    return [replace(row, what=f"{pupil.slug}: {row.what}") for row in rows]


def _mean_loss(items: Iterable[Mapping[str, Any]], keys: Collection[str]) -> float:
    held_out = [
        scored for scored in items if scored["item"]["source"] == ItemSource.HOLDOUT and _key(scored) in keys
    ]
    tokens = sum(scored["loss_tokens"] for scored in held_out)
    return float(sum(scored["loss"] * scored["loss_tokens"] for scored in held_out) / tokens)


def _key(scored: Mapping[str, Any]) -> str:
    return str(scored["item"]["key"])


def _replayed(night: Judged) -> float:
    replay = night.training_set["report"].get("replay") or {}
    return float(replay.get("rows", 0))


def _ended(night: Judged) -> str:
    steps = sum(stage["steps"] for stage in night.stages)
    return f"{steps}; {'; '.join(filter(None, (stage['stopped_early'] for stage in night.stages))) or 'all'}"


def main(arguments: Sequence[str]) -> int:
    return show(NAME, FILES, arguments, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
