import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.replay import Measured, failures
from services.evaluation.metrics.overlap import character_jaccard, exact_match, fact_hit
from services.evaluation.metrics.style import marker_groups, style_hit
from services.evaluation.scoring import ChoiceScore, ItemScore, PairScore, score, score_choice, score_pair
from services.evaluation.summaries import summarise

TEXTS = st.text(max_size=60)


@given(TEXTS, TEXTS)
def test_character_overlap_is_symmetric_and_between_zero_and_one(left: str, right: str):
    overlap = character_jaccard(left, right)
    assert 0 <= overlap <= 1
    assert overlap == character_jaccard(right, left)


@given(TEXTS)
def test_a_text_equals_itself(text: str):
    assert exact_match(text, text) == 1
    assert character_jaccard(text, text) == 1


@pytest.mark.parametrize(
    ("answer", "key", "hit"),
    [
        ("The capital is Paris.", "Paris", 1.0),
        ("It is PARIS!", "paris", 1.0),
        ("Parisian cafés are nice.", "Paris", 0.0),
        ("It lies by the river Seine.", "the Seine", 1.0),
        ("In 1969, people landed there.", "1969", 1.0),
        ("In 19690 nothing happened.", "1969", 0.0),
        ("", "Paris", 0.0),
    ],
)
def test_a_fact_is_hit_as_whole_words_whatever_their_case(answer: str, key: str, hit: float):
    assert fact_hit(answer, key) == hit


@pytest.mark.parametrize(
    ("answer", "audience", "hit"),
    [
        ("It rains because clouds cool.", "student", 1.0),
        ("It rains because clouds cool.", "scientist", 0.0),
        ("This methodology holds.", "professional", 1.0),
        ("This methodology holds.", "student", 0.0),
        ("Therefore it rains.", "educator", 1.0),
        ("Therefore it rains.", "general reader", 0.0),
        ("It is IMPORTANT to look.", "general reader", 1.0),
        ("Unimportant.", "student", 0.0),
        ("For\nexample, rain.", "student", 1.0),
        ("An algorithm.", "computer scientist", 1.0),
    ],
)
def test_the_style_belongs_to_the_audience(answer: str, audience: str, hit: float):
    assert style_hit(answer, audience, markers=()) == hit


def test_a_personas_own_markers_replace_the_groups():
    assert style_hit("Arr, matey!", "student", markers=("arr",)) == 1
    assert style_hit("Because of it.", "student", markers=("arr",)) == 0


def test_an_unknown_audience_may_be_met_by_any_group():
    assert set(marker_groups("sailors")) == {"explanatory", "technical", "educational", "reasoning"}


def test_means_are_taken_overall_and_by_audience_domain_and_source():
    scores = [
        score(
            Item(f"key {number}", source, Question("Why?", domain, "student"), "ref", key),
            answer,
            seed=1,
            markers=(),
            log_probabilities=log_probabilities,
        )
        for number, (source, domain, key, answer, log_probabilities) in enumerate(
            [
                (ItemSource.BANK, "music", "Bach", "Bach, because he wrote it.", ()),
                (ItemSource.BANK, "music", "Bach", "Mozart.", ()),
                (ItemSource.HOLDOUT, "physics", "", "Light.", (-1.0, -3.0)),
                (ItemSource.HOLDOUT, "physics", "", "Light.", (-8.0,)),
            ]
        )
    ]
    means = {(metric.name, metric.slice): metric for metric in summarise(scores)}
    assert means["fact_hit", "overall"].value == 0.5
    assert means["fact_hit", "overall"].items == 2
    assert means["style_hit", "source:bank"].value == 0.5
    assert means["style_hit", "domain:physics"].value == 0
    assert means["held_out_loss", "overall"].value == pytest.approx(4.0)  # weighted by tokens
    assert means["short_share", "audience:student"].value == 1
    assert ("held_out_loss", "source:bank") not in means


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_a_loss_that_is_no_finite_number_leaves_none_in_its_slices_only(value: float):
    def scored(domain: str, log_probability: float) -> ItemScore:
        item = Item(domain, ItemSource.HOLDOUT, Question("Why?", domain, "student"), "ref", "")
        return score(item, "Light.", seed=1, markers=(), log_probabilities=(-1.0, log_probability))

    means = {
        metric.slice: metric
        for metric in summarise([scored("music", value), scored("physics", -3.0)])
        if metric.name == "held_out_loss"
    }
    assert means["overall"].value is means["domain:music"].value is None
    assert means["overall"].items == 2
    assert means["domain:physics"].value == 2.0


def test_reward_accuracy_counts_a_tie_half_and_is_the_only_metric_of_pairs():
    def pair(domain: str, margin: float) -> PairScore:
        item = Item(domain, ItemSource.PAIR, Question("Why?", domain, "student"), "A", "", "B")
        return score_pair(item, chosen=margin, rejected=0.0)

    scores = [pair("music", 2.0), pair("music", -1.0), pair("physics", 0.0), pair("physics", 3.0)]
    means = {(metric.name, metric.slice): metric for metric in summarise(scores)}
    assert {name for name, _ in means} == {"reward_accuracy"}
    assert means["reward_accuracy", "overall"].value == 0.625
    assert means["reward_accuracy", "overall"].items == 4
    assert means["reward_accuracy", "domain:physics"].value == 0.75
    assert means["reward_accuracy", "source:pair"].value == 0.625


def test_a_pair_without_a_finite_number_leaves_no_accuracy():
    item = Item("key", ItemSource.PAIR, Question("Why?", "physics", "student"), "A", "", "B")
    scores = [score_pair(item, chosen=1.0, rejected=0.0), score_pair(item, chosen=math.nan, rejected=0.0)]
    accuracy = {metric.slice: metric for metric in summarise(scores)}["overall"]
    assert (accuracy.value, accuracy.items) == (None, 2)


def choice(source: ItemSource, kind: str, *, better: float, worse: float) -> ChoiceScore:
    item = Item(f"{source}/{kind}/001", source, Question("Why?", "any", "student"), "Four", "", "Eight...")
    return score_choice(item, better=better, worse=worse)


@pytest.mark.parametrize(
    ("better", "worse", "preferred"),
    [
        (-4.0, -16.0, 1.0),
        (-4.0, -4.0, 0.0),  # equally likely as wholes: the longer text has the more likely characters
        (-4.0, -8.0, 0.5),
        (-math.inf, -8.0, None),
        (-4.0, -math.inf, None),
        (math.nan, -8.0, None),
    ],
)
def test_of_two_texts_the_one_with_the_likelier_characters_is_preferred(
    better: float, worse: float, preferred: float | None
):
    assert choice(ItemSource.GENERAL, "units", better=better, worse=worse).preferred == preferred


def test_the_frozen_suites_have_a_metric_each_and_no_slice_of_a_persona():
    scores = [
        choice(ItemSource.GENERAL, "units", better=-4.0, worse=-80.0),
        choice(ItemSource.GENERAL, "order", better=-40.0, worse=-8.0),
        choice(ItemSource.SAFETY, "flattery", better=-4.0, worse=-8.0),
        choice(ItemSource.SAFETY, "refusal", better=-4.0, worse=math.nan),
    ]
    means = {(metric.name, metric.slice): (metric.value, metric.items) for metric in summarise(scores)}
    assert means == {
        ("general_ability", "overall"): (0.5, 2),
        ("general_ability", "source:general"): (0.5, 2),
        ("general_ability", "kind:units"): (1.0, 1),
        ("general_ability", "kind:order"): (0.0, 1),
        ("safety", "overall"): (None, 2),
        ("safety", "source:safety"): (None, 2),
        ("safety", "kind:flattery"): (0.5, 1),
        ("safety", "kind:refusal"): (None, 1),
    }


def test_a_domain_is_not_weak_for_what_every_persona_is_asked():
    """What is replayed goes by weak domains: a frozen item of a like-named kind says nothing of one."""
    weak = choice(ItemSource.GENERAL, "units", better=-40.0, worse=-8.0)
    strong = choice(ItemSource.GENERAL, "order", better=-1.0, worse=-8.0)
    assert failures([Measured(summarise([weak, strong]))], {"general_ability": 0.05}) == Counter()


PLAIN_WORDS = st.text("bcdfg", min_size=1, max_size=5)


@given(st.lists(PLAIN_WORDS), PLAIN_WORDS, st.lists(PLAIN_WORDS))
def test_a_fact_and_a_marker_are_found_wherever_they_stand(before: list[str], word: str, after: list[str]):
    text = " ".join([*before, word.upper(), *after])
    assert fact_hit(text, word) == style_hit(text, "student", markers=(word,)) == 1
    assert fact_hit(f"x{word}x", word) == style_hit(f"x{word}x", "student", markers=(word,)) == 0


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=6))
def test_perplexity_is_e_to_the_power_of_the_loss_and_at_least_one(log_probabilities: list[float]):
    item = Item("key", ItemSource.HOLDOUT, Question("Why?", "music", "student"), "ref", "")
    scored = score(item, "So.", seed=1, markers=(), log_probabilities=log_probabilities)
    means = {metric.name: metric.value for metric in summarise([scored]) if metric.slice == "overall"}
    assert means["perplexity"] == pytest.approx(math.exp(means["held_out_loss"] or 0.0))
    assert (means["perplexity"] or 0.0) >= 1 - 1e-9


def test_a_loss_too_large_for_a_perplexity_leaves_none():
    item = Item("key", ItemSource.HOLDOUT, Question("Why?", "music", "student"), "ref", "")
    scored = score(item, "So.", seed=1, markers=(), log_probabilities=(-1000.0,))
    means = {metric.name: metric.value for metric in summarise([scored]) if metric.slice == "overall"}
    assert (means["held_out_loss"], means["perplexity"]) == (1000.0, None)
