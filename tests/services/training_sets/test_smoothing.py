"""Label smoothing: from what several raters chose between the same two answers."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.domain.feedback import Choice, RaterId
from services.domain.splits import Split
from services.feedback.questions import new_rater
from services.training_sets.smoothing import DEFAULT_FLIP, disagreement_of
from tests.builders import AT, add_answer, add_comparison, add_correction, add_persona, add_seed
from tests.services.training_sets.champions import say, sources
from tests.services.training_sets.conftest import Nights


def compared(session: Session, persona, choices: list[list[Choice]]) -> list[str]:
    """Each inner list: what successive raters chose of one pair, every second seeing it turned round."""
    raters = [new_rater(session, at=AT) for _ in range(max(map(len, choices)))]
    for number, of_pair in enumerate(choices):
        left, right = (
            add_answer(session, persona, question=f"Pair {number}?", text=f"{side} {number}") for side in "ab"
        )
        for place, (rater, choice) in enumerate(zip(raters, of_pair, strict=False)):
            sides = (left, right) if place % 2 == 0 else (right, left)
            turned = {Choice.LEFT: Choice.RIGHT, Choice.RIGHT: Choice.LEFT}
            seen = choice if place % 2 == 0 else turned.get(choice, choice)
            add_comparison(session, *sides, rater=rater, choice=seen)
    session.flush()
    return [str(rater) for rater in raters]


def smoothing(session: Session, persona, excluded: set[str] | None = None, daily_limit: int = 100) -> float:
    measured = disagreement_of(
        session, persona, cutoff=AT, excluded=excluded or set(), daily_limit=daily_limit
    )
    assert measured is not None
    return measured.flip


def test_without_comparisons_there_is_nothing_to_disagree_about(session: Session):
    assert disagreement_of(session, add_persona(session), cutoff=AT, excluded=(), daily_limit=9) is None


def test_pairs_that_one_person_compared_get_the_default(session: Session):
    persona = add_persona(session)
    compared(session, persona, [[Choice.LEFT]] * 4)
    assert smoothing(session, persona) == DEFAULT_FLIP


def test_people_who_agree_smooth_less_and_people_who_differ_more(session: Session):
    agreeing, differing = add_persona(session, slug="agreed"), add_persona(session, slug="differed")
    compared(session, agreeing, [[Choice.LEFT, Choice.LEFT]] * 40)
    compared(session, differing, [[Choice.LEFT, Choice.LEFT], [Choice.LEFT, Choice.RIGHT]] * 20)
    assert smoothing(session, agreeing) < DEFAULT_FLIP < smoothing(session, differing) < 0.5


def test_of_a_day_only_the_first_comparisons_of_a_rater_count(session: Session):
    persona = add_persona(session)
    agreed, differed = [Choice.LEFT, Choice.LEFT], [Choice.LEFT, Choice.RIGHT]
    compared(session, persona, [agreed] * 20 + [differed] * 20)
    assert smoothing(session, persona, daily_limit=20) < DEFAULT_FLIP < smoothing(session, persona)


def test_raters_who_do_not_count_are_left_out(session: Session):
    persona = add_persona(session)
    _, inverter = compared(session, persona, [[Choice.LEFT, Choice.RIGHT]] * 20)
    assert smoothing(session, persona, excluded={inverter}) == DEFAULT_FLIP


def compare_at_random(session: Session, persona) -> list[str]:
    """Ids of the two who did."""
    return compared(session, persona, [[Choice.LEFT, Choice.LEFT], [Choice.LEFT, Choice.RIGHT]] * 60)


def test_pairs_of_raters_who_compare_at_random_fall_away_and_corrections_train_dpo(
    session: Session, nights: Nights, persona, asked
):
    """The sixty that are left of their pairs would be enough by themselves."""
    compare_at_random(session, persona)
    corrected = set(say(session, persona, asked, 3))
    training_set = nights.assemble()
    assert training_set.plan["stages"] == ["sft", "dpo"]
    assert training_set.plan["reasons"][1] == (
        "DPO: 3 pairs; comparisons are left out: on 50% of 120 pairs compared by several people they differ, "
        "as coins would"
    )
    assert training_set.plan["label_smoothing"] == 0.0
    assert training_set.counts["pairs"] == 3
    assert sources([row for row in nights.rows(training_set) if row["kind"] == "pair"]) == corrected
    by_chance = "those who compare agree as coins would"
    excluded = nights.excluded(training_set).items()
    said = [source for source, reasons in excluded if by_chance in reasons]
    assert training_set.dropped[by_chance] == len(said) > 50
    assert all(source.startswith("comparison:") for source in said)


def test_what_they_compared_takes_no_place_of_a_corrections_pair(
    session: Session, nights: Nights, persona, asked
):
    """A prompt has few pairs, and those that more people stand for come first."""
    persona.example_policy = persona.example_policy | {"pairs_per_prompt": 1}
    both = compare_at_random(session, persona)
    question = next(asked)
    worse, better = (add_answer(session, persona, question=question, text=text) for text in ("A.", "B."))
    for rater in both:
        add_comparison(session, better, worse, rater=RaterId(UUID(rater)))
    corrected = add_correction(session, worse, "C.")
    against = add_correction(session, add_answer(session, persona, question=question, text="C."), "D.")
    least = add_answer(session, persona, question=question, text="E.")
    for rater in both:
        add_comparison(session, worse, least, rater=RaterId(UUID(rater)))
    training_set = nights.assemble()
    learnt = sources([row for row in nights.rows(training_set) if row["kind"] == "pair"])
    assert len(learnt & {corrected, against}) == len(learnt) == 1


def test_nor_does_it_judge_whoever_learns(session: Session, nights: Nights, persona, asked, questions):
    corrected = add_correction(
        session, add_answer(session, persona, question=next(questions(Split.HOLDOUT))), "Better."
    )
    compare_at_random(session, persona)
    say(session, persona, asked, 3)
    judging = next(questions(Split.HOLDOUT))
    sides = (add_answer(session, persona, question=judging, text=text) for text in ("A.", "B."))
    compared = add_comparison(session, *sides)
    training_set = nights.assemble()
    assert [reference["sources"] for reference in nights.references(training_set)] == [[corrected]]
    assert nights.excluded(training_set)[compared] == {"those who compare agree as coins would"}


def test_two_who_compare_at_random_do_not_silence_the_others(
    session: Session, nights: Nights, persona, asked
):
    compare_at_random(session, persona)
    honest = set()
    for number in range(30):
        question = next(asked)
        good, bad = (
            add_answer(session, persona, question=question, text=f"{text} {number}") for text in "GB"
        )
        honest.add(add_comparison(session, good, bad))
    training_set = nights.assemble()
    learnt = sources([row for row in nights.rows(training_set) if row["kind"] == "pair"])
    held_out = {source for source, why in nights.excluded(training_set).items() if "held out" in str(why)}
    assert learnt & honest
    assert "those who compare agree as coins would" not in training_set.dropped
    assert honest - learnt <= held_out


def test_what_is_joined_is_counted_first(session: Session, nights: Nights, persona):
    """Joined as if tables were empty still, as after a large import, hundreds of comparisons take minutes."""
    session.execute(text("ANALYZE comparisons"))
    compare_at_random(session, persona)
    add_seed(session, persona, "Something else entirely?", "Seed.")
    nights.assemble()
    believed = session.scalar(text("SELECT reltuples FROM pg_class WHERE oid = 'comparisons'::regclass"))
    assert believed == session.scalar(text("SELECT count(*) FROM comparisons")) > 0


def test_corrections_too_few_for_dpo_train_none(session: Session, nights: Nights, persona, asked):
    persona.example_policy = persona.example_policy | {"minimum_pairs": 4}
    compare_at_random(session, persona)
    say(session, persona, asked, 3)
    assert nights.assemble().plan["stages"] == ["sft"]


def test_raters_who_compare_at_random_train_no_dpo(session: Session, nights: Nights, persona):
    compare_at_random(session, persona)
    add_seed(session, persona, "Something else entirely?", "Seed.")
    training_set = nights.assemble()
    assert "dpo" not in training_set.plan["stages"]
    assert (
        "no DPO: 0 pairs, and 1 are needed; comparisons are left out: "
        "on 50% of 120 pairs compared by several people they differ, as coins would"
        in (training_set.plan["reasons"])
    )
    assert training_set.counts["pairs"] == 0
