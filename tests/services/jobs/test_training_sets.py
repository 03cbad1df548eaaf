"""A set as it would have been without one rater: under its own policy, and only where that says something."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona
from services.db.lineage_tables import TrainingSetRow
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.errors.lookups import UnknownRater, UnknownRecord
from services.errors.refusals import SetsNotComparable
from services.feedback.questions import new_rater
from services.jobs.assemble import limits_of
from services.jobs.bases import recipe_of
from services.jobs.installation import Installation
from services.jobs.training_sets import rebuild_with
from services.training_sets.assembly import assemble
from tests.builders import AT, add_answer, add_correction, add_persona
from tests.services.training_sets.conftest import POLICY, drawn


@pytest.fixture
def rater(installation: Installation) -> RaterId:
    """One who corrected two answers of eight."""
    learnt = (f"What is {word} made of?" for word in "abcdefghijklmnopqrstuvwxyz")
    asked = [one for one in learnt if drawn(one) == "train"][:8]
    with session_scope(installation.engine) as session:
        persona, loud = add_persona(session, example_policy=POLICY), new_rater(session, at=AT)
        for number, question in enumerate(asked):
            answer = add_answer(session, persona, question=question)
            whose = loud if number < 2 else None
            add_correction(session, answer, f"On {question}", rater=whose)
    return loud


@pytest.fixture
def training_set(installation: Installation, rater: RaterId) -> TrainingSetRow:  # noqa: ARG001
    with session_scope(installation.engine) as session:
        persona = find_persona(session, "pirate")
        outcome = assemble(
            session,
            persona,
            cutoff=AT + timedelta(minutes=1),
            store_url=installation.settings.store_url,
            limits=limits_of(recipe_of(session, installation.settings, persona, [])),
            at=AT,
        )
    assert isinstance(outcome, TrainingSetRow), outcome
    return outcome


def change(installation: Installation, **columns: object) -> None:
    with session_scope(installation.engine) as session:
        persona = find_persona(session, "pirate")
        for name, value in columns.items():
            setattr(persona, name, value)


def test_the_difference_is_what_the_rater_caused(installation, training_set, rater):
    record = rebuild_with(installation, training_set.id, str(rater))
    assert record["rows"]["original"] - record["rows"]["rebuilt"] == 2 * 2  # demonstrations and pairs
    assert record["dropped"]["left out on request"] == 2
    assert rebuild_with(installation, training_set.id, str(rater)) == record


def test_who_was_left_out_of_a_set_is_left_out_of_what_is_rebuilt_of_it(
    installation: Installation, training_set: TrainingSetRow, rater: RaterId
):
    with session_scope(installation.engine) as session:
        quiet = str(new_rater(session, at=AT))
    once = rebuild_with(installation, training_set.id, str(rater))["rebuilt"]
    twice = rebuild_with(installation, once, quiet)["rebuilt"]
    with Session(installation.engine) as session:
        assert session.get_one(TrainingSetRow, twice).policy["without"] == sorted([str(rater), quiet])


def test_a_policy_changed_since_changes_nothing_of_it(installation, training_set, rater):
    before = rebuild_with(installation, training_set.id, str(rater))
    with Session(installation.engine) as session:
        policy = find_persona(session, "pirate").example_policy
    change(installation, example_policy=policy | {"objectives": ["dpo"], "minimum_new": 1_000})
    assert rebuild_with(installation, training_set.id, str(rater)) == before


def test_a_set_of_before_a_policy_was_known_is_rebuilt_under_its_default(installation, training_set, rater):
    with session_scope(installation.engine) as session:
        stored = session.get_one(TrainingSetRow, training_set.id)
        stored.policy = {name: value for name, value in stored.policy.items() if name != "replay_percent"}
    assert rebuild_with(installation, training_set.id, str(rater))["rows"]["rebuilt"]


def test_under_another_template_a_difference_would_not_be_the_raters(installation, training_set, rater):
    change(installation, system_template="You are another one.")
    with pytest.raises(SetsNotComparable, match="another template"):
        rebuild_with(installation, training_set.id, str(rater))
    with Session(installation.engine) as session:
        assert list(session.scalars(select(TrainingSetRow.id))) == [training_set.id]


def test_a_set_or_rater_nobody_knows_is_named(installation, training_set):
    with pytest.raises(UnknownRecord, match="training set 404"):
        rebuild_with(installation, 404, "00000000-0000-0000-0000-000000000000")
    with pytest.raises(UnknownRater, match="persona-loop why"):
        rebuild_with(installation, training_set.id, "00000000-0000-0000-0000-000000000000")
