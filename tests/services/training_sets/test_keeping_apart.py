"""Prompts that judge every persona: neither they nor their near duplicates are ever learnt from."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.prompt_tables import PromptSignatureRow
from services.domain.conversation import Question
from services.domain.splits import Split
from services.training_sets.deduplication import SIGNATURE_VERSION
from services.training_sets.keeping_apart import keep_apart
from tests.builders import AT, add_seed
from tests.services.training_sets.conftest import Nights, Questions
from tests.services.training_sets.test_clustering import near, sides

HOUR = timedelta(hours=1)


@pytest.fixture
def judging(session: Session, persona: PersonaRow, questions: Questions) -> str:
    """A question that judges every persona, though it would be drawn for training."""
    question = next(questions(Split.TRAIN))
    keep_apart(session, persona, [Question(question, "", "")], at=AT)
    return question


def signatures(session: Session) -> list[tuple[str, str, bytes]]:
    known = select(PromptSignatureRow.split, PromptSignatureRow.version, PromptSignatureRow.bands)
    return [(row.split, row.version, row.bands) for row in session.execute(known)]


def test_what_judges_every_persona_and_what_is_like_it_judge(
    session: Session, nights: Nights, persona: PersonaRow, judging: str, questions: Questions
):
    add_seed(session, persona, judging, "The same.")
    add_seed(session, persona, near(judging, Split.TRAIN), "Nearly the same.")
    add_seed(session, persona, list(zip(range(2), questions(Split.TRAIN), strict=False))[1][1], "Another.")
    training_set = nights.assemble()
    assert sides(nights, training_set) == ({"Another."}, {"The same.", "Nearly the same."})
    assert training_set.report["leaks"]["nearest"]["near_duplicates"] == 0


def test_what_has_a_side_keeps_it_and_the_report_tells_of_it(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions
):
    learnt = next(questions(Split.TRAIN))
    add_seed(session, persona, learnt, "Learnt.")
    nights.assemble()
    keep_apart(session, persona, [Question(near(learnt, Split.TRAIN), "", "")], at=AT + HOUR)
    training_set = nights.assemble(minutes=61)
    assert sides(nights, training_set) == ({"Learnt."}, set())
    assert training_set.report["leaks"]["nearest"]["near_duplicates"] == 1


@pytest.mark.usefixtures("judging")
def test_what_was_signed_by_other_rules_is_signed_anew(session: Session, persona: PersonaRow, judging: str):
    (before,) = signatures(session)
    session.execute(update(PromptSignatureRow).values(version="older", bands=b""))
    keep_apart(session, persona, [Question(judging, "", "")], at=AT + HOUR)
    assert signatures(session) == [before]
    assert before[:2] == (Split.HOLDOUT, SIGNATURE_VERSION)
