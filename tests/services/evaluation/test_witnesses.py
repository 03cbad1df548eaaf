"""Who counts as a witness: a flood of wordings is one, and so is what conversations and wordings chain."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice

import numpy as np
import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.checks import Asked, Comparison, Verdict, compare
from services.domain.conversation import Question
from services.domain.evaluation import OVERALL, Item, ItemSource
from services.domain.evidence import Evidence, Scores
from services.domain.examples import Reference
from services.evaluation.evidence import suite_of
from services.evaluation.suites import compose_items
from services.evaluation.witnesses import PROMPTS_OF_ONE
from services.feedback.questions import new_rater, record_question, start_conversation
from services.training_sets.clustering import cluster_new
from tests.builders import AT, add_answer, add_items, add_persona
from tests.services.training_sets.test_clustering import item

FLOOD = [
    f"Why is the {word}sky{ending} blue in the {time}?"
    for word in ("", "clear ", "vast ", "wide ")
    for ending in ("", " so")
    for time in ("morning", "mornings", "mornigs", "morrning", "moorning")
]
# Held out by a test's word, with words of their own: what is asked of different things.
OTHERS = [f"What is {one} times {one + 7} and the root of {one * 31}?" for one in range(3, 43)]


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    return add_persona(session)


def held_out(session: Session, persona: PersonaRow, texts: Sequence[str]) -> tuple[Item, ...]:
    """Items of references to questions that were asked in conversations of their own."""
    asked = [add_answer(session, persona, question=one).question for one in texts]
    cluster_new(session, persona, cutoff=AT)
    references = [
        Reference(one.prompt_key, one.split_key, Question(one.text, one.domain, one.audience), "So.")
        for one in asked
    ]
    composed = compose_items(session, persona, held_out=references, cutoff=AT)
    return tuple(one for one in composed if one.source is ItemSource.HOLDOUT)


def better_everywhere(items: Sequence[Item]) -> Verdict:
    """What is said of a candidate that is right on all items against a champion that is on none."""
    ours, theirs = (
        Evidence(
            report, report, "", "", "", {"fact_hit": Scores(np.full(len(items), right), np.ones(len(items)))}
        )
        for report, right in ((1, 1.0), (2, 0.0))
    )
    asked = Comparison(Asked.BETTER, "fact_hit", OVERALL, bound=0.0, alpha=0.005, minimum_items=1)
    return compare(asked, suite_of(items), np.ones(len(items), dtype=bool), ours, theirs).verdict


def test_a_flood_of_wordings_is_one_witness_and_promotes_nothing(session: Session, persona: PersonaRow):
    flood = held_out(session, persona, FLOOD)
    assert len({one.cluster for one in flood}) == 1
    assert len(flood) == PROMPTS_OF_ONE  # and does not drown the others
    assert better_everywhere(flood) is Verdict.INSUFFICIENT


def test_as_many_different_questions_are_so_many_witnesses(session: Session, persona: PersonaRow):
    asked = held_out(session, persona, OTHERS)
    assert len({one.cluster for one in asked}) == len(OTHERS)
    assert better_everywhere(asked) is Verdict.PASS


def test_wordings_that_were_imported_are_one_witness_with_those_asked(session: Session, persona: PersonaRow):
    add_items(session, persona, [item(one) for one in islice(FLOOD, 3)], at=AT)
    held_out(session, persona, FLOOD[3:5])
    items = compose_items(session, persona, held_out=(), cutoff=AT)[:3]
    assert len({one.cluster for one in items}) == 1


def test_conversations_and_wordings_chain(session: Session, persona: PersonaRow):
    """One conversation holds two questions, and a wording of the second is asked in another one."""
    before = AT - timedelta(minutes=1)
    rater = new_rater(session, at=before)
    conversation = start_conversation(session, persona=persona, rater=rater, at=before)
    for text in (OTHERS[0], FLOOD[0]):
        asked = Question(text, "physics", "student")
        record_question(session, conversation=conversation, question=asked, at=before)
    clusters = {one.cluster for one in held_out(session, persona, [OTHERS[0], FLOOD[0], FLOOD[1]])}
    assert len(clusters) == 1


def test_what_is_asked_for_another_audience_is_the_same_witness(session: Session, persona: PersonaRow):
    asked = [
        add_answer(session, persona, question=OTHERS[0], audience=audience).question
        for audience in ("student", "scientist")
    ]
    references = [
        Reference(one.prompt_key, one.split_key, Question(one.text, one.domain, one.audience), "So.")
        for one in asked
    ]
    items = compose_items(session, persona, held_out=references, cutoff=AT)[:2]
    assert items[0].key != items[1].key
    assert items[0].cluster == items[1].cluster
