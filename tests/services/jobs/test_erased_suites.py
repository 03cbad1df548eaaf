"""What suites judge by of an erased rater goes, whatever its key."""

from sqlalchemy import select

from services.adapters.promotions import find_persona
from services.db.feedback_tables import QuestionRow
from services.db.session import session_scope
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.splits import prompt_key
from services.evaluation.suites import freeze_suite
from services.jobs.erase import erase_with
from services.jobs.installation import Installation
from tests.builders import AT
from tests.services.jobs.erasing import holding, shape


def test_a_pair_on_their_question_goes_although_no_file_has_it_any_more(installation: Installation):
    rater = shape(installation).rater
    with session_scope(installation.engine) as session:
        asked = session.scalars(select(QuestionRow).where(QuestionRow.text.contains("xheldout"))).one()
        question = Question(asked.text, asked.domain, asked.audience, asked.context)
        asked.prompt_key = prompt_key(question)
        pair = Item("of its own", ItemSource.PAIR, question, "Salt.", "", rejected="Sugar.")
        freeze_suite(session, find_persona(session, "pirate"), [pair], at=AT)
    erase_with(installation, str(rater), "by letter", "test")
    assert holding(installation, "xheldout") == []
