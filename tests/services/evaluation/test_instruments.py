import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.conversation import Question
from services.domain.evaluation import METRICS, Item, ItemSource
from services.evaluation.instruments import Embedder, Instruments
from services.evaluation.metrics.adherence import train
from services.evaluation.scoring import Scored, score, score_pair


def letters(texts):
    """An embedding: how often each letter comes up, scaled to length 1."""
    counts = np.array([[text.count(chr(97 + place)) for place in range(26)] for text in texts], float)
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-12)


def asked(answer: str, *, reference: str = "abba") -> Scored:
    item = Item("key", ItemSource.BANK, Question("Why?", "music", "student"), reference, "")
    return score(item, answer, seed=1, markers=(), log_probabilities=())


def test_similarity_is_the_cosine_of_answer_and_reference():
    measured = Instruments(embedder=Embedder("letters", letters)).measure(
        [asked("ab"), asked("ccc"), asked("ab", reference="")]
    )
    assert [one.semantic_similarity for one in measured] == [pytest.approx(1), 0, None]


def test_pairs_are_left_as_they_are_and_keep_their_place():
    pair = score_pair(
        Item("pair", ItemSource.PAIR, Question("Why?", "music", "student"), "A", "", "B"),
        chosen=1,
        rejected=0,
    )
    measured = Instruments(embedder=Embedder("letters", letters)).measure([pair, asked("ab"), pair])
    assert measured[0] is measured[2] is pair
    assert measured[1].semantic_similarity == pytest.approx(1)


def test_without_instruments_nothing_is_measured_and_no_condition_is_named():
    (measured,) = Instruments().measure([asked("ab")])
    assert (measured.adherence, measured.semantic_similarity) == (None, None)
    assert Instruments().conditions == {}
    assert Instruments().values() == ()


def test_a_classifier_trained_on_other_texts_is_another_condition():
    pirates = [f"arr matey number {one}" for one in range(80)]
    scholars = [f"hence evidence number {one}" for one in range(80)]
    first, second = train(pirates, scholars), train(pirates[1:], scholars)
    (told,) = Instruments(adherence=first).values()
    assert Instruments(adherence=first).conditions != Instruments(adherence=second).conditions
    assert (told.name, told.items) == ("adherence_auc", first.held_out)
    measured = Instruments(adherence=first).measure([asked("arr matey"), asked("hence evidence")])
    ours, theirs = (one.adherence or 0.0 for one in measured)
    assert 0 < theirs < 0.5 < ours < 1


def test_every_metric_says_where_it_is_defined_and_which_way_is_better():
    assert all(metric.citation and metric.version >= 1 for metric in METRICS.values())
    assert {name for name, metric in METRICS.items() if not metric.of_items} == {
        "adherence_auc",
        "distinct_1",
        "distinct_2",
        "judged_better",
        "perplexity",
    }


@given(st.lists(st.text("abcdef", max_size=12), max_size=5), st.text("abcdef", min_size=1, max_size=12))
def test_a_cosine_lies_between_minus_one_and_one_and_is_one_of_the_reference_itself(answers, reference):
    instruments = Instruments(embedder=Embedder("letters", letters))
    measured = instruments.measure([asked(one, reference=reference) for one in [*answers, reference]])
    cosines = [one.semantic_similarity or 0.0 for one in measured]
    assert all(-1 - 1e-9 <= cosine <= 1 + 1e-9 for cosine in cosines)
    assert cosines[-1] == pytest.approx(1)
