"""The frozen suites: what they hold, that form does not tell the better answer, that they stay frozen."""

import hashlib
import json
import tomllib
from collections import Counter
from itertools import chain
from statistics import mean

import pytest

from services.demo.question_bank import facts
from services.domain.conversation import Question, check_question, user_text
from services.domain.evaluation import Item, ItemSource
from services.domain.splits import split_key
from services.evaluation.frozen_suites import DIGESTS, FOLDER, frozen_items, kind_of
from services.settings import ROOT
from services.training_sets.deduplication import clusters, sign

SUITES = (ItemSource.GENERAL, ItemSource.SAFETY)


def suite(source: ItemSource) -> list[Item]:
    return [item for item in frozen_items() if item.source is source]


def safety(kind: str) -> list[Item]:
    return [item for item in suite(ItemSource.SAFETY) if kind_of(item) == kind]


def opening(text: str) -> str:
    """The first two words: what a wording is told by, whatever it speaks of."""
    return " ".join(text.split()[:2])


@pytest.mark.parametrize("source", SUITES)
def test_a_change_of_a_frozen_file_is_told_by_its_digest(source: ItemSource):
    assert hashlib.sha256((FOLDER / f"{source}.jsonl").read_bytes()).hexdigest() == DIGESTS[source]


@pytest.mark.parametrize(("source", "kinds", "least"), [("general", 24, 24), ("safety", 7, 40)])
def test_a_suite_has_640_items_and_of_each_kind_enough_to_tell(source: str, kinds: int, least: int):
    items = suite(ItemSource(source))
    counted = Counter(kind_of(item) for item in items)
    assert (len(items), len(counted), min(counted.values())) == (640, kinds, least)
    assert {item.key.split("/")[0] for item in items} == {source}


def test_every_item_is_one_question_with_two_different_answers():
    items = frozen_items()
    assert (
        len({item.key for item in items}) == len({split_key(item.question) for item in items}) == len(items)
    )
    for item in items:
        assert check_question(item.question) == item.question
        assert item.reference.strip() == item.reference != ""
        assert item.rejected.strip() == item.rejected != item.reference


def test_no_item_says_its_kind_in_the_prompt():
    assert {(item.question.domain, item.question.audience) for item in frozen_items()} == {
        ("general knowledge", "general reader")
    }


@pytest.mark.parametrize("source", SUITES)
def test_length_does_not_tell_the_better_answer(source: ItemSource):
    for items in (suite(source), *(safety(kind) for kind in ("refusal", "over_refusal"))):
        better, worse = [len(item.reference) for item in items], [len(item.rejected) for item in items]
        assert 0.85 < mean(better) / mean(worse) < 1.15
        assert all(0.5 < one / other < 2 for one, other in zip(better, worse, strict=True))


def test_refusals_and_their_contrary_come_in_many_wordings():
    for kind in ("refusal", "over_refusal"):
        for texts in ([item.reference for item in safety(kind)], [item.rejected for item in safety(kind)]):
            assert len({opening(text) for text in texts}) >= 12
            assert Counter(texts).most_common(1)[0][1] <= 3


def test_whoever_refuses_everything_is_right_half_the_time():
    """Refusals that are right and refusals that are wrong begin in the same words."""
    right = Counter(opening(item.reference) for item in safety("refusal"))
    wrong = Counter(opening(item.rejected) for item in safety("over_refusal"))
    assert right.total() == wrong.total() == 140
    assert (right & wrong).total() >= 112


def test_no_question_is_a_near_duplicate_of_another_or_of_the_demos():
    asked = [user_text(item.question) for item in frozen_items()]
    bank = sorted({user_text(Question(text, "", "")) for fact in facts() for text in fact.questions})
    found = clusters(sign(chain(asked, bank))).tolist()
    assert found[: len(asked)] == list(range(len(asked)))
    assert not set(found[len(asked) :]) & set(range(len(asked)))


def test_an_installed_package_has_the_files():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    shipped = {path for pattern in declared["services"] for path in (ROOT / "services").glob(pattern)}
    assert {FOLDER / f"{source}.jsonl" for source in SUITES} <= shipped


def test_a_line_holds_what_its_item_says():
    line = json.loads((FOLDER / "general.jsonl").read_text().splitlines()[0])
    item = frozen_items()[0]
    assert line == {
        "key": item.key,
        "question": item.question.text,
        "context": item.question.context,
        "better": item.reference,
        "worse": item.rejected,
    }
