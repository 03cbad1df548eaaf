"""Putting the items to an arm: a version, the plain base with three examples, or somebody's endpoint.

An arm that is no version answers the persona's own items only, and costs its report, never the night, when it
does not answer.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.orm import Session

from services.adapters.store import AdapterName
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow
from services.db.session import session_scope
from services.domain.arms import ONCE_MORE, THREE_EXAMPLES, endpoint_arm
from services.domain.evaluation import OWN_SOURCES, Item
from services.domain.fingerprint import Fingerprint, ServerFacts, fingerprint_of
from services.domain.personas import Persona
from services.errors.refusals import ReportsNotComparable
from services.errors.tree import PersonaLoopError
from services.evaluation.asking import ExamplesFor, ask_all, no_examples
from services.evaluation.evidence import scores_of
from services.evaluation.fingerprints import take_fingerprint
from services.evaluation.instruments import Instruments
from services.evaluation.reports import Asking, find_asked, find_report, settings_digest, store_report
from services.evaluation.scoring import Scored
from services.jobs.installation import Installation, now
from services.language_model.asking import BASE_NAME, Generator
from services.language_model.endpoint import Endpoint
from services.language_model.routing import server_of
from services.training_sets.learnt_texts import LearntTexts

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """One pass: what every arm is asked, on which server, and what the answers are measured with."""

    persona: Persona
    suite: str
    items: tuple[Item, ...]
    facts: ServerFacts
    instruments: Instruments

    @property
    def conditions(self) -> str:
        return settings_digest(self.persona, self.facts, self.instruments)

    @property
    def asked_under(self) -> str:
        """The conditions but what answers are measured with."""
        return settings_digest(self.persona, self.facts)


@dataclass(frozen=True, slots=True)
class Arm:
    """Who answers; `name` is empty for the version itself, and else says who does in the version's place.

    A version by itself has the name it is served as, and its report the fingerprint of that.
    """

    version_id: int
    name: str
    ask: Callable[[], Sequence[Scored]]
    served_as: AdapterName | None = None


def at_server_of(model: str, installation: Installation, round_: Round) -> tuple[Installation, Round]:
    """The same pass at the one server that holds a model's base, whose plain base is that one."""
    server = server_of(installation.generator, model)
    return replace(installation, generator=server), replace(round_, facts=server.facts())


def report_of_version(installation: Installation, round_: Round, version: AdapterVersionRow) -> int:
    """The stored report of a version, asked where its base is held unless it is there already.

    Raises what `ask_all` raises.
    """
    installation, round_ = at_server_of(version.name, installation, round_)
    ask = partial(_ask, round_, installation.generator, version.name, round_.items)
    return _report(installation, round_, Arm(version.id, "", ask, AdapterName(version.name)))


def ask_once_more(installation: Installation, round_: Round, version: AdapterVersionRow) -> int:
    """The report of a version asked the same again: in the opposite order, so in other batches.

    Raises what `report_of_version` raises: without it nobody knows what the decoder alone changes.
    """
    ask = partial(_ask, round_, installation.generator, version.name, round_.items[::-1])
    return _report(installation, round_, Arm(version.id, ONCE_MORE, ask))


def ask_other_arms(
    installation: Installation, round_: Round, *, candidate: int, learnt: LearntTexts
) -> dict[str, int]:
    """Report ids of the arms beside a candidate, of those that answered; none is asked a second time."""
    settings = installation.settings
    own = tuple(item for item in round_.items if item.source in OWN_SOURCES)
    reports: dict[str, int] = {}
    if not learnt.shown:
        logger.warning("the arm “%s” is not asked: the set has no demonstration to show", THREE_EXAMPLES)
    else:
        ask = partial(_ask, round_, installation.generator, BASE_NAME, own, examples=learnt.examples_for)
        reports |= report_beside(installation, round_, Arm(candidate, THREE_EXAMPLES, ask))
    if settings.evaluation_endpoint_url:
        url, key = settings.evaluation_endpoint_url, settings.evaluation_endpoint_key
        endpoint = Endpoint(url, key=key, key_setting="EVALUATION_ENDPOINT_KEY")
        model = settings.evaluation_endpoint_model
        # The protocol has no word for the probability of a given text, so pairs cannot be weighed.
        answered = tuple(item for item in own if not item.rejected)
        ask = partial(_ask, round_, endpoint, model, answered)
        reports |= report_beside(installation, round_, Arm(candidate, endpoint_arm(model), ask))
    return reports


def report_beside(installation: Installation, round_: Round, arm: Arm) -> dict[str, int]:
    """The report's id by the arm's name; empty, with a warning, where the arm does not answer."""
    try:
        return {arm.name: _report(installation, round_, arm)}
    except PersonaLoopError as problem:
        logger.warning("the arm “%s” has no report: %s", arm.name, problem)
        return {}


def _ask(
    round_: Round,
    generator: Generator,
    model: str,
    items: Sequence[Item],
    *,
    examples: ExamplesFor = no_examples,
) -> list[Scored]:
    logger.info("%s answers %d items", model, len(items))
    persona = round_.persona
    return ask_all(generator, model=model, persona=persona, items=items, sleep=time.sleep, examples=examples)


def _report(installation: Installation, round_: Round, arm: Arm) -> int:
    """The report that is there, or one of the answers that are there, or of new ones."""
    with session_scope(installation.engine) as session:
        known = _known(session, round_, arm)
        if known is not None:
            return known
    fingerprint = None
    if arm.served_as is not None:
        fingerprint = take_fingerprint(installation.generator, arm.served_as, sleep=time.sleep)
    begun = time.monotonic()
    scores = arm.ask()
    seconds = time.monotonic() - begun
    logger.info("%s: %.1f s", arm.name or "the version", seconds)
    if installation.generator.facts() != round_.facts:
        raise ReportsNotComparable("the inference server was started as another one meanwhile")
    if fingerprint and arm.served_as:
        installation.store.expect(arm.served_as, fingerprint)
    with session_scope(installation.engine) as session:
        return _store(session, round_, arm, scores, seconds=seconds, fingerprint=fingerprint)


def _known(session: Session, round_: Round, arm: Arm) -> int | None:
    """The arm's report of this pass, made of the answers of an earlier one where these are there."""
    found = find_report(
        session,
        version_id=arm.version_id,
        suite_digest=round_.suite,
        settings_digest=round_.conditions,
        arm=arm.name,
    )
    if found is not None:
        return found.id
    before = find_asked(
        session,
        version_id=arm.version_id,
        suite_digest=round_.suite,
        asked_digest=round_.asked_under,
        arm=arm.name,
    )
    if before is None or not (answers := _answers_of(before)):
        return None
    logger.info("the answers of report %d are measured anew", before.id)
    fingerprint = fingerprint_of(before.fingerprint) if before.fingerprint else None
    return _store(session, round_, arm, answers, seconds=before.seconds, fingerprint=fingerprint)


def _answers_of(report: EvaluationReportRow) -> list[Scored]:
    """Nothing of a release that scored otherwise: then everybody is asked anew."""
    try:
        return scores_of(report)
    except ReportsNotComparable:
        return []


def _store(
    session: Session,
    round_: Round,
    arm: Arm,
    answers: Sequence[Scored],
    *,
    seconds: float | None,
    fingerprint: Fingerprint | None,
) -> int:
    return store_report(
        session,
        version_id=arm.version_id,
        suite_digest=round_.suite,
        settings_digest=round_.conditions,
        scores=round_.instruments.measure(answers),
        at=now(),
        asked=Asking(arm.name, seconds, round_.instruments, fingerprint, round_.asked_under),
    )
