"""Sets that go on from the champion's: what is new, a replay of what was learnt, the references it had."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import rollback
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import PromotionRow, TrainingSetRow, TrainingSetSourcesRow
from services.domain.personas import PersonaSlug
from services.domain.promotions import PromotionKind
from services.domain.splits import Split
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_comparison, add_correction, add_rating, add_seed
from tests.lineage_builders import add_version, unguarded
from tests.services.training_sets.champions import SECOND, crown, first_night, going_on, say, sources
from tests.services.training_sets.conftest import Nights, Questions


@pytest.fixture
def persona(persona: PersonaRow) -> PersonaRow:
    return going_on(persona)


@pytest.fixture
def first(session: Session, nights: Nights, asked: Iterator[str]) -> TrainingSetRow:
    return first_night(session, nights, asked)


def test_while_the_plain_base_serves_a_fresh_adapter_learns_everything(first: TrainingSetRow):
    assert first.plan["start"] is None
    assert first.plan["reasons"][0] == (
        "a fresh adapter learns everything said so far: the plain base serves"
    )
    assert first.policy["started_from"] is None
    assert "replay" not in first.report


def test_a_version_that_nothing_is_known_of_is_no_start(session: Session, nights: Nights, first):
    with unguarded(session):
        session.add(
            PromotionRow(
                persona_id=first.persona_id,
                version=add_version(session, first.persona, number=7),
                kind=PromotionKind.REINSTATE,
                actor="test",
                reason="a test asked for it",
                at=AT + timedelta(minutes=62),
            )
        )
    add_correction(session, add_answer(session, first.persona, at=SECOND), "Better.", at=SECOND)
    training_set = nights.assemble(minutes=120)
    assert training_set.plan["start"] is None
    assert "nothing is known of what version 7 learnt" in training_set.plan["reasons"][0]


def test_the_second_night_learns_what_is_new_and_a_replay(
    session: Session, nights: Nights, persona: PersonaRow, first: TrainingSetRow, asked: Iterator[str]
):
    new = say(session, persona, asked, 4, at=SECOND)
    training_set = nights.assemble(minutes=120)
    rows = nights.rows(training_set)
    old = [row for row in rows if not sources([row]) & set(new)]
    assert sources(rows) >= set(new)
    assert len(rows) == 2 * len(rows) - 2 * len(old)  # a half each
    assert [line in nights.rows(first) for line in old] == [True] * len(old)
    assert [row["prompt_key"] for row in rows] == sorted(row["prompt_key"] for row in rows)
    assert training_set.report["replay"] == {
        "wanted": len(old),
        "rows": len(old),
        "percent": 50.0,
        "short": "",
        "domains": {"physics": len(old)},
        "weak_domains": {},
        "passed_over": {},
    }
    assert training_set.plan["start"] == {
        "version": 1,
        "name": "pirate@000000000001",
        "digest": f"{1:012x}" + "0" * 52,
        "training_set": first.id,
    }
    assert "goes on from version 1" in training_set.plan["reasons"][0]
    assert training_set.policy["started_from"] == training_set.plan["start"]["digest"]


def test_a_replayed_row_keeps_its_sources_and_what_it_shaped_is_known(
    session: Session, nights: Nights, persona: PersonaRow, first: TrainingSetRow, asked: Iterator[str]
):
    say(session, persona, asked, 4, at=SECOND)
    training_set = nights.assemble(minutes=120)
    stored = session.scalars(
        select(TrainingSetSourcesRow).where(TrainingSetSourcesRow.training_set_id == training_set.id)
    )
    learnt = {f"{row.kind}:{number}" for row in stored for number in row.ids}
    assert learnt == sources(nights.rows(training_set))
    assert learnt & sources(nights.rows(first))


def test_the_same_night_again_is_the_same_set_and_another_champion_another_set(
    session: Session, nights: Nights, persona: PersonaRow, first: TrainingSetRow, asked: Iterator[str]
):
    say(session, persona, asked, 4, at=SECOND)
    training_set = nights.assemble(minutes=120)
    crown(session, training_set, minutes=121, number=2)
    assert nights.assemble(minutes=120).id == training_set.id  # who serves now is not asked
    say(session, persona, asked, 4, at=AT + timedelta(minutes=150))
    third = nights.assemble(minutes=180)
    assert third.plan["start"]["training_set"] == training_set.id
    with unguarded(session):  # as no decision let the first serve
        rollback(
            session,
            persona=PersonaSlug(persona.slug),
            to_version=1,
            reason="a test asked for it",
            actor="test",
            at=AT + timedelta(minutes=170),
        )
    back = nights.assemble(minutes=180)
    assert back.id != third.id
    assert back.plan["start"]["training_set"] == first.id


@pytest.mark.usefixtures("first")
def test_the_same_rows_are_drawn_on_every_machine(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    say(session, persona, asked, 2, at=SECOND)
    one = nights.assemble(minutes=120)
    other = nights.assemble(minutes=120, max_tokens=4_999)
    assert one.id != other.id
    assert one.digest == other.digest


@pytest.mark.usefixtures("first")
def test_where_earlier_sets_are_short_seed_data_fills_up(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    """The champion's night learnt pairs alone: of the seeds nobody learnt anything."""
    persona.example_policy = persona.example_policy | {"objectives": ["dpo"]}
    seeds = [add_seed(session, persona, one, "Seed.") for one in islice(asked, 30)]
    say(session, persona, asked, 2, at=AT + timedelta(minutes=70))
    crown(session, nights.assemble(minutes=80), minutes=81, number=2)
    persona.example_policy = persona.example_policy | {"objectives": ["sft"]}
    new = say(session, persona, asked, 20, at=SECOND)
    training_set = nights.assemble(minutes=120)
    learnt = sources(nights.rows(training_set))
    assert learnt >= set(new)
    assert len(learnt & set(seeds)) >= 20 - 8
    assert training_set.report["replay"]["short"] == ""


def test_opinions_on_an_answer_spoken_of_again_all_count_and_no_others(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    persona.example_policy = persona.example_policy | {"replay_percent": 0}
    old, untouched = (add_answer(session, persona, question=next(asked), text=f"{n}.") for n in range(2))
    said = [add_rating(session, old), add_rating(session, untouched)]
    say(session, persona, asked, 4)
    crown(session, nights.assemble())
    said.append(add_rating(session, old, at=SECOND))
    training_set = nights.assemble(minutes=120)
    assert sources(nights.rows(training_set)) == {said[0], said[2]}
    assert said[1] not in nights.excluded(training_set)


def test_comparisons_of_a_pair_compared_again_all_count(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    persona.example_policy = persona.example_policy | {"replay_percent": 0}
    question = next(asked)
    one, other = (add_answer(session, persona, question=question, text=text) for text in ("One.", "Two."))
    earlier = [add_comparison(session, one, other, "left") for _ in range(3)]
    crown(session, nights.assemble())
    against = add_comparison(session, other, one, "left", at=SECOND)
    say(session, persona, asked, 2, at=SECOND)
    training_set = nights.assemble(minutes=120)
    assert sources(nights.rows(training_set)) >= set(earlier)
    assert nights.excluded(training_set)[against] == {"as many say the opposite"}


def test_references_stay_until_something_newer_is_said(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions, asked: Iterator[str]
):
    judging = list(islice(questions(Split.HOLDOUT), 6))
    answers = [add_answer(session, persona, question=one) for one in judging]
    for answer in answers:
        add_correction(session, answer, "Old.")
    say(session, persona, asked, 4)
    first = nights.assemble()
    crown(session, first)
    add_correction(session, answers[0], "New.", at=SECOND)
    say(session, persona, asked, 2, at=SECOND)
    second = nights.assemble(minutes=120)
    assert len(nights.references(first)) == 6
    references = nights.references(second)
    assert sorted(one["reference"] for one in references) == ["New.", *["Old."] * 5]
    assert [one["prompt_key"] for one in references] == sorted(one["prompt_key"] for one in references)
    assert second.dropped["held out to judge"] == 1  # what was accounted for before is not again
    crown(session, second, minutes=121, number=2)
    say(session, persona, asked, 2, at=AT + timedelta(minutes=150))
    assert len(nights.references(nights.assemble(minutes=180))) == 6


def test_corrections_of_one_day_count_together_on_both_sides_of_a_cutoff(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    persona.example_policy = persona.example_policy | {"replay_percent": 0, "daily_limit": 2}
    busy = new_rater(session, at=AT)
    answers = [add_answer(session, persona, question=one) for one in islice(asked, 4)]
    for answer in answers[:1]:
        add_correction(session, answer, "Better.", rater=busy)
    say(session, persona, asked, 4)
    crown(session, nights.assemble())
    second, third = (add_correction(session, one, "So.", rater=busy, at=SECOND) for one in answers[1:3])
    training_set = nights.assemble(minutes=120)
    assert second in sources(nights.rows(training_set))
    assert nights.excluded(training_set)[third] == {"the rater's opinions of that day are used up"}
