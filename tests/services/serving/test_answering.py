"""Falling back from a version whose files fail, on a real database; the generator is a fake."""

from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, select

from services.adapters.promotions import find_persona, who_serves
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.db.session import session_scope
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.conversation import Question
from services.errors.artifacts import AdapterMissing
from services.errors.outages import InferenceBusy
from services.errors.tree import PersonaLoopError
from services.language_model.asking import Generated, GenerationRequest, Hearing
from services.serving.answering import Answered, answer
from tests.builders import AT, add_persona
from tests.fakes import FakeGenerator
from tests.lineage_builders import add_serving_version

WHY = Question("Why?", "physics", "student")


@dataclass
class Forgetful(FakeGenerator):
    """Knows only the models it has a text for."""

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        if request.model not in self.by_model:
            raise AdapterMissing(request.model)
        return super().generate(request, heard)


def asked(engine: Engine, generator: FakeGenerator, slug: str) -> Answered:
    with session_scope(engine) as session:
        row = find_persona(session, slug)
        persona, serving = row.as_persona(), who_serves(session, row)
    return answer(engine, generator, WHY, persona=persona, seed=1, serving=serving, at=AT)


def test_the_base_answers_for_versions_that_are_gone(clean: Engine):
    with session_scope(clean) as session:
        persona = add_persona(session, slug="gone")
        add_serving_version(session, persona, number=1, digest="1" * 64)
        add_serving_version(session, persona, number=2, digest="2" * 64)
    answered = asked(clean, Forgetful(by_model={"base": "Here I am."}), "gone")
    assert (answered.serving.number, answered.answer.generated.text) == (0, "Here I am.")


@dataclass
class BusyOnRetry(FakeGenerator):
    """Has a full queue for all but the first request."""

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        if self.requests:
            raise InferenceBusy
        return super().generate(request, heard)


def test_an_answer_that_lacks_its_format_is_given_when_the_server_is_busy_on_the_retry(clean: Engine):
    with session_scope(clean) as session:
        add_persona(session, slug="quiz", answers=AnswerRules(AnswerFormat.MCQ))
    given = asked(clean, BusyOnRetry(text="Paris"), "quiz").answer
    assert (given.generated.text, given.attempts, given.valid) == ("Paris", 1, False)


def test_the_base_is_never_withdrawn(clean: Engine):
    with session_scope(clean) as session:
        persona = add_persona(session, slug="baseless")
    with pytest.raises(PersonaLoopError):
        asked(clean, Forgetful(), "baseless")
    with session_scope(clean) as session:
        assert session.scalars(select(PromotionRow).where(PromotionRow.persona_id == persona.id)).all() == []
        base = session.scalars(
            select(AdapterVersionRow).where(AdapterVersionRow.persona_id == persona.id)
        ).one()
        assert base.unsound_at is None
