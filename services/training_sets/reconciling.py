"""Whose opinions count, and what they say together: limits and reviews first, then the consensus.

Opinions that do not count are named with the reason, so that every one is accounted for. The models are the
domain's: `consensus`, `raters`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from services.training_sets.late_words import LOOKED_BACK
from services.training_sets.remembering import Memory, remember
from services.training_sets.reviewed import Against, Reviewed

_SURELY = 2.0  # standard deviations of a share
_NOTHING_REVIEWED = Reviewed()


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
    who called it good and put together why. Who is not `against`ed counts `daily_limit` times a day. `memory`
    is what a later set goes on from.
    """

    raters: tuple[str, ...]
    counted: Spoken
    uncounted: Spoken
    starts: Integers
    good: Integers
    tags: Integers
    consensus: Consensus
    findings: RaterFindings
    against: Against
    daily_limit: int
    memory: Memory

    def opinions_of(self, answer: int) -> slice:
        """Where the counted opinions of one answer stand in the arrays of `counted`."""
        return slice(self.starts[answer], self.starts[answer + 1])

    def dropped(self) -> Iterator[Dropped]:
        """Each opinion that does not count."""
        for rating, rater in zip(self.uncounted.rating.tolist(), self.uncounted.rater.tolist(), strict=True):
            source = f"rating:{rating}"
            yield Dropped((source,), self.against.reason(source, rater) or DropReason.DAILY_LIMIT)


def reconcile(
    heard: Heard,
    policy: ExamplePolicy,
    *,
    reviews: Mapping[str, str],
    words: Reviewed = _NOTHING_REVIEWED,
    without: Collection[str] = (),
    memory: Memory | None = None,
) -> Reconciled:
    """`reviews` maps a rater's id to what a person decided, `words` are what was decided of single ones;
    `without` are ids left out on request.

    A rater whom the test flags, or who agrees less often than by chance, is left out until a person trusts
    them; one of another taste is not.
    `memory` is that of the set gone on from, where only what is new was heard.
    """
    known, raters = memory or Memory(), heard.raters
    everyone = Opinions(heard.answer, heard.rater, heard.choice, heard.answers, len(raters))
    excluded = _decided(heard, reviews, without)
    decided, agreed = frozenset(excluded), words.agreed_ratings(heard.rating)
    silent = np.isin(heard.rater, np.fromiter(excluded, dtype=np.int32, count=len(excluded)))
    by_day = _beyond_limit(heard, policy, known) & ~agreed
    counted = ~silent & ~by_day & ~words.overruled_ratings(heard.rating)
    order = _answer_by_answer(heard, counted)
    consensus = _agree(everyone, heard, order, memory)
    findings = judge_raters(
        everyone.where(counted),
        consensus,
        earlier=known.findings(raters),
        new=None if heard.new is None else heard.new[counted],
    )
    flagged = _flagged(findings, consensus, raters, reviews)
    if flagged:
        del consensus  # before the next one takes as much again
        excluded |= dict.fromkeys(flagged, DropReason.RATER_FLAGGED)
        order = order[~np.isin(heard.rater[order], flagged) | agreed[order]]
        consensus = _agree(everyone, heard, order, memory)
    later = remember(
        known,
        raters,
        consensus.taught,
        findings,
        newest=_newest(heard, known),
        beyond_limit=heard.rating[by_day],
    )
    against = Against(excluded, decided, words)
    return _by_answer(heard, policy, order, consensus, findings, against, later)


def _flagged(
    findings: RaterFindings, consensus: Consensus, raters: Sequence[str], reviews: Mapping[str, str]
) -> list[int]:
    """Indexes of those whom nobody trusts, and the test flags or chance agrees better than.

    The test asks who does not choose like the others: of many who turn everything round it sees none.
    """
    doubt = _SURELY * np.sqrt(0.25 / np.maximum(consensus.evidence, 1))
    turned = consensus.reliability + doubt < 1 / len(Choice)
    return [
        rater
        for rater in range(len(raters))
        if (turned[rater] or findings.standing(rater) is Standing.FLAGGED)
        and reviews.get(raters[rater]) != "trusted"
    ]


def _answer_by_answer(heard: Heard, counted: Mask) -> Integers:
    """The places of the opinions that count, by answer and then in order of time."""
    places = np.flatnonzero(counted).astype(np.int32)
    return places[np.argsort(heard.answer[counted], kind="stable")]


def _agree(everyone: Opinions, heard: Heard, order: Integers, memory: Memory | None) -> Consensus:
    if memory is None or heard.new is None:
        return find_consensus(everyone.where(order))
    earlier = memory.taught(heard.raters)
    return find_consensus(everyone.where(order), earlier=earlier, new=heard.new[order])


def _beyond_limit(heard: Heard, policy: ExamplePolicy, memory: Memory) -> Mask:
    """Which opinions their rater's daily limit does not let count: of earlier ones, those it did not then."""
    beyond = np.isin(heard.rating, memory.beyond_limit)
    new = slice(None) if heard.new is None else heard.new
    rater, day = heard.rater[new], heard.day[new]
    spent = memory.spent(heard.raters, rater=rater, day=day)
    beyond[new] = ~within_daily_limit(rater, day, limit=policy.daily_limit, spent=spent)
    return beyond


def _newest(heard: Heard, memory: Memory) -> list[tuple[int, int]]:
    """Each rater's last day, and how many opinions they gave on it."""
    new = slice(None) if heard.new is None else heard.new
    rater, day = heard.rater[new], heard.day[new]
    last = np.full(len(heard.raters), -1, dtype=np.int32)
    np.maximum.at(last, rater, day)
    said = np.bincount(rater[day == last[rater]], minlength=len(heard.raters))
    found = []
    for one, newest, number in zip(heard.raters, last.tolist(), said.tolist(), strict=True):
        before = memory.raters.get(one, {"day": -1, "said": 0})
        count = number + (before["said"] if before["day"] == newest else 0)
        found.append((before["day"], before["said"]) if before["day"] > newest else (newest, count))
    return found


def _by_answer(
    heard: Heard,
    policy: ExamplePolicy,
    order: Integers,
    consensus: Consensus,
    findings: RaterFindings,
    against: Against,
    memory: Memory,
) -> Reconciled:
    counted = np.zeros(heard.rating.size, dtype=bool)
    counted[order] = True
    tagged = counted & (heard.tags > 0)
    tags = np.zeros(heard.answers, dtype=np.uint8)
    np.bitwise_or.at(tags, heard.answer[tagged], heard.tags[tagged])
    opinions = np.bincount(heard.answer[counted], minlength=heard.answers)
    return Reconciled(
        raters=heard.raters,
        counted=Spoken.of(heard, order),
        uncounted=Spoken.of(heard, np.flatnonzero(~counted)),
        starts=np.concatenate(([0], np.cumsum(opinions))),
        good=np.bincount(heard.answer[counted & (heard.choice == Choice.GOOD)], minlength=heard.answers),
        tags=tags,
        consensus=consensus,
        findings=findings,
        against=against,
        daily_limit=policy.daily_limit,
        memory=memory,
    )


def describe_raters(reconciled: Reconciled) -> dict[str, Any]:
    """How many raters spoke, whom the statistics point at, and whose word does not count."""
    findings, raters, excluded = reconciled.findings, reconciled.raters, reconciled.against.excluded
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
        "left_out": {raters[rater]: reason.value for rater, reason in sorted(excluded.items())},
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


def read_trusted(session: Session, *, since: datetime | None, cutoff: datetime) -> list[str]:
    """Ids of those whom a person came to trust after an instant and up to another; none without `since`.

    Among them those of shortly before it: their reviews may have come late (`late_words`), and what they said
    can be heard again.
    """
    if since is None:
        return []
    trusted = select(RaterReviewRow.rater_id).where(
        RaterReviewRow.at > since - LOOKED_BACK,
        RaterReviewRow.at <= cutoff,
        RaterReviewRow.verdict == "trusted",
    )
    reviews = read_reviews(session, cutoff=cutoff)
    return sorted(one for one in map(str, session.scalars(trusted)) if reviews[one] == "trusted")


def left_out(reconciled: Reconciled, reviews: Mapping[str, str], memory: Memory | None) -> set[str]:
    """Ids of all whose word does not count: of earlier sets those have rows too who said nothing since."""
    reviewed = {rater for rater, verdict in reviews.items() if verdict == "excluded"}
    flagged = {rater for rater in (memory.flagged if memory else ()) if reviews.get(rater) != "trusted"}
    return reviewed | flagged | {reconciled.raters[rater] for rater in reconciled.against.excluded}


def _decided(heard: Heard, reviews: Mapping[str, str], without: Collection[str]) -> dict[int, DropReason]:
    excluded = {}
    for number, rater in enumerate(heard.raters):
        if rater in without:
            excluded[number] = DropReason.WITHOUT_RATER
        elif reviews.get(rater) == "excluded":
            excluded[number] = DropReason.RATER_FLAGGED
    return excluded
