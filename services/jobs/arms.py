"""Putting the items to an arm: a version, the plain base with three examples, or somebody's endpoint.

An arm that is no version answers the persona's own items only, and costs its report, never the night, when it
does not answer.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from services.db.lineage_tables import AdapterVersionRow
from services.db.session import session_scope
from services.domain.arms import THREE_EXAMPLES, endpoint_arm
from services.domain.evaluation import OWN_SOURCES, Item
from services.domain.personas import Persona
from services.errors.refusals import ReportsNotComparable
from services.errors.tree import PersonaLoopError
from services.evaluation.asking import ExamplesFor, ask_all, no_examples
from services.evaluation.instruments import Instruments
from services.evaluation.reports import Asked, find_report, settings_digest, store_report
from services.jobs.installation import Installation, now
from services.language_model.asking import BASE_NAME, Generator
from services.language_model.endpoint import Endpoint
from services.settings import Settings
from services.training_sets.learnt_texts import LearntTexts

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """One pass: what every arm is asked, on which base, and what the answers are measured with."""

    persona: Persona
    suite: str
    items: tuple[Item, ...]
    base: str
    instruments: Instruments

    @property
    def conditions(self) -> str:
        return settings_digest(self.persona, base_digest=self.base, instruments=self.instruments)


@dataclass(frozen=True, slots=True)
class Arm:
    """Who answers; `name` is empty for the version itself, and else says who does in the version's place."""

    version_id: int
    generator: Generator
    model: str
    items: tuple[Item, ...]
    name: str = ""
    examples: ExamplesFor = no_examples


def report_of_version(installation: Installation, round_: Round, version: AdapterVersionRow) -> int:
    """The stored report of a version, asked now unless it is there already; raises what `ask_all` raises."""
    return _report(installation, round_, Arm(version.id, installation.generator, version.name, round_.items))


def ask_other_arms(
    installation: Installation, round_: Round, *, candidate: int, learnt: LearntTexts
) -> dict[str, int]:
    """Report ids of the arms beside a candidate, of those that answered; none is asked a second time."""
    reports: dict[str, int] = {}
    for arm in _arms(installation, round_, candidate, learnt):
        try:
            reports[arm.name] = _report(installation, round_, arm)
        except PersonaLoopError as problem:
            logger.warning("the arm “%s” has no report: %s", arm.name, problem)
    return reports


def _arms(installation: Installation, round_: Round, candidate: int, learnt: LearntTexts) -> Iterator[Arm]:
    own = tuple(item for item in round_.items if item.source in OWN_SOURCES)
    if learnt.shown:
        yield Arm(
            candidate, installation.generator, BASE_NAME, own, THREE_EXAMPLES, examples=learnt.examples_for
        )
    if installation.settings.evaluation_endpoint_url:
        # The protocol has no word for the probability of a given text, so pairs cannot be weighed.
        answered = tuple(item for item in own if not item.rejected)
        yield _endpoint(installation.settings, candidate, answered)


def _endpoint(settings: Settings, candidate: int, items: tuple[Item, ...]) -> Arm:
    model = settings.evaluation_endpoint_model
    endpoint = Endpoint(
        settings.evaluation_endpoint_url,
        key=settings.evaluation_endpoint_key,
        key_setting="EVALUATION_ENDPOINT_KEY",
    )
    return Arm(candidate, endpoint, model, items, endpoint_arm(model))


def _report(installation: Installation, round_: Round, arm: Arm) -> int:
    with session_scope(installation.engine) as session:
        found = find_report(
            session,
            version_id=arm.version_id,
            suite_digest=round_.suite,
            settings_digest=round_.conditions,
            arm=arm.name,
        )
        if found is not None:
            return found.id
    who = arm.name or arm.model
    logger.info("%s answers %d items", who, len(arm.items))
    begun = time.monotonic()
    scores = ask_all(
        arm.generator,
        model=arm.model,
        persona=round_.persona,
        items=arm.items,
        sleep=time.sleep,
        examples=arm.examples,
    )
    seconds = time.monotonic() - begun
    logger.info("%s took %.1f s", who, seconds)
    if installation.generator.base_digest() != round_.base:
        raise ReportsNotComparable("the inference server was started with another base meanwhile")
    with session_scope(installation.engine) as session:
        return store_report(
            session,
            version_id=arm.version_id,
            suite_digest=round_.suite,
            settings_digest=round_.conditions,
            scores=round_.instruments.measure(scores),
            at=now(),
            asked=Asked(arm.name, seconds, round_.instruments),
        )
