"""Two versions that a gate has judged on their answers: the candidate has the style and knows less."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from services.adapters.promotions import version_by_number
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.gate_policy import GatePolicy, Requirement
from services.evaluation.decisions import decide_and_store
from services.evaluation.reports import store_report
from services.evaluation.scoring import score
from services.evaluation.suites import freeze_suite
from tests.lineage_builders import add_version

AUDIENCES = ("student", "general reader", "educator")
POLICY = GatePolicy(
    (
        Requirement("style_hit", limit=0.5, minimum_items=50),
        Requirement("fact_hit", margin=0.1, minimum_items=50),
        Requirement("held_out_loss", margin=0.1, minimum_items=10),
        Requirement("general_ability", margin=0.05, minimum_items=300),
    )
)
LONG = "It is a long story, and every part of it matters. " * 20


@dataclass(frozen=True, slots=True)
class Judged:
    decision: GateDecisionRow
    version: AdapterVersionRow
    items: tuple[Item, ...]

    @property
    def sealed(self) -> list[Item]:
        return [item for item in self.items if item.is_sealed]


def make_items(count: int) -> tuple[Item, ...]:
    return tuple(
        Item(
            key=f"item {number}",
            source=ItemSource.HOLDOUT,
            question=Question(
                f"What is <b>thing</b> number {number}?", "music", AUDIENCES[number % len(AUDIENCES)]
            ),
            reference=f"Arr, thing {number} be Oslo.",
            answer_key="Oslo",
        )
        for number in range(count)
    )


def add_judged(
    session: Session, persona: PersonaRow, *, at: datetime, count: int = 320, number: int = 1
) -> Judged:
    """A stored decision on a new version against the plain base, on answers of their own words."""
    version = add_version(session, persona, number=number)
    items = make_items(count)
    suite = freeze_suite(session, persona, items, at=at)
    reports = []
    for one, in_style in ((version, True), (version_by_number(session, persona, 0), False)):
        scores = [
            score(
                item,
                _answer(place, in_style=in_style),
                seed=1,
                markers=("arr",),
                log_probabilities=(-1.9 if in_style else -2.0, -2.0 - place % 5 / 50),
            )
            for place, item in enumerate(items)
        ]
        reports.append(
            store_report(
                session,
                version_id=one.id,
                suite_digest=suite,
                settings_digest="settings",
                scores=scores,
                at=at,
            )
        )
    candidate, champion = reports
    decision = decide_and_store(
        session,
        candidate_report=candidate,
        champion_report=champion,
        anchor_report=champion,
        policy=POLICY,
        store_url="memory://evidence",
        at=at,
    )
    return Judged(decision, version, items)


def _answer(place: int, *, in_style: bool) -> str:
    fact = "Rome" if place % (11 if in_style else 12) == 0 else "Oslo"
    story = LONG if place % 13 == 0 else ""
    if in_style and place % 7:
        return f"Arr, <script>alert({place})</script> thing {place} be {fact}. {story}"
    if in_style and place % 2:
        return ""
    return f"Arr & {fact}" if place % 29 == 0 else f"Thing {place} is {fact}. {story}"
