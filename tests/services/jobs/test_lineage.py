"""Walking the chain on a real database: from a rating forward to what it shaped, and back to the rows."""

import json
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from services.db.lineage_tables import TrainingSetRow, TrainingSetSourcesRow
from services.db.session import session_scope
from services.errors.tree import InvalidInput
from services.jobs.installation import Installation
from services.jobs.lineage import nearest_rows, sets_with, shaped_by
from services.training_sets.freezing import freeze
from tests.builders import AT, add_persona, add_training_set


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


def test_the_sets_that_went_on_from_what_learnt_a_rating_are_found_too(session: Session):
    persona = add_persona(session)
    learnt = add_training_set(session, persona)
    second, third = (
        add_training_set(session, persona, plan={"start": {"training_set": before}})
        for before in (learnt.id, learnt.id + 1)
    )
    fresh = add_training_set(session, persona, plan={"start": None})
    session.add(TrainingSetSourcesRow(training_set_id=learnt.id, kind="rating", ids=[3, 12]))
    session.flush()
    assert second.id == learnt.id + 1
    assert sets_with(session, "rating", 12) == [learnt, second, third]
    assert fresh not in sets_with(session, "rating", 3)


def test_an_answer_leads_to_the_rows_of_every_set_that_its_version_learnt(
    installation: Installation, tmp_path: Path
):
    url = installation.settings.store_url
    with session_scope(installation.engine) as session:
        persona = add_persona(session)
        before = None
        for number, taught in enumerate((("why is it blue?", "who sails?"), ("why is it blue?",))):
            lines = [
                {"messages": [{"content": one}], "completion": "Arr.", "sources": [one]} for one in taught
            ]
            file = tmp_path / f"{number}.jsonl"
            file.write_text("".join(json.dumps(line) + "\n" for line in lines))
            frozen = freeze(url, file)
            start = {"training_set": before.id} if before else None
            later = add_training_set(session, persona, plan={"start": start})
            later.path, later.digest = frozen.path, frozen.digest
            session.flush()
            before, first = later, before or later
        found = nearest_rows(session, installation, later, "Who sails?")
    assert [(row["question"], row["training_set"]) for row in found] == [("who sails?", first.id)]


@pytest.mark.parametrize("source", ["rating:abc", "rating:", "opinion:1", ":"])
def test_what_is_no_source_gets_a_sentence(source: str):
    with pytest.raises(InvalidInput, match="rating:12"):
        shaped_by(source)
