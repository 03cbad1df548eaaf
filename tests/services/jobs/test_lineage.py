"""Walking the chain on a real database: from a rating forward to what it shaped."""

import pytest
from sqlalchemy.orm import Session

from services.db.lineage_tables import TrainingSetRow, TrainingSetSourcesRow
from services.errors.tree import InvalidInput
from services.jobs.lineage import sets_with, shaped_by
from tests.builders import AT, add_persona


def test_the_sets_that_learnt_from_a_rating_are_found(session: Session):
    persona = add_persona(session)
    learnt, other = (
        TrainingSetRow(
            persona_id=persona.id,
            cutoff=AT,
            policy={},
            policy_digest=digest,
            digest=digest,
            path="path",
            row_count=1,
            counts={},
            dropped={},
            created_at=AT,
        )
        for digest in ("learnt", "other")
    )
    session.add_all([learnt, other])
    session.flush()
    session.add(TrainingSetSourcesRow(training_set_id=learnt.id, kind="rating", ids=[3, 12]))
    session.add(TrainingSetSourcesRow(training_set_id=other.id, kind="correction", ids=[12]))
    session.flush()
    assert sets_with(session, "rating", 12) == [learnt]
    assert sets_with(session, "rating", 4) == []


@pytest.mark.parametrize("source", ["rating:abc", "rating:", "opinion:1", ":"])
def test_what_is_no_source_gets_a_sentence(source: str):
    with pytest.raises(InvalidInput, match="rating:12"):
        shaped_by(source)
