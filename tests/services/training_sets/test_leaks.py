"""The leak report: what was taken out and why, how near training comes to judging, what a gate used."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from services.cli.telling import tell_set
from services.db.feedback_tables import EvaluationItemRow, PersonaRow
from services.db.prompt_tables import PromptSignatureRow
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.splits import Split, prompt_key, split_key
from services.evaluation.suites import compose_items, freeze_suite
from services.jobs.training_sets import describe
from tests.builders import AT, add_answer, add_items, add_persona, add_rating, add_seed
from tests.services.training_sets.conftest import Nights, Questions, drawn
from tests.services.training_sets.test_clustering import item, near

HOUR = timedelta(hours=1)
ASKED_BY_GATE = "a gate has asked it to judge"


@pytest.fixture
def learnt(session: Session, persona: PersonaRow, asked: Iterator[str]) -> str:
    question = next(asked)
    add_seed(session, persona, question, "Learnt.")
    return question


def bridge(session: Session, persona: PersonaRow, learnt: str, nights: Nights) -> tuple[str, str]:
    """A prompt that is like what is learnt and like what judges, and the one that judged."""
    middle = learnt.replace("?", " again?")
    judging = next(
        edited
        for letters in ("abc", "xyz", "jkl", "mno", "pqr", "uvw", "def", "ghi")
        if drawn(edited := middle.replace("What is", f"What {letters} is")) is Split.HOLDOUT
    )
    add_seed(session, persona, judging, "Judges.")
    nights.assemble()
    add_seed(session, persona, middle, "Between.", at=AT + HOUR)
    return middle, judging


def judge_by(session: Session, persona: PersonaRow, question: str) -> None:
    """Freeze a suite, as a gate's evaluation does, that asks the question."""
    asked = Question(question, "physics", "student")
    judging = Item(prompt_key(asked), ItemSource.HOLDOUT, asked, "It is.", "")
    freeze_suite(session, persona, [judging], at=AT + timedelta(minutes=30))


def completions(nights: Nights, **conditions) -> set[str]:
    return {row["completion"] for row in nights.rows(nights.assemble(**conditions))}


def test_what_bridges_two_sides_is_listed_with_the_reason(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str
):
    middle, judging = bridge(session, persona, learnt, nights)
    leaks = nights.assemble(minutes=61).report["leaks"]
    assert leaks["quarantined"] == {
        "prompts": 1,
        "newest": [{"prompt": middle, "why": "too like both a held-out and a training prompt"}],
    }
    assert leaks["retired"] == {
        "prompts": 1,
        "newest": [{"prompt": judging, "why": "a prompt was seen that is like it and like training prompts"}],
    }


def test_a_retired_prompt_that_has_judged_is_never_learnt(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str
):
    _, judging = bridge(session, persona, learnt, nights)
    judge_by(session, persona, judging)
    assert completions(nights, minutes=61) == {"Learnt."}
    # As after a restore that has lost what was known of its side.
    side = update(PromptSignatureRow).where(
        PromptSignatureRow.split_key == split_key(Question(judging, "", ""))
    )
    session.execute(side.values(split=Split.TRAIN))
    add_seed(session, persona, judging, "Once more.", at=AT + 2 * HOUR)
    assert completions(nights, minutes=121) == {"Learnt."}


def test_an_item_that_was_deleted_has_judged_all_the_same(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str], learnt: str
):
    question = next(asked)
    add_items(session, persona, [item(question)], at=AT)
    items = compose_items(session, persona, held_out=(), cutoff=AT)
    freeze_suite(session, persona, items, at=AT)
    session.execute(delete(EvaluationItemRow))
    said = add_seed(session, persona, question, "The item's own.")
    training_set = nights.assemble()
    assert {row["completion"] for row in nights.rows(training_set)} == {"Learnt."}
    assert nights.excluded(training_set)[said] == {ASKED_BY_GATE}
    assert training_set.report["leaks"]["asked_by_a_gate"] == 1
    assert learnt


def test_another_personas_gate_takes_nothing_out(session: Session, nights: Nights, learnt: str):

    judge_by(session, add_persona(session, slug="parrot"), learnt)
    assert completions(nights) == {"Learnt."}


def test_no_training_prompt_is_near_a_held_out_one_and_the_report_would_see_it(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions, learnt: str
):
    judging = next(questions(Split.HOLDOUT))
    add_seed(session, persona, judging, "Judges.")
    add_seed(session, persona, near(learnt, Split.TRAIN), "Near.")
    before = nights.assemble().report["leaks"]["nearest"]
    assert (before["training_prompts"], before["held_out_prompts"]) == (2, 1)
    assert before["near_duplicates"] == 0
    session.execute(
        update(PromptSignatureRow)
        .where(PromptSignatureRow.split_key == split_key(Question(learnt, "", "")))
        .values(split=Split.HOLDOUT)
    )
    after = nights.assemble(minutes=61).report["leaks"]["nearest"]
    assert after["near_duplicates"] == 1
    assert after["highest_similarity"] > 0.6


def test_a_set_is_told_in_eighty_columns(
    session: Session, nights: Nights, persona: PersonaRow, learnt: str, asked: Iterator[str]
):
    bridge(session, persona, learnt, nights)
    answer = add_answer(session, persona, question=next(asked), text="Write to bob@example.com.")
    for stars in (5, 5, 1):
        add_rating(session, answer, stars=stars)
    lines = list(tell_set(describe(nights.assemble(minutes=61))))
    told = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= 80
    assert "0 of 2 training prompts are near duplicates of one of 1 held-out prompts" in told
    assert "1 prompts quarantined" in told
    assert "too like both a held-out and a training prompt" in told
    assert "SFT: 2 demonstrations" in told
    assert not any(line.startswith("{") or "{'" in line for line in lines)
    assert session.scalars(select(PersonaRow.slug)).one() in lines[0]
