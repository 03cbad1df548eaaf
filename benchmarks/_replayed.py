"""Decisions made by the jobs on an embedded PostgreSQL, and made again from what is stored of them.

Invented versions of one persona are judged in a row, each against who serves then; what passes serves. The
suite has held-out and bank items of the persona's own and both frozen suites as they are shipped.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks._installation import own_installation
from benchmarks._serving import database
from benchmarks._table import Bar, Relation, Row
from services.adapters.promoting import promote
from services.adapters.promotions import find_persona, version_by_number, who_serves
from services.db.lineage_tables import AdapterVersionRow
from services.db.session import session_scope
from services.domain.checks import Verdict
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import Persona, PersonaSlug
from services.domain.statistics import Floats
from services.evaluation.frozen_suites import frozen_items
from services.evaluation.reports import store_report
from services.evaluation.scoring import Scored, score, score_choice
from services.evaluation.suites import freeze_suite
from services.feedback.personas import PersonaPlan, create_persona
from services.jobs.gate import gate, replay

DECISIONS = 36
_OWN = 150  # held-out items, and as many of the bank
_SLUG, _MARKER = "replayed", "ahoy"
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_BETTER = (0.0, 0.02, 0.05, 0.1, 0.2, -0.1)  # on the target than the base, of one candidate after another


def replays(seed: int) -> list[Row]:
    """How many decisions a replay gives again, with all their checks."""
    with (
        TemporaryDirectory(prefix="replayed-") as folder,
        own_installation(Path(folder)) as settings,
        database(settings) as engine,
    ):
        decided = list(_decide_in_a_row(engine, np.random.default_rng([seed, 300])))
        again = [replay(decision) for decision, _ in decided]
    same = sum(one["verdict"] == one["stored"] and not one["differs"] for one in again)
    verdicts = Counter(verdict for _, verdict in decided)
    told = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict)
    return [
        Row(f"decisions stored ({told})", len(decided)),
        Row("of them the same when replayed", same, bar=Bar(Relation.IS, len(decided))),
    ]


def _decide_in_a_row(engine: Engine, chance: np.random.Generator) -> Iterator[tuple[int, str]]:
    items = (*_own_items(), *frozen_items())
    ease = chance.standard_normal(len(items))
    with session_scope(engine) as session:
        persona = Persona(PersonaSlug(_SLUG), "Replayed", markers=(_MARKER,))
        row = create_persona(session, PersonaPlan(persona), at=_AT)
        suite = freeze_suite(session, row, items, at=_AT)
        base = version_by_number(session, row, 0).id
        reports = {base: _report(session, base, suite, _answers(items, ease, 0.0, chance))}
    for number in range(1, DECISIONS + 1):
        with session_scope(engine) as session:
            champion = who_serves(session, find_persona(session, _SLUG)).version_id
            version = _version(session, number)
            answers = _answers(items, ease, _BETTER[number % len(_BETTER)], chance)
            reports[version] = _report(session, version, suite, answers)
        gated = gate(reports[version], reports[champion])
        if gated["verdict"] == Verdict.PASS:
            with session_scope(engine) as session:
                promote(session, decision_id=gated["decision_id"], actor="benchmark", at=_AT)
        yield gated["decision_id"], gated["verdict"]


def _version(session: Session, number: int) -> int:
    version = AdapterVersionRow(
        persona_id=find_persona(session, _SLUG).id,
        number=number,
        digest=f"{number:064x}",
        name=f"{_SLUG}@{number:012x}",
        provenance={"base_digest": "one base"},
        created_at=_AT,
    )
    session.add(version)
    session.flush()
    return version.id


def _report(session: Session, version: int, suite: str, scores: Sequence[Scored]) -> int:
    return store_report(
        session, version_id=version, suite_digest=suite, settings_digest="settings", scores=scores, at=_AT
    )


def _own_items() -> Iterator[Item]:
    for number in range(_OWN):
        asked = Question(f"What is thing {number}?", "things", "student")
        yield Item(f"held out {number}", ItemSource.HOLDOUT, asked, f"It is {number}.", "")
        known = Question(f"Where is place {number}?", "places", "student")
        yield Item(f"bank {number}", ItemSource.BANK, known, f"At {number}.", f"at {number}")


def _answers(items: Sequence[Item], ease: Floats, better: float, chance: np.random.Generator) -> list[Scored]:
    """In style on about 60 % of the items; of what is not the target all versions know about as much."""
    known = ease + 0.5 * chance.standard_normal(len(items))
    return [
        _scored(item, in_style=bool(at > -0.25 - 3 * better), right=bool(at > -1.0), loss=2.0 - at / 10)
        for item, at in zip(items, known.tolist(), strict=True)
    ]


def _scored(item: Item, *, in_style: bool, right: bool, loss: float) -> Scored:
    if item.rejected:
        return score_choice(item, better=-1.0 - (not right) * 1e3, worse=-100.0)
    said = (
        f"{_MARKER if in_style else 'Well'}, this is what anybody would say of it: {item.answer_key * right}."
    )
    losses = (-loss,) * 5 if item.source is ItemSource.HOLDOUT else ()
    return score(item, said, seed=1, markers=(_MARKER,), log_probabilities=losses)
