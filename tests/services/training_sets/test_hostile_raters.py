"""Nobody owns a set or its judge: daily limits, flags and reviews, sets without a rater, capped influence."""

import random
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import islice

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, PersonaRow
from services.domain.example_policy import Balance
from services.domain.feedback import RaterId, Reason
from services.domain.influence import EQUAL_SHARES, SHARE
from services.domain.splits import Split
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_comparison, add_correction, add_rating, add_review, add_seed
from tests.services.training_sets.conftest import Nights, Questions, Record

FLAGGED = {"a rater under review"}
USED_UP = "the rater's opinions of that day are used up"


@pytest.fixture
def answers(session: Session, persona: PersonaRow, questions: Questions) -> list[AnswerRow]:
    return [add_answer(session, persona, question=one) for one in islice(questions(Split.TRAIN), 60)]


@pytest.fixture
def turned(session: Session, answers: list[AnswerRow]) -> tuple[RaterId, list[str]]:
    """Eight raters who agree on every answer, and one who always says the opposite, with a tag of it."""
    chance = random.Random(5)  # noqa: S311
    crowd = [new_rater(session, at=AT) for _ in range(8)]
    hostile, said = new_rater(session, at=AT), []
    for answer in answers:
        good = chance.random() < 0.5
        for rater in crowd:
            add_rating(session, answer, stars=5 if good else 1, rater=rater)
        tags = [Reason.WRONG_FACT] if good else []
        said.append(add_rating(session, answer, stars=1 if good else 5, rater=hostile, reasons=tags))
    said.append(add_correction(session, answers[0], "Nonsense.", rater=hostile))
    return hostile, said


def test_what_a_flagged_rater_said_is_excluded_and_kept_with_the_reason(
    nights: Nights, turned: tuple[RaterId, list[str]]
):
    hostile, said = turned
    training_set = nights.assemble()
    excluded = nights.excluded(training_set)
    assert all(excluded[source] == FLAGGED for source in said)
    rows = nights.rows(training_set)
    assert not any(source in row["sources"] for row in rows for source in said)
    labels = Counter(row["label"] for row in rows if row["kind"] == "unpaired")
    assert labels[True] > 10  # whatever was tagged as wrong by the one who is flagged
    (pointed_at,) = training_set.report["raters"]["pointed_at"]
    assert pointed_at["rater"] == str(hostile)
    assert pointed_at["agreement"] < 0.1
    assert training_set.report["raters"]["left_out"] == {str(hostile): "a rater under review"}


def chosen(chance: random.Random, right: int, *, agreeing: float) -> int:
    """Stars of somebody who finds what is right this often, and else one of the two other choices."""
    return right if chance.random() < agreeing else chance.choice([one for one in (1, 3, 5) if one != right])


def test_an_honest_minority_is_reported_and_learnt_from_and_who_turns_opinions_round_is_not(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions
):
    chance = random.Random(3)  # noqa: S311
    crowd = [new_rater(session, at=AT) for _ in range(20)]
    minority, clicker, hostile = (new_rater(session, at=AT) for _ in range(3))
    said: defaultdict[RaterId, set[str]] = defaultdict(set)
    for place, question in enumerate(islice(questions(Split.TRAIN), 240)):
        answer, right = add_answer(session, persona, question=question), chance.choice([1, 3, 5])
        stars = {rater: chosen(chance, right, agreeing=0.8) for rater in chance.sample(crowd, 4)}
        of_a_third = {
            minority: chosen(chance, right, agreeing=0.4),
            clicker: chance.choice([1, 3, 5]),
            hostile: {1: 5, 5: 1, 3: chance.choice([1, 5])}[right],
        }
        rater = list(of_a_third)[place % 3]
        stars[rater] = of_a_third[rater]
        for rater, given in stars.items():
            said[rater].add(add_rating(session, answer, stars=given, rater=rater))
    training_set = nights.assemble()
    raters = training_set.report["raters"]
    pointed_at = {one["rater"]: one for one in raters["pointed_at"]}
    assert raters["left_out"] == {str(hostile): "a rater under review"}
    assert all(nights.excluded(training_set)[source] == FLAGGED for source in said[hostile])
    assert set(pointed_at) == {str(minority), str(clicker), str(hostile)}
    assert pointed_at[str(minority)]["standing"].startswith("another taste")
    assert pointed_at[str(minority)]["agreement"] == pytest.approx(0.4, abs=0.1)
    learnt = {source for row in nights.rows(training_set) for source in row["sources"]}
    assert len(learnt & said[minority]) > 40
    assert not learnt & said[hostile]


def test_a_person_who_trusts_a_flagged_rater_brings_them_back_from_then_on(
    session: Session, nights: Nights, turned: tuple[RaterId, list[str]]
):
    hostile, said = turned
    add_review(session, hostile, "trusted", at=AT + timedelta(minutes=30))
    before, after = nights.assemble(minutes=29), nights.assemble(minutes=31)
    assert nights.excluded(before)[said[-1]] == FLAGGED
    assert any(said[-1] in row["sources"] for row in nights.rows(after))


def test_a_person_may_exclude_a_rater_whom_nothing_points_at(
    session: Session, nights: Nights, answers: list[AnswerRow]
):
    rater, other = new_rater(session, at=AT), new_rater(session, at=AT)
    mine = add_correction(session, answers[0], "Mine.", rater=rater)
    theirs = add_correction(session, answers[1], "Theirs.", rater=other)
    add_review(session, rater, "trusted")
    add_review(session, rater, "excluded")  # the newest word counts
    training_set = nights.assemble()
    assert nights.excluded(training_set) == {mine: FLAGGED}
    assert all(row["sources"] == [theirs] for row in nights.rows(training_set))


def test_a_set_can_be_had_without_a_rater(session: Session, nights: Nights, answers: list[AnswerRow]):
    rater, other = new_rater(session, at=AT), new_rater(session, at=AT)
    mine = add_correction(session, answers[0], "Mine.", rater=rater)
    for answer in answers[1:5]:
        add_rating(session, answer, rater=rater)
        add_rating(session, answer, rater=other)
        add_correction(session, answer, f"Theirs of {answer.id}.", rater=other)
    whole, without = nights.assemble(), nights.assemble(without={str(rater)})
    assert whole.id != without.id
    assert nights.assemble(without={str(rater)}).id == without.id
    assert any(mine in row["sources"] for row in nights.rows(whole))
    assert without.dropped["left out on request"] == 5
    assert without.counts["demonstrations"] == 4


def test_only_the_first_opinions_of_a_day_count(
    session: Session, nights: Nights, persona: PersonaRow, answers: list[AnswerRow], questions: Questions
):
    persona.example_policy = persona.example_policy | {"daily_limit": 3}
    add_seed(session, persona, list(islice(questions(Split.TRAIN), 61))[-1], "Enough for a night.")
    rater = new_rater(session, at=AT)
    said = [
        add_rating(session, answer, rater=rater, at=AT + timedelta(days=place // 5))
        for place, answer in enumerate(answers[:10])
    ]
    training_set = nights.assemble(minutes=60 * 24 * 3)
    excluded = nights.excluded(training_set)
    too_many = {source for source in said if USED_UP in excluded[source]}
    assert too_many == {*said[3:5], *said[8:]}


@pytest.mark.parametrize("kind", ["corrections", "comparisons"])
def test_only_the_first_corrections_and_comparisons_of_a_day_count_and_the_others_are_kept_with_the_reason(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions, kind: str
):
    persona.example_policy = persona.example_policy | {"daily_limit": 3}
    rater, asked = new_rater(session, at=AT), questions(Split.TRAIN)
    add_seed(session, persona, next(asked), "Enough for a night.")
    said = []
    for place, question in enumerate(islice(asked, 10)):
        at = AT + timedelta(days=1 - place // 5)
        one, other = (add_answer(session, persona, question=question, text=text) for text in ("One.", "Two."))
        said.append(
            add_correction(session, one, f"Text {place}.", rater=rater, at=at)
            if kind == "corrections"
            else add_comparison(session, one, other, rater=rater, at=at)
        )
    training_set = nights.assemble(minutes=60 * 24 * 3)
    excluded = nights.excluded(training_set)
    used_up = {source for source in said if excluded.get(source) == {USED_UP}}
    assert used_up == {*said[3:5], *said[8:]}
    assert training_set.dropped[USED_UP] == 4
    learnt = {source for row in nights.rows(training_set) for source in row["sources"]}
    assert learnt & set(said) == set(said) - used_up


def shares(records: list[Record], rater_of: dict[str, RaterId]) -> dict[RaterId, float]:
    """What each rater carries of these lines: a line belongs to its raters in equal parts."""
    carried: defaultdict[RaterId, float] = defaultdict(float)
    for record in records:
        raters = {rater_of[source] for source in record["sources"]}
        for rater in raters:
            carried[rater] += 1 / len(raters)
    return {rater: weight / len(records) for rater, weight in carried.items()}


@pytest.mark.parametrize(("split", "crowd"), [(Split.TRAIN, 20), (Split.HOLDOUT, 20), (Split.TRAIN, 3)])
def test_no_rater_carries_more_than_their_share_of_what_is_learnt_or_of_what_judges(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions, split: Split, crowd: int
):
    flooder, others = new_rater(session, at=AT), [new_rater(session, at=AT) for _ in range(crowd)]
    rater_of: dict[str, RaterId] = {}
    for place, question in enumerate(islice(questions(split), 100)):
        rater = flooder if place < 60 else others[place % crowd]
        answer = add_answer(session, persona, question=question)
        rater_of[add_correction(session, answer, f"Text {place}.", rater=rater)] = rater
    if split is Split.HOLDOUT:
        add_seed(session, persona, next(questions(Split.TRAIN)), "Enough for a night.")
    training_set = nights.assemble()
    records = nights.references(training_set) if split is Split.HOLDOUT else nights.rows(training_set)
    carried = shares(records, rater_of)
    limit = max(SHARE, EQUAL_SHARES / len(carried))
    assert max(carried.values()) <= limit + 1e-9
    assert carried[flooder] > limit / 2  # no more is taken than has to be
    excluded = nights.excluded(training_set)
    over = [source for source, reasons in excluded.items() if "the rater's share is used up" in reasons]
    assert {rater_of[source] for source in over} == {flooder}
    assert training_set.dropped["the rater's share is used up"] >= len(over)


def test_whoever_rates_everything_costs_little_of_what_others_rate_as_well(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions
):
    prolific, others = new_rater(session, at=AT), [new_rater(session, at=AT) for _ in range(12)]
    for place, question in enumerate(islice(questions(Split.TRAIN), 60)):
        answer = add_answer(session, persona, question=question)
        for rater in (prolific, *(others[(place + step) % 12] for step in range(3))):
            add_rating(session, answer, stars=5, rater=rater)
    training_set = nights.assemble()
    # A quarter of each line is the prolific rater's; 2/13 of the weight may be, which is 53.2 of 60 lines.
    assert training_set.counts["demonstrations"] == 53


@pytest.mark.parametrize("wanted", [Balance.DOMAIN, Balance.AUDIENCE])
def test_on_request_no_audience_has_more_than_twice_the_rows_of_the_smallest(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions, wanted: Balance
):
    persona.example_policy = persona.example_policy | {"balance": [wanted.value]}
    for place, question in enumerate(islice(questions(Split.TRAIN), 40)):
        audience = "student" if place < 30 else "engineer"
        answer = add_answer(session, persona, question=question, audience=audience)
        add_correction(session, answer, f"Text {place}.")
    training_set = nights.assemble()
    audiences = Counter(
        "engineer" if "engineer" in row["messages"][0]["content"] else "student"
        for row in nights.rows(training_set)
    )
    if wanted is Balance.DOMAIN:
        assert audiences == {"student": 60, "engineer": 20}
    else:
        assert audiences == {"student": 40, "engineer": 20}
        assert training_set.dropped["its domain or audience has enough rows"] == 20


def test_many_who_turn_everything_round_are_left_out_though_each_chooses_like_the_others(
    session: Session, nights: Nights, answers: list[AnswerRow]
):
    """Three of ten: the test for raters who choose like nobody else sees none of them."""
    chance = random.Random(5)  # noqa: S311
    crowd, hostile = ([new_rater(session, at=AT) for _ in range(size)] for size in (7, 3))
    for answer in answers:
        right = chance.choice((1, 5))
        for rater in crowd:
            add_rating(session, answer, stars=chosen(chance, right, agreeing=0.8), rater=rater)
        for rater in hostile:
            add_rating(session, answer, stars=6 - right, rater=rater)
    corrected = add_correction(session, answers[0], "Nonsense.", rater=hostile[0])
    training_set = nights.assemble()
    assert set(training_set.report["raters"]["left_out"]) == {str(rater) for rater in hostile}
    assert nights.excluded(training_set)[corrected] == FLAGGED
    add_review(session, hostile[0], "trusted")
    left = nights.assemble(minutes=61).report["raters"]["left_out"]
    assert set(left) == {str(rater) for rater in hostile[1:]}
