"""Looking at training sets, and assembling one as it would have been without a rater."""

from collections import defaultdict
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from services.adapters.promotions import find_persona
from services.db.feedback_tables import RaterRow
from services.db.lineage_tables import AdapterVersionRow, TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.errors.lookups import UnknownRater, UnknownRecord
from services.errors.refusals import Redacted, SetsNotComparable
from services.evaluation.weaknesses import domain_failures
from services.jobs.assemble import limits_of
from services.jobs.bases import recipe_of
from services.jobs.installation import Installation, now, open_installation
from services.jobs.raters import parse_rater
from services.training_sets.assembly import Instead, assemble
from services.training_sets.conditions import alike_but_for_raters, policy_in
from services.training_sets.skipping import Skipped, skips_of

Record = dict[str, Any]


def listed(slug: str = "") -> list[Record]:
    """Every set of a persona, or of all of them, the newest first; raises UnknownPersona."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return listed_in(session, slug)


def listed_in(session: Session, slug: str = "") -> list[Record]:
    """As `listed`, in a given session."""
    wanted = select(TrainingSetRow).options(joinedload(TrainingSetRow.persona))
    if slug:
        wanted = wanted.where(TrainingSetRow.persona_id == find_persona(session, slug).id)
    made = defaultdict[int, list[int]](list)
    for training_set, number in session.execute(
        select(TrainingRunRow.training_set_id, AdapterVersionRow.number)
        .join(AdapterVersionRow, AdapterVersionRow.training_run_id == TrainingRunRow.id)
        .order_by(AdapterVersionRow.number)
    ):
        made[training_set].append(number)
    return [
        {
            "training_set": row.id,
            "persona": row.persona.slug,
            "cutoff": row.cutoff.isoformat(),
            "rows": row.row_count,
            "counts": row.counts,
            "left_out": sum(row.dropped.values()),
            "without": row.policy.get("without", []),
            "start": (row.plan.get("start") or {}).get("version"),
            "digest": row.digest,
            "versions": made[row.id],
            "redacted": row.redacted_at is not None,
        }
        for row in session.scalars(wanted.order_by(TrainingSetRow.id.desc()))
    ]


def show(training_set_id: int) -> Record:
    """Everything a set's row says: counts, drops, plan and report."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return describe(_find(session.get(TrainingSetRow, training_set_id), training_set_id))


def skipped(persona: str) -> list[Record]:
    """The nights on which the persona got no set, newest first: why, and what became of what was said."""
    with open_installation() as installation:
        return skipped_in(installation, persona)


def skipped_in(installation: Installation, persona: str) -> list[Record]:
    """As `skipped`, in a given installation."""
    with session_scope(installation.engine) as session:
        return [
            {
                "cutoff": night.cutoff.isoformat(),
                "reason": night.reason,
                "counts": night.counts,
                "dropped": night.dropped,
            }
            for night in skips_of(session, find_persona(session, persona))
        ]


def rebuild(training_set_id: int, without_rater: str) -> Record:
    """The same set without one rater's word, frozen as a set of its own, and how the two differ.

    Who is left out of the set already stays out. Made under the set's own policy, whatever the persona's is
    by now. Raises UnknownRecord, UnknownRater, Redacted, and SetsNotComparable where what else a set needs
    has changed.
    """
    with open_installation() as installation:
        return rebuild_with(installation, training_set_id, without_rater)


def rebuild_with(installation: Installation, training_set_id: int, without_rater: str) -> Record:
    """As `rebuild`, in a given installation."""
    with session_scope(installation.engine) as session:
        original = _find(session.get(TrainingSetRow, training_set_id), training_set_id)
        if original.redacted_at is not None:
            raise Redacted("training set", training_set_id)
        if session.get(RaterRow, parse_rater(without_rater)) is None:
            raise UnknownRater(without_rater)
        recipe = recipe_of(session, installation.settings, original.persona, [])
        rebuilt = assemble(
            session,
            original.persona,
            cutoff=original.cutoff,
            store_url=installation.settings.store_url,
            limits=limits_of(recipe),
            at=now(),
            instead=Instead(
                policy_in(original.policy), frozenset({without_rater, *original.policy.get("without", ())})
            ),
            weak_domains=partial(domain_failures, session, original.persona, cutoff=original.cutoff),
        )
        if isinstance(rebuilt, Skipped):
            return {"original": training_set_id, "skipped": rebuilt.reason}
        if not alike_but_for_raters(rebuilt.policy, original.policy):
            raise SetsNotComparable(training_set_id)
        return {
            "original": original.id,
            "rebuilt": rebuilt.id,
            "rows": {"original": original.row_count, "rebuilt": rebuilt.row_count},
            "counts": _difference(original.counts, rebuilt.counts),
            "dropped": _difference(original.dropped, rebuilt.dropped),
            "stages": {"original": original.plan["stages"], "rebuilt": rebuilt.plan["stages"]},
        }


def _find(row: TrainingSetRow | None, training_set_id: int) -> TrainingSetRow:
    if row is None:
        raise UnknownRecord("training set", training_set_id)
    return row


def describe(row: TrainingSetRow) -> Record:
    """What a set's row says."""
    return {
        "training_set": row.id,
        "persona": row.persona.slug,
        "cutoff": row.cutoff.isoformat(),
        "digest": row.digest,
        "rows": row.row_count,
        "counts": row.counts,
        "dropped": row.dropped,
        "plan": row.plan,
        "report": row.report,
        "redacted_at": row.redacted_at.isoformat() if row.redacted_at else None,
    }


def _difference(original: Record, rebuilt: Record) -> Record:
    """What changed, as `rebuilt - original`, of every count that either has."""
    names = sorted({*original, *rebuilt})
    changes = {name: rebuilt.get(name, 0) - original.get(name, 0) for name in names}
    return {name: change for name, change in changes.items() if change}
