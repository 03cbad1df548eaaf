"""Files of earlier sets that are lost or damaged: a night that would read them says so, and does without."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from services.adapters.promotions import champion_at
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from tests.builders import AT, add_answer, add_correction
from tests.services.training_sets.champions import SECOND, crown, first_night, going_on, say, sources
from tests.services.training_sets.conftest import Nights

Damage = Callable[[Path], object]
DAMAGES = [Path.unlink, lambda file: file.write_bytes(file.read_bytes() + b"{}\n")]


@pytest.fixture
def persona(persona: PersonaRow) -> PersonaRow:
    return going_on(persona)


@pytest.fixture
def first(session: Session, nights: Nights, asked: Iterator[str]) -> TrainingSetRow:
    return first_night(session, nights, asked)


def place(nights: Nights, path: str) -> Path:
    return Path(nights.store_url.removeprefix("file://")) / path


@pytest.mark.parametrize("damage", DAMAGES, ids=["lost", "damaged"])
@pytest.mark.parametrize("name", ["rows", "held_out", "memory", "waiting"])
def test_without_the_champions_set_a_fresh_adapter_learns_everything(
    session: Session,
    nights: Nights,
    first: TrainingSetRow,
    asked: Iterator[str],
    caplog,
    name: str,
    damage: Damage,
):
    add_correction(session, add_answer(session, first.persona, question=next(asked)), "Waits.")
    say(session, first.persona, asked, 4, at=SECOND)
    damage(place(nights, first.path if name == "rows" else first.report[name]["path"]))
    training_set = nights.assemble(minutes=120)
    assert training_set.plan["start"] is None
    assert training_set.plan["reasons"][0] == (
        "a fresh adapter learns everything said so far: "
        f"a file of set {first.id}, which the champion learnt, is lost or damaged"
    )
    assert training_set.counts["demonstrations"] == 13  # of both nights
    assert "replay" not in training_set.report
    assert [f"set {first.id} cannot be gone on from" in one.getMessage() for one in caplog.records] == [True]
    assert nights.assemble(minutes=120).id == training_set.id


def test_a_night_that_began_anew_for_a_lost_file_is_found_when_the_file_is_back(
    session, nights, first, asked
):
    say(session, first.persona, asked, 4, at=SECOND)
    file = place(nights, first.path)
    held = file.rename(file.with_suffix(".away"))
    training_set = nights.assemble(minutes=120)
    held.rename(file)
    assert nights.assemble(minutes=120).id == training_set.id


def test_one_that_began_anew_for_another_reason_is_not(session, nights, first, asked):
    """Another recipe, say, that has been put right since."""
    say(session, first.persona, asked, 4, at=SECOND)
    champion = champion_at(session, first.persona, AT + timedelta(minutes=120))
    run, champion.training_run_id = champion.training_run_id, None
    anew = nights.assemble(minutes=120)
    assert anew.plan["start"] is None
    champion.training_run_id = run
    assert nights.assemble(minutes=120).plan["start"]["training_set"] == first.id


def test_a_set_that_went_on_before_the_damage_is_found_again(session, nights, first, asked):
    say(session, first.persona, asked, 4, at=SECOND)
    training_set = nights.assemble(minutes=120)
    place(nights, first.path).unlink()
    assert nights.assemble(minutes=120).id == training_set.id


class TestOfReplay:
    """Three nights, each going on from the one before; the fourth draws from all of them."""

    def night(self, session: Session, nights: Nights, asked: Iterator[str], minutes: int) -> TrainingSetRow:
        say(session, nights.persona, asked, 4, at=AT + timedelta(minutes=minutes - 30))
        training_set = nights.assemble(minutes=minutes)
        crown(session, training_set, minutes=minutes + 1, number=minutes)
        return training_set

    @pytest.fixture
    def persona(self, persona: PersonaRow) -> PersonaRow:
        persona.example_policy = persona.example_policy | {"replay_percent": 0}
        return persona

    def test_a_lost_set_is_left_out_and_the_replay_is_short(self, session, nights, first, asked, caplog):
        second = self.night(session, nights, asked, 120)
        third = self.night(session, nights, asked, 180)
        nights.persona.example_policy = nights.persona.example_policy | {"replay_percent": 90}
        place(nights, second.path).unlink()
        fourth = self.night(session, nights, asked, 240)
        learnt = sources(nights.rows(fourth))
        assert learnt >= sources(nights.rows(first)) | sources(nights.rows(third))
        replay = fourth.report["replay"]
        assert replay["rows"] == first.row_count + third.row_count
        assert replay["short"] == (
            f"{replay['wanted'] - replay['rows']} rows short of the {replay['wanted']} wanted; "
            f"set {second.id} is lost or damaged"
        )
        assert f"set {second.id} is lost or damaged and is left out" in caplog.text

    def test_what_a_lost_set_had_only_replayed_comes_back_from_where_it_was_made(
        self, session, nights, first, asked
    ):
        policy = nights.persona.example_policy
        nights.persona.example_policy = policy | {"replay_percent": 90}
        second = self.night(session, nights, asked, 120)
        assert sources(nights.rows(second)) >= sources(nights.rows(first))
        nights.persona.example_policy = policy
        self.night(session, nights, asked, 180)
        place(nights, second.path).unlink()
        nights.persona.example_policy = policy | {"replay_percent": 90}
        fourth = self.night(session, nights, asked, 240)
        assert sources(nights.rows(fourth)) >= sources(nights.rows(first))
        assert fourth.report["replay"]["passed_over"] == {}

    def test_what_a_lost_set_overtook_does_not_come_back(self, session, nights, asked):
        answer = add_answer(session, nights.persona, question=next(asked))
        old = add_correction(session, answer, "Old.")
        self.night(session, nights, asked, 60)
        new = add_correction(session, answer, "New.", at=SECOND)
        second = self.night(session, nights, asked, 120)
        self.night(session, nights, asked, 180)
        nights.persona.example_policy = nights.persona.example_policy | {"replay_percent": 90}
        place(nights, second.path).unlink()
        assert sources(nights.rows(self.night(session, nights, asked, 240))).isdisjoint({old, new})
