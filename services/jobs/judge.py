"""A model of somebody's endpoint judges the candidate's answers against the champion's, where one is set.

It costs its report, never the night, when it does not answer.
"""

import logging
import time
from typing import Any

from services.db.session import session_scope
from services.domain.arms import judge_arm
from services.domain.evaluation import Item
from services.errors.tree import PersonaLoopError
from services.evaluation.evidence import OWN_SOURCES
from services.evaluation.judge import Contested, judge_all
from services.evaluation.judge_prompt import JUDGE_PROMPT_VERSION
from services.evaluation.reports import Asked, find_report, report_by_id, store_report
from services.jobs.arms import Round
from services.jobs.installation import Installation, now
from services.language_model.endpoint import Endpoint

logger = logging.getLogger(__name__)


def ask_judge(installation: Installation, round_: Round, *, candidate: int, champion: int) -> dict[str, int]:
    """The judge's report beside the candidate's, by its arm, from two reports' ids; empty without a judge."""
    settings = installation.settings
    if not settings.judge_url:
        return {}
    with session_scope(installation.engine) as session:
        judged, reference = report_by_id(session, candidate), report_by_id(session, champion)
        arm = judge_arm(settings.judge_model, prompt=JUDGE_PROMPT_VERSION, champion=reference.version.number)
        named = {
            "version_id": judged.adapter_version_id,
            "suite_digest": judged.suite_digest,
            "settings_digest": judged.settings_digest,
        }
        if found := find_report(session, **named, arm=arm):
            return {arm: found.id}
        contested = _contested(round_.items, judged.items, reference.items)
    judge = Endpoint(settings.judge_url, key=settings.judge_key, key_setting="JUDGE_KEY")
    logger.info("%s: %d answers", arm, len(contested))
    begun = time.monotonic()
    try:
        scores = judge_all(
            judge,
            model=settings.judge_model,
            persona=round_.persona,
            contested=contested,
            sleep=time.sleep,
        )
    except PersonaLoopError as problem:
        logger.warning("the arm “%s” has no report: %s", arm, problem)
        return {}
    asked = Asked(arm, time.monotonic() - begun)
    with session_scope(installation.engine) as session:
        return {arm: store_report(session, **named, scores=scores, at=now(), asked=asked)}


def _contested(
    items: tuple[Item, ...], candidate: list[dict[str, Any]], champion: list[dict[str, Any]]
) -> list[Contested]:
    """The persona's own items that both answered, with the two stored answers."""
    return [
        Contested(item, ours["answer"], theirs["answer"])
        for item, ours, theirs in zip(items, candidate, champion, strict=True)
        if item.source in OWN_SOURCES and not item.rejected
    ]
