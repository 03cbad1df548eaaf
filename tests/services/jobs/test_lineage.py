"""Walking the chain back on a real database: from an answer to its version, decision and rows."""

import json
from pathlib import Path

from services.adapters.freezing import freeze
from services.adapters.promoting import promote
from services.adapters.promotions import rollback
from services.cli.tracing import tell_answer
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.domain.training import RunState
from services.jobs.installation import Installation
from services.jobs.lineage import nearest_rows, trace
from tests.builders import AT, add_answer, add_persona
from tests.lineage_builders import add_decision, add_run, add_training_set, add_version


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


def test_an_answer_names_the_decision_that_first_made_its_version_serve_whatever_moved_it_since(
    installation: Installation, tmp_path: Path
):
    with session_scope(installation.engine) as session:
        persona = add_persona(session)
        training_set = add_training_set(session, persona)
        (tmp_path / "rows.jsonl").write_text("")
        frozen = freeze(installation.settings.store_url, tmp_path / "rows.jsonl")
        training_set.path, training_set.digest = frozen.path, frozen.digest
        version = add_version(session, persona)
        version.training_run_id = add_run(session, training_set, state=RunState.SUCCEEDED).id
        decision = add_decision(session, version, verdict="PASS").id
        promote(session, decision_id=decision, actor="night", at=AT)
        answer = add_answer(session, persona)
        for number in (0, 1):
            rollback(
                session,
                persona=PersonaSlug(persona.slug),
                to_version=number,
                reason="tried",
                actor="ann",
                at=AT,
            )
    with session_scope(installation.engine) as session:
        record = trace(session, installation, answer.id)
    assert (record["decision"], record["verdict"]) == (decision, "PASS")
    assert (record["promoted"]["kind"], record["promoted"]["actor"]) == ("full", "night")
    assert (record["moved_again"]["kind"], record["moved_again"]["reason"]) == ("reinstate", "tried")
    told = list(tell_answer(record))
    assert f"  decision    {decision}, PASS" in told
    assert all(len(line) <= 80 and "{" not in line for line in told)
