"""Evaluating: candidate, champion, anchor and base answer one suite as clients of the inference server."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

from sqlalchemy.orm import Session

from services.adapters.freezing import thaw
from services.adapters.promotions import anchor_of, check_usable, incumbent, version_by_number, withdraw
from services.db.erasing_lock import hold_erasures
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.promotions import BASE_VERSION
from services.errors.artifacts import AdapterCorrupt, AdapterMissing
from services.errors.lookups import UnknownRecord
from services.errors.refusals import NothingToJudge, Redacted
from services.evaluation.decisions import promoted_over
from services.evaluation.suites import compose_items, freeze_suite, suite_items
from services.jobs.arms import Round, ask_once_more, ask_other_arms, at_server_of, report_of_version
from services.jobs.installation import Installation, now, open_installation
from services.jobs.instruments import learnt_of, open_instruments, sets_of_others
from services.jobs.judge import ask_judge
from services.settings import Settings
from services.training_sets.drafting import read_references

logger = logging.getLogger(__name__)

ACTOR = "evaluation"


class Reports(TypedDict):
    """Report ids; some are the same report, as those of champion and base while the plain base serves."""

    candidate: int
    champion: int
    anchor: int
    base: int
    arms: dict[str, int]  # those of the other arms that answered, by name


def evaluate(version_id: int) -> Reports:
    """Reports of a version, of whom it is compared with, and of the base, on one suite."""
    with open_installation() as installation:
        return evaluate_with(installation, version_id)


def evaluate_with(installation: Installation, version_id: int) -> Reports:
    """As `evaluate`; the suite is frozen at the version's cutoff, and no report is made a second time.

    An anchor whose files are gone or damaged is marked unsound, and the next is asked in its place.
    Raises UnknownRecord, VersionTainted, VersionRemoved, NothingToJudge, Redacted, and what `ask_all` raises.
    """
    with session_scope(installation.engine) as session:
        candidate = session.get(AdapterVersionRow, version_id)
        if candidate is None:
            raise UnknownRecord("adapter version", version_id)
        check_usable(candidate)
        row = candidate.persona
        hold_erasures(session)
        persona = row.as_persona()
        champion = opponent(session, row, candidate)
        base = version_by_number(session, row, BASE_VERSION)
        training_set = _set_of(session, candidate)
        suite = _freeze(session, installation.settings, row, training_set)
        items = suite_items(session, suite)
        theirs = sets_of_others(session, training_set)
    learnt = learnt_of(installation.settings.store_url, training_set)
    instruments = open_instruments(installation.settings, learnt, theirs)
    round_ = Round(persona, suite, items, installation.generator.facts(), instruments)
    ask = partial(report_of_version, installation, round_)
    # The server's batches take turns, so that both meet it in the same state and with the same neighbours.
    with ThreadPoolExecutor(2) as in_one_pass:
        judged, reference = in_one_pass.map(ask, (candidate, champion))
    beside = at_server_of(candidate.name, installation, round_)
    ask_once_more(*beside, candidate)
    anchor = _ask_anchor(installation, candidate.id, ask)
    others = ask_other_arms(*beside, candidate=candidate.id, learnt=learnt)
    verdicts = ask_judge(*beside, candidate=judged, champion=reference)
    return {
        "candidate": judged,
        "champion": reference,
        "anchor": reference if anchor is None else anchor,
        "base": report_of_version(*beside, base),
        "arms": others | verdicts,
    }


def opponent(session: Session, persona: PersonaRow, candidate: AdapterVersionRow) -> AdapterVersionRow:
    """Whom the gate compares the candidate with: who serves now, or would in the place of a tainted version,
    but never the candidate itself.

    When it serves already, that is the version it was promoted over: a task that is retried after the
    promotion finds the reports, the decision and the promotion of its first run.
    """
    serving = incumbent(session, persona)
    if serving.id != candidate.id:
        return serving
    return promoted_over(session, candidate) or version_by_number(session, persona, BASE_VERSION)


def _ask_anchor(
    installation: Installation, candidate: int, ask: Callable[[AdapterVersionRow], int]
) -> int | None:
    """The report of the first approved version that can be asked; None where there is none.

    Champion and candidate have theirs by now, so that one whose files fail here is neither of them.
    """
    while True:
        with session_scope(installation.engine) as session:
            anchor = anchor_of(session, session.get_one(AdapterVersionRow, candidate))
        if anchor is None:
            return None
        try:
            return ask(anchor)
        except (AdapterCorrupt, AdapterMissing) as problem:
            logger.warning("%s is marked unsound and no anchor any more: %s", anchor.name, problem)
            with session_scope(installation.engine) as session:
                withdraw(session, version_id=anchor.id, problem=str(problem), actor=ACTOR, at=now())


def _set_of(session: Session, version: AdapterVersionRow) -> TrainingSetRow:
    run = session.get(TrainingRunRow, version.training_run_id) if version.training_run_id else None
    if run is None:
        raise UnknownRecord("training run of version", version.number)
    if run.training_set.redacted_at is not None:
        raise Redacted("training set", run.training_set_id)
    return run.training_set


def _freeze(session: Session, settings: Settings, persona: PersonaRow, training_set: TrainingSetRow) -> str:
    if "held_out" not in training_set.report:
        raise UnknownRecord("file of references beside training set", training_set.id)
    with TemporaryDirectory(prefix="references-") as folder:
        held_out = training_set.report["held_out"]
        file = thaw(settings.store_url, held_out["path"], digest=held_out["digest"], into=Path(folder))
        with file.open(encoding="utf-8") as lines:
            items = compose_items(
                session, persona, held_out=read_references(lines), cutoff=training_set.cutoff
            )
    if not items:
        raise NothingToJudge(persona.slug)
    return freeze_suite(session, persona, items, at=now())
