"""A decision on the reports of an evaluation, as the gate's job makes one."""

from services.db.session import session_scope
from services.domain.gate_policy import GatePolicy, Requirement
from services.evaluation.decisions import decide_and_store
from services.jobs.evaluate import Reports
from services.jobs.installation import Installation
from tests.builders import AT

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
