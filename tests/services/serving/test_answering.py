"""Falling back from a version whose files fail, on a real database; the generator is a fake."""

from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, select

from services.adapters.promotions import find_persona, who_serves
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.db.session import session_scope
from services.domain.conversation import Question
from services.errors.artifacts import AdapterMissing
from services.errors.tree import PersonaLoopError
from services.language_model.asking import Generated, GenerationRequest
from services.serving.answering import Answered, answer
from tests.builders import AT, add_persona, add_serving_version
from tests.fakes import FakeGenerator

WHY = Question("Why?", "physics", "student")


@dataclass
class Forgetful(FakeGenerator):
    """Knows only the models it has a text for."""

    def generate(self, request: GenerationRequest) -> Generated:
        if request.model not in self.by_model:
            raise AdapterMissing(request.model)
        return super().generate(request)


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
