"""Pairs that say something of the rater: one that they judged before, and one of which the better is known.

A known pair is an answer that somebody called good and nobody poor, beside a good answer to another question
of the same persona. Which is better takes no curator and nobody's taste: both are in style, of the same
format and liked, and one of them does not answer what was asked. The two questions share hardly a run of
letters (`comparing.ask_different_things`), so that the other can hardly be an answer by chance. Where answers
are letters or JSON, another question's may be right too: there no pair is known.
"""

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.answer_formats import AnswerFormat
from services.domain.comparing import OfferDraw, OfferKind, ask_different_things
from services.domain.examples import read_alike
from services.domain.feedback import FAULTS, Choice, RaterId
from services.feedback.sides import Sides

_LOOKED_AT = 40  # pairs, among which two answers are found that were liked
_IN_WORDS = frozenset({AnswerFormat.FREE_TEXT, AnswerFormat.SAQ})

# The newest of those judged long enough ago.
_BEFORE = text("""
SELECT id, pair_id, left_answer_id, right_answer_id
FROM (
    SELECT *, row_number() OVER (ORDER BY chosen_at DESC, id) - 1 AS judged_since
    FROM comparison_offers
    WHERE rater_id = :rater AND persona_id = :persona AND choice IS NOT NULL
) o
WHERE kind = 'normal' AND pair_id IS NOT NULL AND judged_since >= :after
  AND NOT EXISTS (SELECT FROM comparison_offers r WHERE r.repeats_id = o.id)
  AND EXISTS (SELECT FROM answers a WHERE a.id = o.left_answer_id AND a.tombstone IS NULL)
  AND EXISTS (SELECT FROM answers a WHERE a.id = o.right_answer_id AND a.tombstone IS NULL)
ORDER BY judged_since
LIMIT 1
""")
# Of the pairs that follow a place, the answers that were liked, each with its question.
_LIKED = text("""
SELECT DISTINCT ON (a.id) a.id, a.text, q.text AS asked, q.split_key
FROM (SELECT one_answer_id, other_answer_id FROM answer_pairs
      WHERE persona_id = :persona AND public AND digest >= :place ORDER BY digest LIMIT :looked_at) p
JOIN answers a ON a.id IN (p.one_answer_id, p.other_answer_id) AND a.tombstone IS NULL AND a.text <> ''
JOIN questions q ON q.id = a.question_id
WHERE EXISTS (SELECT FROM current_ratings c JOIN ratings r ON r.id = c.rating_id
              WHERE c.answer_id = a.id AND (r.stars >= 4 OR r.thumb = 'up'))
  AND NOT EXISTS (SELECT FROM current_ratings c JOIN ratings r ON r.id = c.rating_id
                  WHERE c.answer_id = a.id
                    AND (r.stars <= 3 OR r.thumb = 'down' OR r.reasons ?| CAST(:faults AS text[])))
  AND NOT EXISTS (SELECT FROM comparison_offers o WHERE o.rater_id = :rater AND o.kind = 'known'
                  AND a.id IN (o.left_answer_id, o.right_answer_id))
ORDER BY a.id
""")


def repeated(session: Session, persona: PersonaRow, rater: RaterId, *, after: int) -> Sides | None:
    """A pair that the rater judged at least `after` judgements ago, turned round; each comes again once."""
    before = session.execute(_BEFORE, {"rater": rater, "persona": persona.id, "after": after}).one_or_none()
    if before is None:
        return None
    return Sides(
        OfferKind.REPEAT,
        left=before.right_answer_id,
        right=before.left_answer_id,
        pair=before.pair_id,
        repeats=before.id,
    )


def known(session: Session, persona: PersonaRow, rater: RaterId, draw: OfferDraw) -> Sides | None:
    """Two that were liked, of which one answers another question; None where too few were."""
    if persona.answer_format not in _IN_WORDS:
        return None
    there = {"rater": rater, "persona": persona.id, "faults": sorted(FAULTS), "looked_at": _LOOKED_AT}
    found = _different(session, there | {"place": draw.place}) or _different(session, there | {"place": ""})
    if found is None:
        return None
    better, other = found
    if draw.swapped:
        return Sides(OfferKind.KNOWN, other.id, better.id, None, expected=Choice.RIGHT)
    return Sides(OfferKind.KNOWN, better.id, other.id, None, expected=Choice.LEFT)


def _different(session: Session, there: Mapping[str, object]) -> Sequence[Row[Any]] | None:
    liked = session.execute(_LIKED, there).all()
    return next(
        (
            (one, other)
            for one, other in permutations(liked, 2)
            if one.split_key != other.split_key
            and ask_different_things(one.asked, other.asked)
            and not read_alike(one.text, other.text)
        ),
        None,
    )
