"""A candidate to evaluate with what it is asked, and a decision on its reports, as the jobs make them."""

import json
from dataclasses import asdict
from pathlib import Path

from services.adapters.freezing import Frozen, freeze
from services.db.lineage_tables import TrainingSetRow
from services.db.session import session_scope
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.training import RunState
from services.evaluation.decisions import decide_and_store
from services.jobs.evaluate import Reports
from services.jobs.installation import Installation
from tests.builders import AT, add_items, add_persona
from tests.lineage_builders import add_run, add_version

POLICY = GatePolicy((Requirement("fact_hit", limit=0.5),))


def decide(installation: Installation, reports: Reports) -> int:
    with session_scope(installation.engine) as session:
        return decide_and_store(
            session,
            candidate_report=reports["candidate"],
            champion_report=reports["champion"],
            anchor_report=reports["anchor"],
            policy=POLICY,
            store_url=installation.settings.store_url,
            at=AT,
        ).id


REFERENCE = {
    "prompt_key": "key",
    "split_key": "split of the key",
    "question": {"text": "Why is grass green?", "context": "", "domain": "biology", "audience": "student"},
    "reference": "Chlorophyll.",
    "sources": ["correction:1"],
}


def item(question: str) -> str:
    return json.dumps({"question": question, "reference": "Salt.", "answer_key": "salt"})


def freeze_references(installation: Installation, folder: Path) -> Frozen:
    """A set's frozen references: one."""
    file = folder / "held_out.jsonl"
    file.write_text(json.dumps(REFERENCE) + "\n")
    return freeze(installation.settings.store_url, file)


def add_candidate(installation: Installation, held_out: Frozen) -> int:
    """A version trained on a set whose cutoff is AT, of a persona with one item known by then."""
    with session_scope(installation.engine) as session:
        persona = add_persona(session)
        add_items(session, persona, [item("Why is the sea salty?")], at=AT)
        training_set = TrainingSetRow(
            persona=persona,
            cutoff=AT,
            policy={},
            policy_digest="policy",
            digest="digest",
            path="path",
            row_count=1,
            counts={},
            dropped={},
            report={"held_out": {"references": 1, **asdict(held_out)}},
            created_at=AT,
        )
        session.add(training_set)
        session.flush()
        version = add_version(session, persona)
        version.training_run_id = add_run(session, training_set, state=RunState.SUCCEEDED).id
        return version.id
