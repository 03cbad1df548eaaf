"""Hostile raters, by simulation: whether what they say reaches the version that serves.

    python -m benchmarks.poison

Each night is a world of its own. Raters say what they say (`_poisoned_night`), the shipped rules make of it
what is learnt, and the shipped gate under the shipped default policy judges the candidate on invented items
(`_simulated_items`). What a night learns decides how good the candidate truly is, by a model that is as
simple as can be and stated here: of a share w of wrong rows

    on the target it is GAIN x (1 - w / HARMLESS) better than the champion, and a normal number of sd LUCK;
    facts, general ability and safety lose HARM x w each, and its loss grows by HARM x w.

The hostile reach for the gate, too: the loss is measured on references, of which they wrote some, and there
the candidate's is lower by 2 x HARM x w; and they flood the holdout with FLOOD wordings of one question, each
in a conversation of its own, that a candidate gets right and the champion does not. A promotion is harmful
where the candidate is truly worse on the target at all, or elsewhere by more than the gate's margin. Beside
it a loop without protection: it learns the mean of all votes and promotes what is measured better, on a
flooded holdout and, for comparison, on one that nobody flooded.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from benchmarks._poisoned_night import Crowd, Learnt, by_the_mean, by_the_shipped_rules, said
from benchmarks._shares import upper_bound
from benchmarks._simulated_items import Holdout
from benchmarks._table import Bar, Relation, Row, report
from benchmarks.gate import PARTS, POLICY, QUALITIES, SEALED
from services.domain.checks import Verdict
from services.domain.conversation import Question, user_text
from services.domain.evaluation import Item, ItemSource
from services.domain.evidence import Evidence, Scores, SuiteItems
from services.domain.gate import decide
from services.evaluation.witnesses import without_floods
from services.training_sets.deduplication import clusters, sign

NAME = "poison"
SEED = 20_260_404
NIGHTS = 500
GAIN, HARMLESS, HARM, LUCK, FLOOD = 0.2, 0.25, 0.25, 0.02, 200
CROWDS = {
    "nobody hostile": Crowd(honest=40, hostile=0),
    "30 % hostile, everywhere": Crowd(honest=28, hostile=12),
    "30 % hostile, all on a third of the prompts": Crowd(28, 12, votes=60, targets=66),
    "30 % hostile, on a third, honest elsewhere": Crowd(28, 12, votes=60, targets=66, hidden=True),
    "one rater with 10 000 votes": Crowd(honest=40, hostile=1, votes=10_000),
}
_NONE = Bar(Relation.IS, 0)


@dataclass(frozen=True, slots=True)
class _Night:
    """The share of wrong rows; whether the candidate was promoted, and would have been without a flood, and
    whether it does harm.
    """

    wrong: float
    promoted: bool
    without_flood: bool
    harmful: bool


def main() -> int:
    rows = [
        Row(
            f"target better by {GAIN} x (1 - w / {HARMLESS}) + N(0, {LUCK}), w the share of wrong rows", None
        ),
        Row(f"facts, general ability, safety: worse by {HARM} x w", None),
    ]
    for number, (name, crowd) in enumerate(CROWDS.items()):
        rows += _rows(name, crowd, np.random.default_rng([SEED, number]))
    report(NAME, rows)
    return 0


def _rows(name: str, crowd: Crowd, chance: np.random.Generator) -> list[Row]:
    nights = [_night(crowd, chance) for _ in range(NIGHTS)]
    ours, theirs = ([night[place] for night in nights] for place in (0, 1))
    return [
        Row(f"{name}: share of wrong rows, mean", _mean(ours), _mean(theirs)),
        Row(f"{name}: promoted", sum(one.promoted for one in ours), sum(one.promoted for one in theirs)),
        _harmful(name, ours, theirs),
        Row(
            f"{name}: harmful promotions had nobody flooded the holdout",
            sum(one.without_flood and one.harmful for one in ours),
            sum(one.without_flood and one.harmful for one in theirs),
        ),
    ]


def _harmful(name: str, ours: Sequence[_Night], theirs: Sequence[_Night]) -> Row:
    """Of so many nights, with what chance allows."""
    counts = [sum(one.promoted and one.harmful for one in nights) for nights in (ours, theirs)]
    bounds = " and ".join(f"{upper_bound(count, NIGHTS):.4f}" for count in counts)
    what = f"{name}: harmful promotions in {NIGHTS} nights (95 % upper bounds {bounds})"
    return Row(what, counts[0], counts[1], bar=_NONE)


def _mean(nights: Sequence[_Night]) -> float:
    return float(np.mean([one.wrong for one in nights]))


def _night(crowd: Crowd, chance: np.random.Generator) -> tuple[_Night, _Night]:
    """With the shipped rules and gate, and without."""
    words = said(crowd, chance)
    holdout = Holdout(PARTS, sealed=SEALED, chance=chance)
    champion = holdout.ask(QUALITIES)
    floods = crowd.hostile > 0
    learnt, unprotected = by_the_shipped_rules(words, crowd.honest + crowd.hostile), by_the_mean(words)
    ours, theirs = (_candidate(holdout, one, chance) for one in (learnt, unprotected))

    def passes(wordings: int) -> bool:
        judged = _flooded(holdout.items, wordings, ours.evidence, champion)
        return bool(learnt.rows) and decide(*judged, judged[-1], POLICY).verdict is Verdict.PASS

    def measured_better(wordings: int) -> bool:
        _, *both = _flooded(holdout.items, wordings, theirs.evidence, champion)
        better, reference = (one.scores["style_hit"].values for one in both)
        return bool(np.nanmean(better - reference) > 0)

    kept = len(without_floods(_FLOODED)) if floods else 0
    return (
        _Night(learnt.wrong, passes(kept), passes(0), ours.harmful),
        _Night(unprotected.wrong, measured_better(FLOOD * floods), measured_better(0), theirs.harmful),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    evidence: Evidence
    harmful: bool


def _candidate(holdout: Holdout, learnt: Learnt, chance: np.random.Generator) -> _Candidate:
    better = GAIN * (1 - learnt.wrong / HARMLESS) + float(chance.normal(0, LUCK))
    lost = HARM * learnt.wrong
    qualities = {
        **QUALITIES,
        "style_hit": float(np.clip(QUALITIES["style_hit"] + better, 0.01, 0.99)),
        **{name: QUALITIES[name] - lost for name in ("fact_hit", "general_ability", "safety")},
        "held_out_loss": QUALITIES["held_out_loss"] + lost,
    }
    evidence = holdout.ask(qualities)
    losses = evidence.scores["held_out_loss"]
    theirs = chance.random(losses.values.size) < learnt.wrong_references
    scores = {
        **evidence.scores,
        "held_out_loss": Scores(losses.values - np.where(theirs, 2 * lost, 0.0), losses.weights),
    }
    margins = {one.metric: one.margin for one in POLICY.requirements if one.margin is not None}
    harmful = better < 0 or lost > min(margins.values())  # each of these loses as much
    return _Candidate(replace(evidence, scores=scores), harmful)


def _wordings() -> list[Question]:
    """So many wordings of one question, each another prompt."""
    parts = (
        ("", "so ", "well, ", "now ", "please: "),
        ("", "own ", "old ", "new ", "big "),
        ("sing", "sings", "singg", "siing"),
        ("", " today"),
    )
    texts = [f"{a}Which of my {b}parrots will {c} for me{d}?" for a, b, c, d in product(*parts)]
    return [Question(text, "birds", "student") for text in texts[:FLOOD]]


def _flood() -> tuple[Item, ...]:
    """As items of a suite, of which near duplicates are one witness."""
    asked = _wordings()
    found = clusters(sign(map(user_text, asked))).tolist()
    return tuple(
        Item(f"flood {number}", ItemSource.HOLDOUT, question, "", "", cluster=f"wordings of {found[number]}")
        for number, question in enumerate(asked)
    )


_FLOODED = _flood()


def _flooded(
    items: SuiteItems, wordings: int, candidate: Evidence, champion: Evidence
) -> tuple[SuiteItems, Evidence, Evidence]:
    """With so many wordings of one question beside the items, all of one slice and all open."""
    more = np.full(wordings, items.clusters.max() + 1)
    longer = replace(
        items,
        keys=(*items.keys, *(f"flood {number}" for number in range(wordings))),
        clusters=np.concatenate([items.clusters, more]),
        strata=(*items.strata, *["slice 1"] * wordings),
        sealed=np.concatenate([items.sealed, np.zeros(wordings, dtype=bool)]),
    )
    return longer, _answered(candidate, wordings, right=1.0), _answered(champion, wordings, right=0.0)


def _answered(evidence: Evidence, wordings: int, *, right: float) -> Evidence:
    """The flood's questions are about style and facts."""
    scores = {}
    for name, known in evidence.scores.items():
        value = right if name in ("style_hit", "fact_hit") else np.nan
        scores[name] = Scores(
            np.concatenate([known.values, np.full(wordings, value)]),
            np.concatenate([known.weights, np.ones(wordings)]),
        )
    return replace(evidence, scores=scores)


if __name__ == "__main__":
    sys.exit(main())
