"""Why one answer is as it is, for its page: who answered, what that had learnt, what the gate said of it.

Everything is read in a fixed number of statements. Which rows of the set a reader may see is `near_rows`'s;
lineage for the command line is `lineage`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.adapters import live
from services.db.feedback_tables import AnswerRow, PersonaRow
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow, TrainingRunRow
from services.domain.conversation import Message, Question, persona_messages
from services.domain.feedback import AnswerId
from services.domain.training import portable
from services.errors.lookups import UnknownAnswer
from services.errors.people import NotTheAsker
from services.evaluation.check_lines import CheckLine
from services.evaluation.conclusions import meaning
from services.evaluation.decisions import promoted_by
from services.feedback.queries import is_blind
from services.jobs.near_rows import Nearest, Reader, find_near
from services.training_sets.word_index import KeptIndexes

_MAIN_VALUES = (
    ("base", "model", "name"),
    ("rank", "lora", "r"),
    ("alpha", "lora", "alpha"),
    ("dropout", "lora", "dropout"),
    ("epochs", "training", "epochs"),
    ("learning rate", "training", "learning_rate"),
    ("maximum length", "training", "max_length"),
)


@dataclass(frozen=True, slots=True)
class Learnt:
    """`earlier` is the set that this one went on from."""

    run: int
    training_set: int
    cutoff: datetime
    rows: int
    counts: Mapping[str, int]
    earlier: int | None
    recipe: tuple[tuple[str, Any], ...]
    nearest: Nearest


@dataclass(frozen=True, slots=True)
class GateCard:
    decision: int
    verdict: str
    meaning: str
    checks: tuple[CheckLine, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """`blind`: its reader may still rate it in an open canary and is told nothing of who answered.

    `placed` is the ledger's word for the version at that time. `drawn` is the chance with which a canary drew
    it, None where none was open. `prompt` is for curators alone.
    """

    answer: AnswerRow
    persona: str
    persona_name: str
    question: Question
    blind: bool
    version: AdapterVersionRow | None
    placed: live.Placed | None
    drawn: float | None
    learnt: Learnt | None
    gate: GateCard | None
    prompt: tuple[Message, ...]


def explain(
    session: Session, answer_id: AnswerId, reader: Reader, *, store_url: str, indexes: KeptIndexes
) -> Explained:
    """Raises UnknownAnswer, and NotTheAsker for who neither asked nor curates."""
    answer = session.get(AnswerRow, answer_id)
    if answer is None or answer.tombstone is not None:
        raise UnknownAnswer(answer_id)
    conversation = answer.question.conversation
    asked_it = conversation.rater_id == reader.rater
    if not asked_it and not reader.curates:
        raise NotTheAsker
    row = session.get_one(PersonaRow, conversation.persona_id)
    asked = answer.question
    question = Question(asked.text, asked.domain, asked.audience, asked.context)
    blind = asked_it and is_blind(session, answer_id)
    version = None if blind or answer.imported else session.get(AdapterVersionRow, answer.adapter_version_id)
    run = session.get(TrainingRunRow, version.training_run_id or 0) if version else None
    placed = _placed(session, row, answer, version) if version else None
    return Explained(
        answer=answer,
        persona=row.slug,
        persona_name=row.display_name,
        question=question,
        blind=blind,
        version=version,
        placed=placed,
        drawn=answer.propensity if answer.promotion_id and version else None,
        learnt=_learnt(session, run, question, reader, store_url, indexes) if run else None,
        gate=_gate_card(session, version, placed) if version else None,
        prompt=persona_messages(row.as_persona(), question) if reader.curates else (),
    )


def _placed(
    session: Session, persona: PersonaRow, answer: AnswerRow, version: AdapterVersionRow
) -> live.Placed | None:
    """How the version had its place when the question came; None where the clocks of two machines differ."""
    at = max(answer.accepted_at, persona.created_at)
    found = live.live_at(session, persona, at)
    return next((one for one in (found.champion, found.canary) if one and one.version_id == version.id), None)


def _gate_card(session: Session, version: AdapterVersionRow, placed: live.Placed | None) -> GateCard | None:
    """Of the decision that gave the version its place; where it was put back, that let it serve first."""
    named = placed.decision_id if placed else None
    decision = session.get(GateDecisionRow, named) if named else promoted_by(session, version)
    if decision is None:
        return None
    checks = tuple(CheckLine.of_record(check) for check in decision.checks)
    return GateCard(decision.id, decision.verdict, meaning(decision), checks)


def _learnt(
    session: Session,
    run: TrainingRunRow,
    question: Question,
    reader: Reader,
    store_url: str,
    indexes: KeptIndexes,
) -> Learnt:
    training_set = run.training_set
    start = training_set.plan.get("start")
    return Learnt(
        run=run.id,
        training_set=training_set.id,
        cutoff=training_set.cutoff,
        rows=training_set.row_count,
        counts=training_set.counts,
        earlier=start["training_set"] if start else None,
        recipe=_main_values(run.recipe),
        nearest=find_near(session, training_set, question, reader, store_url, indexes),
    )


def _main_values(recipe: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Those that the run's release knew; of the base its name, without this machine's folders."""
    values = [(name, recipe.get(group, {}).get(key)) for name, group, key in _MAIN_VALUES]
    return tuple(
        (name, portable(value) if name == "base" else value) for name, value in values if value is not None
    )
