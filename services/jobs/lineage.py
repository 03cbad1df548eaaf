"""Walking the chain back: from an answer to its version, decision, set and rows. Forward is `sources`."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.adapters.freezing import thaw
from services.adapters.promotions import moves_of
from services.db.feedback_tables import AnswerRow
from services.db.lineage_tables import (
    AdapterVersionRow,
    GateDecisionRow,
    PromotionRow,
    TrainingRunRow,
    TrainingSetRow,
)
from services.db.session import session_scope
from services.errors.lookups import UnknownAnswer
from services.jobs.installation import Installation, open_installation
from services.training_sets.nearness import nearest
from services.training_sets.replaying import chain

Record = dict[str, Any]
SHOWN = 5  # of the training rows, those nearest to the answer's question


def why(answer_id: UUID) -> Record:
    """What made an answer: its version, run and set, who promoted it, and the rows nearest to its question.

    Raises UnknownAnswer, FrozenFileCorrupt.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        return trace(session, installation, answer_id)


def trace(session: Session, installation: Installation, answer_id: UUID) -> Record:
    """As `why`, in a given session."""
    answer = session.get(AnswerRow, answer_id)
    if answer is None or answer.tombstone is not None:
        raise UnknownAnswer(answer_id)
    record: Record = {
        "answer": str(answer.id),
        "question": answer.question.text,
        "served_name": answer.served_name,
        "prompt_version": answer.prompt_version,
        "generation": answer.generation,
        "seed": answer.seed,
    }
    version = session.get(AdapterVersionRow, answer.adapter_version_id or 0)
    run = session.get(TrainingRunRow, version.training_run_id or 0) if version else None
    if version is None:
        return record | {"version": None, "learnt_from": "nothing here: it was imported"}
    if run is None:
        return record | {"version": version.number, "learnt_from": "nothing: the plain base"}
    record |= _how_it_came_to_serve(session, version)
    return record | _learnt(session, installation, run, answer.question.text)


def _how_it_came_to_serve(session: Session, version: AdapterVersionRow) -> Record:
    """The decision that put the version in its place first, and the newest move where there was another."""
    moves = moves_of(session, version.id)
    first, newest = (moves[0], moves[-1]) if moves else (None, None)
    decision = session.get(GateDecisionRow, first.decision_id or 0) if first else None
    return {
        "version": version.number,
        "decision": decision.id if decision else None,
        "verdict": decision.verdict if decision else None,
        "promoted": _move(first) if first else None,
        "moved_again": _move(newest) if newest and newest is not first else None,
    }


def _move(row: PromotionRow) -> Record:
    return {"kind": row.kind, "at": row.at.isoformat(), "reason": row.reason, "actor": row.actor}


def _learnt(session: Session, installation: Installation, run: TrainingRunRow, question: str) -> Record:
    training_set = run.training_set
    return {
        "training_run": run.id,
        "training_set": training_set.id,
        "cutoff": training_set.cutoff.isoformat(),
        "plan": training_set.plan,
        "rows": training_set.row_count,
        "earlier_sets": [earlier.id for earlier in chain(session, training_set)][1:],
        "redacted": training_set.redacted_at is not None,
        "nearest_rows": []
        if training_set.redacted_at
        else nearest_rows(session, installation, training_set, question),
    }


def nearest_rows(
    session: Session, installation: Installation, training_set: TrainingSetRow, question: str
) -> list[Record]:
    """Of the set and of those that it went on from, the rows nearest to a question; each in its newest set.

    Raises FrozenFileCorrupt.
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
