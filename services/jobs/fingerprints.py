"""Whether a candidate is served as it was evaluated: asked before traffic moves to it."""

import time
from collections.abc import Collection

from sqlalchemy import exists, func, or_, select

from services.db.lineage_tables import GateDecisionRow, PromotionRow
from services.db.session import session_scope
from services.domain.fingerprint import Fingerprint, differences, fingerprint_of
from services.domain.gate import GATE_VERSION
from services.domain.promotions import PromotionKind
from services.errors.refusals import FingerprintChanged
from services.evaluation.fingerprints import take_fingerprint
from services.jobs.installation import Installation
from services.language_model.routing import server_of


def refuse_changed_serving(
    installation: Installation, decision_id: int, *, verdicts: Collection[str] = ("PASS",)
) -> None:
    """Raises FingerprintChanged, and what asking raises; the server loads the candidate by it.

    Nothing is asked about a decision with another verdict than those that may let somebody serve here, nor
    about one that has done so or whose canary is open: who promotes says which it is.
    """
    found = _to_compare(installation, decision_id, verdicts)
    if found is None:
        return
    version_id, name, evaluated = found
    served = take_fingerprint(server_of(installation.generator, name), name, sleep=time.sleep)
    unknown = ("its report does not say how it was served",)
    changed = unknown if evaluated is None else differences(evaluated, served)
    if changed:
        raise FingerprintChanged(decision_id, changed, version_id=version_id)


def _to_compare(
    installation: Installation, decision_id: int, verdicts: Collection[str]
) -> tuple[int, str, Fingerprint | None] | None:
    with session_scope(installation.engine) as session:
        decision = session.get(GateDecisionRow, decision_id)
        if decision is None or decision.verdict not in verdicts or decision.gate_version != GATE_VERSION:
            return None
        report = decision.candidate_report
        newest = select(func.max(PromotionRow.id)).where(PromotionRow.persona_id == report.version.persona_id)
        stands = or_(PromotionRow.kind == PromotionKind.FULL, PromotionRow.id == newest.scalar_subquery())
        if session.scalar(select(exists().where(PromotionRow.decision_id == decision_id, stands))):
            return None
        record = report.fingerprint
        return report.version.id, report.version.name, fingerprint_of(record) if record else None
