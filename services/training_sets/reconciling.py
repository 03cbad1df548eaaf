"""Whose opinions count, and what they say together: limits and reviews first, then the consensus.

Opinions that do not count are named with the reason, so that every one is accounted for. The models are the
domain's: `consensus`, `raters`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from services.db.feedback_tables import RaterReviewRow
from services.domain.consensus import Choice, Consensus, Integers, Mask, Opinions, find_consensus
from services.domain.example_policy import ExamplePolicy
from services.domain.examples import Dropped, DropReason
from services.domain.raters import RaterFindings, Standing, judge_raters, within_daily_limit
from services.training_sets.hearing import Heard


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """Which rating it was, whose, and what was chosen: parallel arrays (opinions,)."""

    rating: Integers
    rater: Integers
    choice: Integers

    @classmethod
    def of(cls, heard: Heard, places: Integers) -> "Spoken":
        return cls(heard.rating[places], heard.rater[places], heard.choice[places])


@dataclass(frozen=True, slots=True, eq=False)
class Reconciled:
    """`counted` are the opinions that entered the consensus, answer by answer; `uncounted` all others.

    `starts` (answers + 1,) says where each answer's begin in `counted`; `good` and `tags` (answers,) count
    who called it good and put together why; `excluded` holds indexes of raters whose word does not count at
    all. Everybody else's counts `daily_limit` times a day.
    """

    raters: tuple[str, ...]
    counted: Spoken
    uncounted: Spoken
    starts: Integers
    good: Integers
    tags: Integers
    consensus: Consensus
    findings: RaterFindings
    excluded: Mapping[int, DropReason]
    daily_limit: int

    def opinions_of(self, answer: int) -> slice:
        """Where the counted opinions of one answer stand in the arrays of `counted`."""
        return slice(self.starts[answer], self.starts[answer + 1])

    def dropped(self) -> Iterator[Dropped]:
        """Each opinion that does not count."""
        for rating, rater in zip(self.uncounted.rating.tolist(), self.uncounted.rater.tolist(), strict=True):
            yield Dropped((f"rating:{rating}",), self.excluded.get(rater, DropReason.DAILY_LIMIT))


def reconcile(
    heard: Heard,
    policy: ExamplePolicy,
    *,
    reviews: Mapping[str, str],
    without: Collection[str] = (),
) -> Reconciled:
    """`reviews` maps a rater's id to what a person decided; `without` are ids left out on request.

    A rater whom the test flags is left out until a person trusts them; one under another taste is not.
    """
    everyone = Opinions(heard.answer, heard.rater, heard.choice, heard.answers, len(heard.raters))
    excluded = _decided(heard, reviews, without)
    silent = np.isin(heard.rater, np.fromiter(excluded, dtype=np.int32, count=len(excluded)))
    by_day = ~within_daily_limit(heard.rater, heard.day, limit=policy.daily_limit)
    counted = ~silent & ~by_day
    opinions = everyone.where(counted)
    consensus = find_consensus(opinions)
    findings = judge_raters(opinions, consensus)
    flagged = [
        rater
        for rater in np.flatnonzero(findings.flagged_after)
        if findings.standing(int(rater)) is Standing.FLAGGED and reviews.get(heard.raters[rater]) != "trusted"
    ]
    if flagged:
        del opinions, consensus  # before the next ones take as much again
        excluded |= {int(rater): DropReason.RATER_FLAGGED for rater in flagged}
        counted &= ~np.isin(heard.rater, flagged)
        opinions = everyone.where(counted)
        consensus = find_consensus(opinions)
    return _by_answer(heard, policy, counted, consensus=consensus, findings=findings, excluded=excluded)


def _by_answer(
    heard: Heard,
    policy: ExamplePolicy,
    counted: Mask,
    *,
    consensus: Consensus,
    findings: RaterFindings,
    excluded: Mapping[int, DropReason],
) -> Reconciled:
    tagged = counted & (heard.tags > 0)
    tags = np.zeros(heard.answers, dtype=np.uint8)
    np.bitwise_or.at(tags, heard.answer[tagged], heard.tags[tagged])
    good = np.bincount(heard.answer[counted & (heard.choice == Choice.GOOD)], minlength=heard.answers)
    answer = heard.answer[counted]
    starts = np.concatenate(([0], np.cumsum(np.bincount(answer, minlength=heard.answers))))
    places = np.flatnonzero(counted).astype(np.int32)
    return Reconciled(
        raters=heard.raters,
        counted=Spoken.of(heard, places[np.argsort(answer, kind="stable")]),
        uncounted=Spoken.of(heard, np.flatnonzero(~counted)),
        starts=starts,
        good=good,
        tags=tags,
        consensus=consensus,
        findings=findings,
        excluded=excluded,
        daily_limit=policy.daily_limit,
    )


def describe_raters(reconciled: Reconciled) -> dict[str, Any]:
    """How many raters spoke, whom the statistics point at, and whose word does not count."""
    findings, raters = reconciled.findings, reconciled.raters
    standings = [findings.standing(rater) for rater in range(len(raters))]
    return {
        "spoke": len(raters),
        "standings": {standing.name.lower(): count for standing, count in sorted(Counter(standings).items())},
        "pointed_at": [
            {
                "rater": raters[rater],
                "standing": standing.value,
                "agreement": round(float(findings.agreement[rater]), 3),
                "opinions": int(findings.tested[rater]),
            }
            for rater, standing in enumerate(standings)
            if standing is not Standing.ORDINARY
        ],
        "left_out": {raters[rater]: reason.value for rater, reason in sorted(reconciled.excluded.items())},
    }


def read_reviews(session: Session, *, cutoff: datetime) -> dict[str, str]:
    """What people decided of raters up to the cutoff: the newest verdict of each, by the rater's id."""
    newest = session.execute(
        select(RaterReviewRow.rater_id, RaterReviewRow.verdict)
        .where(RaterReviewRow.at <= cutoff)
        .ext(distinct_on(RaterReviewRow.rater_id))
        .order_by(RaterReviewRow.rater_id, RaterReviewRow.id.desc())
    )
    return {str(row.rater_id): row.verdict for row in newest}


def _decided(heard: Heard, reviews: Mapping[str, str], without: Collection[str]) -> dict[int, DropReason]:
    excluded = {}
    for number, rater in enumerate(heard.raters):
        if rater in without:
            excluded[number] = DropReason.WITHOUT_RATER
        elif reviews.get(rater) == "excluded":
            excluded[number] = DropReason.RATER_FLAGGED
    return excluded
