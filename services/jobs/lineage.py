"""Walking the chain: from an answer back to what people said, and from a rating forward to what it shaped."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow
from services.db.lineage_tables import (
    AdapterVersionRow,
    PromotionRow,
    TrainingRunRow,
    TrainingSetRow,
    TrainingSetSourcesRow,
)
from services.db.session import session_scope
from services.errors.lookups import UnknownAnswer
from services.errors.tree import InvalidInput
from services.jobs.installation import Installation, open_installation
from services.training_sets.freezing import thaw
from services.training_sets.nearness import nearest
from services.training_sets.replaying import chain

Record = dict[str, Any]
KINDS = ("rating", "correction", "comparison", "seed")
SHOWN = 5  # of the training rows, those nearest to the answer's question


def why(answer_id: UUID) -> Record:
    """What made an answer: its version, run and set, who promoted it, and the rows nearest to its question.

    Raises UnknownAnswer, TrainingSetCorrupt.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        answer = session.get(AnswerRow, answer_id)
        if answer is None:
            raise UnknownAnswer(answer_id)
        record: Record = {
            "answer": str(answer.id),
            "served_name": answer.served_name,
            "prompt_version": answer.prompt_version,
            "generation": answer.generation,
            "seed": answer.seed,
        }
        version = session.get(AdapterVersionRow, answer.adapter_version_id or 0)
        run = session.get(TrainingRunRow, version.training_run_id or 0) if version else None
        if version is None or run is None:
            return record | {
                "version": version.number if version else None,
                "learnt_from": "nothing: the plain base",
            }
        return record | _chain(session, installation, version, run, answer.question.text)


def _chain(
    session: Session,
    installation: Installation,
    version: AdapterVersionRow,
    run: TrainingRunRow,
    question: str,
) -> Record:
    training_set = run.training_set
    promotion = session.scalar(
        select(PromotionRow)
        .where(PromotionRow.adapter_version_id == version.id)
        .order_by(PromotionRow.id.desc())
        .limit(1)
    )
    return {
        "version": version.number,
        "promotion": promotion.reason if promotion else None,
        "decision": promotion.decision_id if promotion else None,
        "training_run": run.id,
        "training_set": training_set.id,
        "cutoff": training_set.cutoff.isoformat(),
        "plan": training_set.plan,
        "rows": training_set.row_count,
        "earlier_sets": [earlier.id for earlier in chain(session, training_set)][1:],
        "nearest_rows": nearest_rows(session, installation, training_set, question),
    }


def nearest_rows(
    session: Session, installation: Installation, training_set: TrainingSetRow, question: str
) -> list[Record]:
    """Of the set and of those that it went on from, the rows nearest to a question; each in its newest set.

    Raises TrainingSetCorrupt.
    """
    rows: dict[str, Record] = {}
    with TemporaryDirectory(prefix="why-") as folder:
        for learnt in chain(session, training_set):
            url = installation.settings.store_url
            file = thaw(url, learnt.path, digest=learnt.digest, into=Path(folder))
            with file.open(encoding="utf-8") as lines:
                for line in lines:  # what was replayed is there again
                    rows.setdefault(line, {**json.loads(line), "training_set": learnt.id})
    found = nearest(rows.values(), question, count=SHOWN)
    return [
        {
            "kind": row.get("kind", "demonstration"),
            "question": row["messages"][-1]["content"],
            "text": row.get("completion", row.get("chosen")),
            "sources": row.get("sources") or [row["source"]],
            "training_set": row["training_set"],
        }
        for row in found
    ]


def shaped_by(source: str) -> list[Record]:
    """Sets that learnt from a source such as `rating:12` or went on from those, with their versions."""
    kind, _, number = source.partition(":")
    if kind not in KINDS or not number.isdecimal():
        kinds = ", ".join(KINDS)
        raise InvalidInput(f"{source[:60]!r} is no source: name one such as rating:12, of {kinds}.")
    with open_installation() as installation, session_scope(installation.engine) as session:
        return [_shaped(session, row) for row in sets_with(session, kind, int(number))]


def sets_with(session: Session, kind: str, source_id: int) -> list[TrainingSetRow]:
    """The sets that learnt from one source and those that went on from one of them, oldest first."""
    itself = select(TrainingSetSourcesRow.training_set_id).where(
        TrainingSetSourcesRow.kind == kind, TrainingSetSourcesRow.ids.contains([source_id])
    )
    learnt = set(session.scalars(itself))
    newest = learnt
    while newest:
        start = TrainingSetRow.plan["start"]["training_set"].as_integer()
        newest = set(session.scalars(select(TrainingSetRow.id).where(start.in_(newest)))) - learnt
        learnt |= newest
    return list(
        session.scalars(
            select(TrainingSetRow).where(TrainingSetRow.id.in_(learnt)).order_by(TrainingSetRow.id)
        )
    )


def _shaped(session: Session, training_set: TrainingSetRow) -> Record:
    versions = session.scalars(
        select(AdapterVersionRow.number)
        .join(TrainingRunRow, AdapterVersionRow.training_run_id == TrainingRunRow.id)
        .where(TrainingRunRow.training_set_id == training_set.id)
        .order_by(AdapterVersionRow.number)
    )
    return {
        "persona": training_set.persona.slug,
        "training_set": training_set.id,
        "cutoff": training_set.cutoff.isoformat(),
        "versions": list(versions),
    }
