"""Every page of the app, found by its own addresses, and something for each of them to show.

Who looks at all pages sees a new one too, unless it is named here with the reason why it is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from services.accounts import invitations
from services.db.comparing_tables import ComparisonOfferRow
from services.db.feedback_tables import AnswerRow, PeerOfferRow, PersonaRow
from services.domain.comparing import OfferKind
from services.domain.feedback import AnswerId, Choice, RaterId
from services.domain.roles import Role
from services.feedback.rating import rate
from services.feedback.recording import comment, correct
from services.training_sets.skipping import Skipped, record_skip
from tests.builders import add_answer, add_persona
from tests.feedback_app.conftest import PASSWORD
from tests.judged_versions import add_judged
from tests.lineage_builders import add_canary
from tests.told_runs import add_told_run

NAME = "Ada"
NO_PAGES = {
    "static": "files",
    "bootstrap.static": "files",
    "health.healthz": "JSON for a supervisor",
    "health.readyz": "JSON for a supervisor",
    "metrics.metrics": "text for Prometheus",
    "own_data.export": "the rater's own words, as JSON",
    "judging.of_decision": "leads on to judging.page",
    "curating.canary_drawing": "a drawing on curating.page",
    "curating.metrics_drawing": "a drawing on curating.page",
    "curating.ratings_drawing": "a drawing on curating.page",
    "decisions.intervals": "a drawing on decisions.page",
    "runs.loss_drawing": "a drawing on runs.page",
    "runs.memory_drawing": "a drawing on runs.page",
}


@dataclass(frozen=True, slots=True)
class Filled:
    """What addresses name, by the name of their part; `own` instead for one endpoint."""

    named: Mapping[str, object]
    own: Mapping[str, Mapping[str, object]]

    def path(self, app: Flask, rule: Rule) -> str:
        given = {**self.named, **self.own.get(rule.endpoint, {})}
        return app.url_map.bind("localhost").build(
            rule.endpoint, {name: given[name] for name in rule.arguments}
        )


def pages(app: Flask) -> list[Rule]:
    """The rules that show a page; what the API answers is none."""
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    assert set(NO_PAGES) <= {rule.endpoint for rule in rules}
    return [rule for rule in rules if rule.endpoint not in NO_PAGES and not rule.endpoint.startswith("api.")]


def fill(session: Session, persona: PersonaRow, *, at: datetime) -> Filled:
    """What every page shows to an admin who also asks and rates: `NAME`, by `PASSWORD`."""
    accepted = invitations.invite(session, Role.ADMIN, actor="test", at=at)
    account = invitations.accept(session, accepted, name=NAME, password=PASSWORD, rater=None, at=at)
    rater = RaterId(account.rater_id)
    add_persona(session, slug="parrot", display_name="Parrot")
    decision = add_judged(session, persona, at=at).decision
    run = add_told_run(session, persona, at=at)
    add_canary(session, persona, number=2, at=at - timedelta(minutes=1))
    refused = Skipped("pirate: 3 new pieces of feedback, and 10 are needed", {"waits for more": 3})
    record_skip(session, persona, refused, cutoff=at, at=at)
    answer = add_answer(session, persona, rater=rater)
    _say_all(session, AnswerId(answer.id), rater, at=at)
    theirs, another = (
        add_answer(session, persona, question="What is a keel?", text=text)
        for text in ("A spine.", "What she stands on.")
    )
    session.add(PeerOfferRow(rater_id=rater, answer_id=theirs.id, offered_at=at))
    named = {
        "slug": persona.slug,
        "answer_id": answer.id,
        "run_id": run.id,
        "decision_id": decision.id,
        "candidate": decision.candidate_report_id,
        "champion": decision.champion_report_id,
        "offer_id": _compared(session, persona, rater, (theirs, another), at=at).id,
        "token": invitations.invite(session, Role.CURATOR, actor="test", at=at),
    }
    return Filled(named, {"peers.page": {"answer_id": theirs.id}})


def _say_all(session: Session, answer: AnswerId, rater: RaterId, *, at: datetime) -> None:
    rate(session, answer_id=answer, rater=rater, stars=4, submission=uuid4(), at=at)
    correct(session, answer_id=answer, rater=rater, text="It scatters, matey.", submission=uuid4(), at=at)
    comment(session, answer_id=answer, rater=rater, text="Good.", submission=uuid4(), at=at)


def _compared(
    session: Session, persona: PersonaRow, rater: RaterId, pair: tuple[AnswerRow, AnswerRow], *, at: datetime
) -> ComparisonOfferRow:
    """One that was chosen of: where one waits, the pages to begin on lead to it."""
    offer = ComparisonOfferRow(
        persona_id=persona.id,
        rater_id=rater,
        left_answer_id=pair[0].id,
        right_answer_id=pair[1].id,
        kind=OfferKind.NORMAL,
        offered_at=at,
        choice=Choice.TIE,
        chosen_at=at,
    )
    session.add(offer)
    session.flush()
    return offer
