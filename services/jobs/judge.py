"""A model of somebody's endpoint judges the candidate's answers against the champion's, where one is set."""

import time
from functools import partial
from typing import Any

from services.db.session import session_scope
from services.domain.arms import judge_arm
from services.domain.evaluation import OWN_SOURCES, Item
from services.evaluation.judge import Contested, judge_all
from services.evaluation.judge_prompt import JUDGE_PROMPT_VERSION
from services.evaluation.reports import report_by_id
from services.jobs.arms import Arm, Round, report_beside
from services.jobs.installation import Installation
from services.language_model.endpoint import Endpoint


def ask_judge(installation: Installation, round_: Round, *, candidate: int, champion: int) -> dict[str, int]:
    """The judge's report beside the candidate's, by its arm, from two reports' ids; empty without a judge."""
    settings = installation.settings
    if not settings.judge_url:
        return {}
    with session_scope(installation.engine) as session:
        judged, reference = report_by_id(session, candidate), report_by_id(session, champion)
        version_id, against = judged.adapter_version_id, reference.version.number
        contested = _contested(round_.items, judged.items, reference.items)
    ask = partial(
        judge_all,
        Endpoint(settings.judge_url, key=settings.judge_key, key_setting="JUDGE_KEY"),
        model=settings.judge_model,
        persona=round_.persona,
        contested=contested,
        sleep=time.sleep,
    )
    name = judge_arm(settings.judge_model, prompt=JUDGE_PROMPT_VERSION, champion=against)
    return report_beside(installation, round_, Arm(version_id, name, ask))


def _contested(
    items: tuple[Item, ...], candidate: list[dict[str, Any]], champion: list[dict[str, Any]]
) -> list[Contested]:
    """The persona's own items that both answered, with the two stored answers."""
    return [
        Contested(item, ours["answer"], theirs["answer"])
        for item, ours, theirs in zip(items, candidate, champion, strict=True)
        if item.source in OWN_SOURCES and not item.rejected
    ]
