"""Near duplicates share a side of the holdout for ever; what bridges both sides is used for neither."""

import json
from datetime import timedelta
from itertools import islice

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.db.prompt_tables import PromptRetirementRow, PromptSignatureRow
from services.domain.conversation import Question
from services.domain.evaluation import ItemSource
from services.domain.splits import Split
from services.evaluation.suites import compose_items
from services.feedback.questions import new_rater, record_ask
from services.training_sets.clustering import cluster_new
from services.training_sets.deduplication import SIGNATURE_VERSION
from tests.builders import AT, add_items, add_persona, add_seed
from tests.services.training_sets.conftest import Nights, Questions, drawn

HOUR = timedelta(hours=1)


def near(question: str, split: Split) -> str:
    """The question with one word more, for which the split is drawn."""
    words = question.split()
    for number in range(100):
        for place in range(1, len(words)):
            edited = " ".join([*words[:place], f"ab{chr(97 + number % 26)}", *words[place:]])
            if drawn(edited) is split:
                return edited
    raise AssertionError("no near duplicate is drawn for that side")


def sides(nights: Nights, training_set: TrainingSetRow) -> tuple[set[str], set[str]]:
    """The texts that are learnt, and those that judge."""
    return (
        {row["completion"] for row in nights.rows(training_set)},
        {reference["reference"] for reference in nights.references(training_set)},
    )


@pytest.fixture
def learnt(session: Session, persona: PersonaRow, questions: Questions) -> str:
    """A question of the training side."""
    question = next(questions(Split.TRAIN))
    add_seed(session, persona, question, "Learnt.")
    return question


@pytest.fixture
def judging(session: Session, persona: PersonaRow, questions: Questions) -> str:
    """A held-out question."""
    question = next(questions(Split.HOLDOUT))
    add_seed(session, persona, question, "Judges.")
    return question


def test_a_new_prompt_takes_the_side_of_its_cluster_whatever_was_drawn(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str, judging: str
):
    assert sides(nights, nights.assemble()) == ({"Learnt."}, {"Judges."})
    for question, side in ((learnt, Split.HOLDOUT), (judging, Split.TRAIN)):
        add_seed(session, persona, near(question, side), f"Near {side}.", at=AT + HOUR)
    training_set = nights.assemble(minutes=61)
    assert sides(nights, training_set) == ({"Learnt.", "Near holdout."}, {"Judges.", "Near train."})
    assert training_set.report["prompts"] == {"new": 2, "joined": 2, "quarantined": 0, "retired": 0}


@pytest.mark.usefixtures("learnt")
def test_of_prompts_that_come_together_one_held_out_keeps_all_of_them_back(
    session: Session, nights: Nights, persona: PersonaRow, judging: str
):
    add_seed(session, persona, near(judging, Split.TRAIN), "Near.")
    assert sides(nights, nights.assemble()) == ({"Learnt."}, {"Judges.", "Near."})


def test_a_bridge_is_quarantined_and_the_held_out_prompt_retires(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str
):
    middle = learnt.replace("?", " again?")
    # Two words away from what is learnt: far enough to have a side of its own, and one from the middle.
    judging = next(
        edited
        for letters in ("abc", "xyz", "jkl", "mno", "pqr", "uvw", "def", "ghi")
        if drawn(edited := middle.replace("What is", f"What {letters} is")) is Split.HOLDOUT
    )
    add_seed(session, persona, judging, "Judges.")
    assert sides(nights, nights.assemble()) == ({"Learnt."}, {"Judges."})
    between = add_seed(session, persona, middle, "Between.", at=AT + HOUR)
    training_set = nights.assemble(minutes=61)
    assert sides(nights, training_set) == ({"Learnt."}, set())
    assert training_set.report["prompts"] == {"new": 1, "joined": 1, "quarantined": 1, "retired": 1}
    assert nights.excluded(training_set)[between] == {"too like both a held-out and a training prompt"}
    again = nights.assemble(minutes=62)  # for ever, and counted once
    assert sides(nights, again) == ({"Learnt."}, set())
    assert again.report["prompts"]["retired"] == 0


@pytest.mark.usefixtures("judging")
def test_prompts_signed_by_earlier_rules_are_signed_anew_and_keep_their_place(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str
):
    nights.assemble()
    signed = {
        row.split_key: (row.cluster, row.split, row.bands, row.words)
        for row in session.scalars(select(PromptSignatureRow))
    }
    session.execute(update(PromptSignatureRow).values(version="earlier", bands=b"", words=b""))
    add_seed(session, persona, near(learnt, Split.HOLDOUT), "Near.", at=AT + HOUR)
    rows, references = sides(nights, nights.assemble(minutes=61))
    assert (rows, references) == ({"Learnt.", "Near."}, {"Judges."})
    session.expire_all()
    anew = {row.split_key: row for row in session.scalars(select(PromptSignatureRow))}
    assert {row.version for row in anew.values()} == {SIGNATURE_VERSION}
    for key, before in signed.items():
        assert (anew[key].cluster, anew[key].split, anew[key].bands, anew[key].words) == before


@pytest.mark.usefixtures("judging", "learnt")
def test_prompts_are_signed_anew_in_a_night_without_new_ones(session: Session, nights: Nights):
    nights.assemble()
    session.execute(update(PromptSignatureRow).values(version="earlier"))
    nights.outcome(minutes=61)
    session.expire_all()
    assert set(session.scalars(select(PromptSignatureRow.version))) == {SIGNATURE_VERSION}


@pytest.mark.usefixtures("judging")
def test_an_earlier_cutoff_gives_the_set_it_gave_before_near_duplicates_came(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str
):
    before = nights.assemble()
    add_seed(session, persona, near(learnt, Split.HOLDOUT), "Near.", at=AT + HOUR)
    nights.assemble(minutes=61)
    again = nights.assemble(minutes=59)
    assert (again.digest, again.report["held_out"]) == (before.digest, before.report["held_out"])


def item(question: str) -> str:
    return json.dumps({"question": question, "reference": "It is.", "answer_key": "is"})


def judges(session: Session, persona: PersonaRow, *, minutes: int) -> set[str]:
    items = compose_items(session, persona, held_out=(), cutoff=AT + timedelta(minutes=minutes))
    return {one.question.text for one in items if one.source is ItemSource.BANK}


@pytest.mark.usefixtures("learnt")
def test_what_is_asked_to_judge_and_what_is_like_it_is_never_learnt(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions
):
    asked = list(islice(questions(Split.TRAIN), 2))[1]
    add_items(session, persona, [item(asked)], at=AT)
    add_seed(session, persona, asked, "The item's own.")
    add_seed(session, persona, near(asked, Split.TRAIN), "Near the item.")
    nights.assemble()
    add_seed(session, persona, near(asked + " Now?", Split.TRAIN), "Later.", at=AT + HOUR)
    rows, _ = sides(nights, nights.assemble(minutes=61))
    assert rows == {"Learnt."}
    assert judges(session, persona, minutes=61) == {asked}


def test_an_item_like_what_was_learnt_already_never_judges(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str
):
    nights.assemble()
    same, alike = learnt, near(learnt, Split.HOLDOUT)
    add_items(session, persona, [item(same), item(alike)], at=AT + HOUR)
    add_seed(session, persona, "Something else entirely?", "Other.", at=AT + HOUR)
    nights.assemble(minutes=61)
    assert judges(session, persona, minutes=61) == set()
    retired = session.scalars(select(PromptRetirementRow.at)).all()
    assert retired == [AT + timedelta(minutes=61)] * 2


def test_items_that_come_in_after_the_cutoff_take_nothing_out_of_its_set(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str
):
    before = nights.assemble()
    add_items(session, persona, [item(learnt)], at=AT + timedelta(minutes=30))
    assert nights.assemble(minutes=29).digest == before.digest


def test_near_duplicates_with_one_text_teach_it_once(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str
):
    alike = near(learnt, Split.TRAIN)
    add_seed(session, persona, alike, "Learnt.")
    add_seed(session, persona, near(alike, Split.TRAIN), "Another text.")
    training_set = nights.assemble()
    assert sorted(row["completion"] for row in nights.rows(training_set)) == ["Another text.", "Learnt."]
    assert training_set.dropped == {"a near duplicate of the prompt has this text": 1}


def test_a_question_without_an_answer_stops_nothing(session: Session):
    """It has no split yet: that is drawn with its first answer."""
    persona = add_persona(session, slug="asked-in-vain")
    record_ask(
        session,
        persona=persona,
        rater=new_rater(session, at=AT),
        question=Question("Why is nobody there?", "physics", "student"),
        submission=None,
        at=AT,
    )
    assert cluster_new(session, persona, cutoff=AT).new == 0
