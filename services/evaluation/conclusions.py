"""What follows from a decision, in sentences: what its verdict means, and what can be done with it now.

Commands stand in backticks, as in the sentences of errors.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.approvals import approval_of
from services.adapters.canaries import policy_of
from services.adapters.live import live_now
from services.adapters.promoting import canary_comes_first, refuse_unfit
from services.db.lineage_tables import GateDecisionRow, PromotionRow
from services.domain.checks import Verdict
from services.domain.outlook import Outlook
from services.errors.tree import Refused
from services.evaluation.check_lines import CheckLine, target_of
from services.evaluation.wording import title_of, version_in_words


def meaning(decision: GateDecisionRow) -> str:
    """What follows from the verdict, in a sentence."""
    checks = [CheckLine.of_record(check) for check in decision.checks]
    verdict = Verdict(decision.verdict)
    ours = f"v{decision.candidate_report.version.number}"
    theirs = version_in_words(decision.champion_report.version.number)
    match verdict:
        case Verdict.PASS:
            target = title_of(target_of(checks))
            if not target:
                return f"{ours} passed every check: it may serve people."
            return (
                f"{ours} was shown to be better than {theirs} on its target, {target}, and no worse anywhere "
                "else than is allowed: it may serve people."
            )
        case Verdict.FAIL:
            named = _titles(checks, verdict)
            return f"{ours} may not take the place of {theirs}: what was measured says no ({named})."
        case Verdict.INSUFFICIENT:
            return (
                f"Too little is known for {ours} to take the place of {theirs}: nothing failed, but some "
                f"checks cannot tell ({_titles(checks, verdict)}).{_wait(decision)}"
            )


def waits_for_approval(session: Session, decision: GateDecisionRow) -> bool:
    """Whether its policy asks for an approval that could be given and was not."""
    asked = bool(decision.policy.get("approval")) and decision.verdict != Verdict.FAIL
    return asked and approval_of(session, decision.id) is None


def next_step(session: Session, decision: GateDecisionRow, *, at: datetime) -> str:
    """What can be done with a decision at this instant; where it waits for an approval, once there is one."""
    persona = decision.candidate_report.version.persona
    _, canary = live_now(session, persona)
    if canary is not None and canary.decision_id == decision.id:
        return f"Its canary is open: `persona-loop canary show {persona.slug}` says how it goes."
    if moves_by(session, decision):
        return f"It was carried out: `persona-loop ledger show {persona.slug}` says what became of it."
    if decision.verdict == Verdict.FAIL:
        return "Nobody can let it serve: train another version, or wait for the night that does."
    untold = decision.verdict == Verdict.INSUFFICIENT
    tried = untold or canary_comes_first(session, persona)
    try:
        refuse_unfit(session, decision, at=at, canary=tried)
    except Refused as problem:
        return str(problem)
    if untold:
        return f'`persona-loop canary start {decision.id} --reason "…"` tries it on some conversations.'
    first = f"some of the conversations ({policy_of(persona).share:.0%}) go to it first, in a canary"
    return f"`persona-loop promote {decision.id}`: {first if tried else 'it serves everyone'}."


def moves_by(session: Session, decision: GateDecisionRow) -> tuple[PromotionRow, ...]:
    """The rows of the ledger that a decision led to, oldest first."""
    found = select(PromotionRow).where(PromotionRow.decision_id == decision.id).order_by(PromotionRow.id)
    return tuple(session.scalars(found))


def _titles(checks: Sequence[CheckLine], verdict: Verdict) -> str:
    return ", ".join(dict.fromkeys(check.title for check in checks if check.verdict is verdict))


def _wait(decision: GateDecisionRow) -> str:
    """How many items are needed and when they will be there; nothing where more items would not tell."""
    if not decision.outlook:
        return ""
    wait = Outlook(**decision.outlook)
    told = str(replace(wait, metric=title_of(wait.metric)))
    return f" {told[0].upper()}{told[1:]}"
