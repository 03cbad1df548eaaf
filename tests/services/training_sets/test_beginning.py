"""A persona that begins with another's adapter: on top of which weights, and whose words count in it."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from services.adapters.lending import awaited, find_lent, live_versions, with_borrowers
from services.adapters.promotions import champion_at, find_persona, rollback
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow
from services.domain.example_policy import ExamplePolicy, Start
from services.domain.personas import PersonaSlug
from services.domain.training import Recipe
from services.errors.inputs import CannotBeginWith
from services.training.recipe import compose_recipe
from services.training_sets.redacting import Hits, shaped
from services.training_sets.replaying import chain
from services.training_sets.starting import Starting, find_start
from tests.builders import AT, add_answer, add_correction, add_persona
from tests.lineage_builders import add_canary
from tests.services.training_sets.champions import crown, going_on
from tests.services.training_sets.conftest import POLICY, Nights

LATER = AT + timedelta(days=4)


@pytest.fixture
def recipe() -> Recipe:
    return compose_recipe("default", [], base_model="some/base", base_revision="main")


@pytest.fixture
def lent(session: Session, nights: Nights, persona: PersonaRow, recipe: Recipe) -> AdapterVersionRow:
    """The version that serves the first persona, as the recipe makes it."""
    add_correction(session, add_answer(session, persona), "Better.")
    crown(session, nights.assemble())
    version = champion_at(session, persona, LATER)
    version.provenance = {
        "lora": asdict(recipe.lora),
        "new_tokens": {},
        "base_model": "some/base",
        "base_revision": "main",
    }
    return version


@pytest.fixture
def poet(session: Session, lent: AdapterVersionRow) -> PersonaRow:
    return add_persona(session, slug="poet", example_policy=POLICY, begins_with=lent.name)


@pytest.fixture
def poets_nights(nights: Nights, poet: PersonaRow) -> Nights:
    return replace(nights, persona=poet)


def start(session: Session, persona: PersonaRow, recipe: Recipe) -> Starting:
    policy = ExamplePolicy(**persona.example_policy)
    return find_start(session, persona, policy, cutoff=LATER, recipe=recipe)


@pytest.mark.parametrize("policy", list(Start))
def test_it_learns_everything_said_so_far_on_top_of_the_others_weights(
    session: Session, poet: PersonaRow, lent: AdapterVersionRow, recipe: Recipe, policy: Start
):
    poet.example_policy = poet.example_policy | {"start": policy}
    found = start(session, poet, recipe)
    assert (found.digest, found.since, found.champion) == (lent.digest, None, None)
    assert found.reason == "begins with version 1 of pirate and learns everything said so far"


def test_the_plan_of_its_set_names_what_it_begins_with_and_that_is_part_of_the_sets_key(
    session: Session, poets_nights: Nights, poet: PersonaRow, lent: AdapterVersionRow
):
    add_correction(session, add_answer(session, poet), "Oh, better.")
    training_set = poets_nights.assemble()
    assert training_set.plan["start"]["digest"] == lent.digest
    assert training_set.plan["start"]["lent_by"] == "pirate"
    assert training_set.plan["reasons"][0].startswith("begins with version 1 of pirate")
    assert poets_nights.assemble().id == training_set.id
    poet.begins_with = ""
    assert poets_nights.assemble().id != training_set.id
    assert list(chain(session, training_set)) == [training_set], "no row of the other persona is replayed"


def test_once_a_version_of_its_own_serves_its_policy_decides(
    session: Session, poets_nights: Nights, poet: PersonaRow, recipe: Recipe
):
    add_correction(session, add_answer(session, poet), "Oh, better.")
    crown(session, poets_nights.assemble())
    assert start(session, poet, recipe) == Starting()
    assert start(session, going_on(poet), recipe).lent is None


def test_what_became_unusable_meanwhile_is_not_begun_with(
    session: Session, poet: PersonaRow, lent: AdapterVersionRow, recipe: Recipe
):
    other = replace(recipe, model=replace(recipe.model, name="another/base"))
    assert "but has another base than the recipe" in start(session, poet, other).reason
    lent.tainted_at = AT
    found = start(session, poet, recipe)
    assert found.lent is None
    assert found.reason.endswith("but it learnt from a rater who was erased")


def test_only_a_whole_version_by_its_serving_name_can_be_begun_with(
    session: Session, poet: PersonaRow, lent: AdapterVersionRow
):
    """A persona's slug names none: what is stored must name the same adapter every night."""
    assert find_lent(session, lent.name) == lent
    assert list(live_versions(session)) == [lent]
    for named in ("pirate", "base", "pirate@000000000000", "pirate@\x00"):
        with pytest.raises(CannotBeginWith):
            find_lent(session, named)
    for mark in ("tainted_at", "removed_at", "unsound_at"):
        setattr(lent, mark, AT)
        with pytest.raises(CannotBeginWith):
            find_lent(session, lent.name)
        setattr(lent, mark, None)
    assert find_persona(session, "poet") == poet


def back_to_the_base(session: Session, persona: PersonaRow) -> None:
    slug = PersonaSlug(persona.slug)
    rollback(session, persona=slug, to_version=0, reason="a test asked for it", actor="test", at=LATER)


def test_its_files_stay_as_long_as_the_borrower_begins_with_them_a_canary_or_not(
    session: Session, poet: PersonaRow, lent: AdapterVersionRow, recipe: Recipe
):
    assert awaited(session, lent.persona, at=LATER) == {lent.number}
    add_canary(session, poet, number=1)
    assert awaited(session, lent.persona, at=LATER) == {lent.number}
    back_to_the_base(session, poet)
    assert awaited(session, lent.persona, at=LATER) == {lent.number}
    assert start(session, poet, recipe).lent == lent


def test_its_files_may_go_once_a_version_of_the_borrower_served_and_no_night_asks_for_them_again(
    session: Session, poets_nights: Nights, poet: PersonaRow, lent: AdapterVersionRow, recipe: Recipe
):
    add_correction(session, add_answer(session, poet), "Oh, better.")
    crown(session, poets_nights.assemble())
    assert awaited(session, lent.persona, at=LATER) == set()
    back_to_the_base(session, poet)
    assert awaited(session, lent.persona, at=LATER) == set()
    assert start(session, poet, recipe) == Starting()


def test_whom_the_lender_learnt_from_the_borrower_learnt_from(
    session: Session, poets_nights: Nights, poet: PersonaRow, lent: AdapterVersionRow
):
    add_correction(session, add_answer(session, poet), "Oh, better.")
    training_set = poets_nights.assemble()
    lender = lent.persona_id
    assert with_borrowers(session, [lender]) == {lender, poet.id}
    assert with_borrowers(session, [poet.id]) == {poet.id}
    learnt = training_set.plan["start"]["training_set"]
    path = session.get_one(type(training_set), learnt).path
    found = shaped(session, with_borrowers(session, [lender]), {}, Hits(files={path: "rows"}))
    assert [one.id for one in found] == [learnt, training_set.id]
