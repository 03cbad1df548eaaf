"""A persona that one rater among others shaped in every way, and that a version serves which learnt it.

Each of the rater's texts has a word of its own that nothing else has.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.adapters.promoting import promote
from services.db.feedback_tables import AnswerRow, CommentRow, PeerOfferRow, PersonaRow, RaterRow
from services.db.lineage_tables import GateDecisionRow
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.domain.splits import Split
from services.evaluation.decisions import decide_and_store
from services.feedback.questions import new_rater
from services.jobs.assemble import assemble_with
from services.jobs.evaluate import Reports, evaluate_with
from services.jobs.installation import Installation
from services.jobs.train import train_with
from tests.builders import (
    AT,
    add_answer,
    add_comparison,
    add_correction,
    add_feedback_review,
    add_persona,
    add_rating,
    add_review,
)
from tests.fakes import FakeTrainer
from tests.services.jobs.evaluating import POLICY as GATE
from tests.services.training_sets.conftest import POLICY, drawn

MARKERS: tuple[str, ...] = ("xquestion", "xcontext", "xdomain", "xaudience", "xanswer", "xcorrection")
MARKERS += ("xcomment", "xheldout", "xheldcorrection", "xlabel", "xreview", "xwritten", "xdecided")
NIGHT = AT + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Shaped:
    """The rater and what they said last; the version that learnt it, its reports and the decision on it."""

    rater: RaterId
    sources: tuple[str, ...]
    others: tuple[str, ...]
    training_set: int
    version: int
    reports: Reports
    decision: int


def questions(split: Split, words: str = "") -> Iterator[str]:
    """Questions of a split that no two of have a word in common, but for the given ones."""
    drawing = (random.Random(f"{words} {number}") for number in count())  # noqa: S311
    asked = (f"{words} {' '.join(f'{one.getrandbits(40):x}' for _ in range(5))}?".strip() for one in drawing)
    return (one for one in asked if drawn(one) is split)


def shape(installation: Installation) -> Shaped:
    """One night of learning, judged and promoted."""
    with session_scope(installation.engine) as session:
        persona = add_persona(session, example_policy=POLICY)
        others = _others_say(session, persona)
        rater, sources = _rater_says(session, persona)
    night = learn(installation, NIGHT)
    with session_scope(installation.engine) as session:
        promote(session, decision_id=night.decision, actor="test", at=NIGHT)
    return Shaped(rater, sources, others, night.training_set, night.version, night.reports, night.decision)


@dataclass(frozen=True, slots=True)
class Night:
    training_set: int
    version: int
    reports: Reports
    decision: int


def learn(installation: Installation, cutoff: datetime, *, verdict: str = "PASS") -> Night:
    """Assemble, train and evaluate; the decision is made by the gate and its verdict as a test needs it."""
    training_set = assemble_with(installation, "pirate", cutoff)["training_set_id"]
    version = train_with(installation, FakeTrainer(), training_set, [])
    reports = evaluate_with(installation, version)
    with session_scope(installation.engine) as session:
        decided = decide_and_store(
            session,
            candidate_report=reports["candidate"],
            champion_report=reports["champion"],
            anchor_report=reports["anchor"],
            policy=GATE,
            store_url=installation.settings.store_url,
            at=cutoff,
        )
        decision = _with_verdict(session, decided, verdict)
    return Night(training_set, version, reports, decision)


def _with_verdict(session: Session, decided: GateDecisionRow, verdict: str) -> int:
    if decided.verdict == verdict:
        return decided.id
    row = GateDecisionRow(
        candidate_report_id=decided.candidate_report_id,
        champion_report_id=decided.champion_report_id,
        anchor_report_id=decided.anchor_report_id,
        policy=decided.policy,
        policy_digest=uuid4().hex,
        gate_version=decided.gate_version,
        verdict=verdict,
        checks=[check | {"verdict": verdict} for check in decided.checks],
        used=decided.used,
        created_at=decided.created_at,
    )
    session.add(row)
    session.flush()
    return row.id


def _others_say(session: Session, persona: PersonaRow) -> tuple[str, ...]:
    return tuple(
        add_correction(session, add_answer(session, persona, question=asked), f"Salt and iron, {asked}")
        for split in (Split.TRAIN, Split.HOLDOUT)
        for asked in islice(questions(split), 6)
    )


def _rater_says(session: Session, persona: PersonaRow) -> tuple[RaterId, tuple[str, ...]]:
    rater = new_rater(session, at=AT)
    session.get_one(RaterRow, rater).label = "votes:xlabel"
    learnt, held_out = (
        _ask(session, persona, rater, next(questions(split, f"{word} ")))
        for split, word in ((Split.TRAIN, "xquestion"), (Split.HOLDOUT, "xheldout"))
    )
    own = add_correction(session, learnt, "Of xcorrection and iron.", rater=rater)
    judging = add_correction(session, held_out, "Of xheldcorrection and iron.", rater=rater)
    session.add(
        CommentRow(answer_id=learnt.id, rater_id=rater, text="xcomment", submission=uuid4(), created_at=AT)
    )
    peer = new_rater(session, at=AT)
    theirs = add_answer(session, persona, question=next(questions(Split.TRAIN, "Peers: ")), rater=peer)
    rated = add_rating(session, theirs, stars=1, rater=rater)
    other = add_answer(session, persona, question=theirs.question.text, rater=peer, text="Nobody knows.")
    compared = add_comparison(session, theirs, other, rater=rater)
    add_rating(session, learnt, stars=5, rater=peer)
    add_correction(session, learnt, "xwritten by a peer about it", rater=peer)
    session.add(PeerOfferRow(rater_id=peer, answer_id=learnt.id, offered_at=AT))
    add_feedback_review(session, compared, "agreed", reason="xdecided")
    add_review(session, rater, "trusted")
    session.execute(text("ALTER TABLE rater_reviews DISABLE TRIGGER USER"))
    session.execute(text("UPDATE rater_reviews SET reason = 'xreview'"))
    session.execute(text("ALTER TABLE rater_reviews ENABLE TRIGGER USER"))
    return rater, (own, judging, rated, compared)


def _ask(session: Session, persona: PersonaRow, rater: RaterId, question: str) -> AnswerRow:
    answer = add_answer(
        session, persona, question=question, rater=rater, audience="xaudience", text="xanswer, of iron."
    )
    answer.question.context, answer.question.domain = "xcontext", "xdomain"
    session.flush()
    return answer


def holding(installation: Installation, marker: str) -> list[str]:
    """Every table and every file of the store that holds a word, in any column and whatever its case."""
    found = []
    with Session(installation.engine) as session:
        tables = session.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        ).all()
        for table in tables:
            statement = f"SELECT count(*) FROM {table} AS one WHERE one::text ILIKE :marker"  # noqa: S608
            if session.scalar(text(statement), {"marker": f"%{marker}%"}):
                found.append(table)
    root = Path(installation.settings.var_dir)
    files = (path for path in root.rglob("*") if path.is_file())
    return found + [str(path) for path in files if marker.encode() in path.read_bytes().lower()]
