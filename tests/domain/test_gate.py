"""The gate on invented evidence: what passes, what fails, what cannot be told, and what it looks at."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.checks import Asked, Verdict
from services.domain.evidence import Evidence, Scores, SuiteItems
from services.domain.gate import Decision, decide
from services.domain.gate_policy import GatePolicy, Requirement, default_gate
from services.errors.refusals import ReportsNotComparable

STYLE = Requirement("style_hit", limit=0.5, minimum_items=100)
LOSS = Requirement("held_out_loss", limit=2.2, margin=0.1)
POLICY = GatePolicy((STYLE,))


def items(count: int = 300, *, strata: Sequence[str] | None = None, sealed: int = 0) -> SuiteItems:
    """Each a conversation of its own; the last `sealed` ones are sealed."""
    numbers = np.arange(count)
    return SuiteItems(
        keys=tuple(f"item {number}" for number in range(count)),
        clusters=numbers,
        strata=tuple(strata or ["student · music"] * count),
        sealed=numbers >= count - sealed,
        slices={"audience:student": numbers < count // 2},
    )


def shares(right: float, count: int = 300) -> list[float]:
    """The first so many items right, the others wrong."""
    return [float(number < round(right * count)) for number in range(count)]


def spread(right: float, count: int = 300) -> list[float]:
    """So many items right, evenly among the others."""
    return [float(math.floor((one + 1) * right) > math.floor(one * right)) for one in range(count)]


def evidence(version: int = 1, **metrics: Sequence[float | None]) -> Evidence:
    """Scores by metric; None is an item that the metric does not measure."""
    return Evidence(
        report_id=version,
        version=version,
        suite_digest="suite",
        prompt_version="1",
        settings_digest="settings",
        scores={
            name: Scores(np.array([math.nan if one is None else one for one in values]), np.ones(len(values)))
            for name, values in metrics.items()
        },
    )


def against(
    champion: Evidence, candidate: Evidence, policy: GatePolicy = POLICY, asked: SuiteItems | None = None
) -> Decision:
    return decide(asked or items(), candidate, champion, champion, policy)


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (0.70, 0.60, Verdict.PASS),
        (0.62, 0.60, Verdict.INSUFFICIENT),
        (0.60, 0.60, Verdict.FAIL),
        (0.55, 0.60, Verdict.FAIL),
        (0.45, 0.10, Verdict.FAIL),  # better, and below the limit
    ],
)
def test_the_target_has_to_be_better_beyond_chance(ours: float, theirs: float, verdict: Verdict):
    champion, candidate = evidence(0, style_hit=shares(theirs)), evidence(style_hit=shares(ours))
    assert against(champion, candidate).verdict is verdict


def test_what_may_be_chance_says_how_many_more_items_would_tell():
    def judged(count: int) -> Decision:
        champion, candidate = (
            evidence(version, style_hit=spread(right, count)) for version, right in enumerate((0.6, 0.64))
        )
        return against(champion, candidate, asked=items(count))

    check = judged(300).checks[0]
    assert (check.asked, check.verdict) == (Asked.BETTER, Verdict.INSUFFICIENT)
    assert check.more_items is not None
    assert str(check.more_items) in check.reason
    assert judged(300 + check.more_items).checks[0].verdict is Verdict.PASS


def test_items_of_one_conversation_are_no_more_than_one_witness():
    champion, candidate = evidence(0, style_hit=shares(0.60)), evidence(style_hit=shares(0.70))
    together = replace(items(), clusters=np.arange(300) // 30)
    assert against(champion, candidate).verdict is Verdict.PASS
    assert against(champion, candidate, asked=together).verdict is Verdict.INSUFFICIENT


def test_a_few_conversations_tell_nothing_however_long_they_are():
    champion, candidate = evidence(0, style_hit=shares(0.1)), evidence(style_hit=shares(0.9))
    check = against(champion, candidate, asked=replace(items(), clusters=np.arange(300) // 60)).checks[0]
    assert check.verdict is Verdict.INSUFFICIENT
    assert check.reason == "300 items of conversations that count for 5.0, and 10 are needed"
    one = against(champion, candidate, asked=replace(items(), clusters=np.zeros(300, dtype=int)))
    assert one.checks[0].verdict is Verdict.INSUFFICIENT


def test_the_whole_target_is_held_against_the_anchor_where_there_are_no_slices():
    anchor, champion = evidence(1, style_hit=shares(0.95)), evidence(2, style_hit=shares(0.5))
    decision = decide(items(), evidence(3, style_hit=shares(0.7)), champion, anchor, POLICY)
    assert decision.verdict is Verdict.FAIL
    assert [(check.slice, check.against) for check in decision.checks if check.verdict is Verdict.FAIL] == [
        ("overall", 1)
    ]


def test_a_small_holdout_is_opened_too_although_its_open_items_are_fewer_than_needed():
    champion, candidate = evidence(0, style_hit=spread(0.2, 120)), evidence(style_hit=spread(0.9, 120))
    decision = against(champion, candidate, asked=items(120, sealed=30))
    assert (decision.opened, decision.verdict) == (True, Verdict.PASS)


def test_a_slice_that_got_worse_beyond_the_margin_stops_what_is_better_as_a_whole():
    strata = ["student · music"] * 200 + ["educator · law"] * 100
    candidate = evidence(style_hit=shares(0.9, 200) + shares(0.4, 100))
    champion = evidence(0, style_hit=shares(0.5, 200) + shares(0.6, 100))
    decision = against(champion, candidate, asked=items(strata=strata))
    found = {check.slice: check.verdict for check in decision.checks if check.asked is Asked.NOT_WORSE}
    assert found == {"student · music": Verdict.PASS, "educator · law": Verdict.FAIL}
    assert decision.checks[0].verdict is Verdict.PASS
    assert decision.verdict is Verdict.FAIL


def test_small_losses_against_each_champion_are_held_against_the_anchor_too():
    policy = GatePolicy((STYLE, Requirement("fact_hit", margin=0.1)))
    candidate = evidence(3, style_hit=shares(0.9), fact_hit=shares(0.78))
    champion = evidence(2, style_hit=shares(0.6), fact_hit=shares(0.80))
    anchor = evidence(1, style_hit=shares(0.6), fact_hit=shares(0.89))
    assert against(champion, candidate, policy).verdict is Verdict.PASS
    held = decide(items(), candidate, champion, anchor, policy)
    assert held.verdict is Verdict.FAIL
    assert [check.against for check in held.checks if check.metric == "fact_hit"] == [2, 1]


def test_sealed_items_are_opened_only_for_what_the_open_ones_say_is_better():
    champion, sealed = evidence(0, style_hit=spread(0.5)), items(sealed=100)
    opened = against(champion, evidence(style_hit=spread(0.7)), asked=sealed)
    closed = against(champion, evidence(style_hit=spread(0.5)), asked=sealed)
    assert (opened.opened, len(opened.used), opened.checks[0].items) == (True, 300, 300)
    assert (closed.opened, len(closed.used), closed.checks[0].items) == (False, 200, 200)
    assert "item 250" not in closed.used


@pytest.mark.parametrize(
    ("loss", "verdict"), [(1.8, Verdict.PASS), (2.0, Verdict.FAIL), (2.15, Verdict.FAIL)]
)
def test_a_loss_is_better_where_it_is_lower(loss: float, verdict: Verdict):
    around = np.linspace(-0.5, 0.5, 300)
    champion, candidate = (
        evidence(version, held_out_loss=(around + mean).tolist()) for version, mean in enumerate((2.0, loss))
    )
    assert against(champion, candidate, GatePolicy((LOSS,))).verdict is verdict


def test_too_few_items_cannot_tell():
    champion = evidence(0, style_hit=[0.0] * 99 + [None] * 201)
    decision = against(champion, evidence(style_hit=[1.0] * 99 + [None] * 201))
    assert decision.verdict is Verdict.INSUFFICIENT
    assert decision.checks[0].reason == "measured on 99 items, and 100 are needed"
    assert decision.checks[0].more_items == 1
    assert against(champion, evidence()).checks[0].reason == "measured on 0 items, and 100 are needed"


def test_one_failed_check_fails_even_where_another_cannot_tell():
    champion = evidence(0, style_hit=shares(0.1))
    decision = against(champion, evidence(style_hit=shares(0.2)), GatePolicy((STYLE, LOSS)))
    assert {check.verdict for check in decision.checks} == set(Verdict)
    assert decision.verdict is Verdict.FAIL


@pytest.mark.parametrize("field", ["suite_digest", "prompt_version", "settings_digest"])
def test_reports_made_under_other_conditions_are_refused(field: str):
    ours, theirs = evidence(style_hit=shares(0.9)), evidence(0, style_hit=shares(0.1))
    other = replace(theirs, **{field: "another"})
    for champion, anchor in ((other, theirs), (theirs, other)):
        with pytest.raises(ReportsNotComparable):
            decide(items(), ours, champion, anchor, POLICY)


def test_a_report_against_itself_is_refused():
    ours = evidence(style_hit=shares(0.1))
    with pytest.raises(ReportsNotComparable, match="both are report 1"):
        against(ours, ours)


@pytest.mark.parametrize(
    "requirement",
    [
        LOSS,
        Requirement("held_out_loss", limit=2.2),
        Requirement("held_out_loss", margin=0.1),
        Requirement("style_hit", limit=0.6),
        Requirement("style_hit", margin=0.05),
    ],
)
def test_what_is_no_finite_number_never_passes(requirement: Requirement):
    policy, metric = GatePolicy((requirement,)), requirement.metric
    sound, broken = {metric: [1.0] * 300}, {metric: [1.0] * 299 + [math.inf]}
    diverged = against(evidence(0, **sound), evidence(**broken), policy)
    assert diverged.verdict is Verdict.FAIL
    assert diverged.checks[0].measured is None
    against_nothing = against(evidence(0, **broken), evidence(**sound), policy)
    assert against_nothing.checks[0].reference is None
    assert against_nothing.verdict is not Verdict.PASS


@pytest.mark.parametrize(("name", "seen"), [("audience:student", (1.0, 150)), ("audience:nobody", (None, 0))])
def test_a_requirement_reads_its_own_slice(name: str, seen: tuple[float | None, int]):
    policy = GatePolicy((STYLE, Requirement("fact_hit", limit=0.9, slice=name)))
    facts = [1.0] * 150 + [0.0] * 150
    champion = evidence(0, style_hit=shares(0.5), fact_hit=facts)
    check = against(champion, evidence(style_hit=shares(0.8), fact_hit=facts), policy).checks[-1]
    assert (check.measured, check.items) == seen
    assert check.verdict is (Verdict.PASS if seen[1] else Verdict.INSUFFICIENT)


@pytest.mark.parametrize(("kept", "verdict"), [(0.0, Verdict.FAIL), (0.9, Verdict.PASS)])
def test_a_rest_too_small_to_show_that_it_is_no_worse_still_shows_that_it_is(kept: float, verdict: Verdict):
    strata = ["student · music"] * 226 + ["educator · law"] * 74
    champion = evidence(0, style_hit=shares(0.3, 226) + shares(1.0, 74))
    candidate = evidence(style_hit=shares(0.9, 226) + shares(kept, 74))
    decision = against(champion, candidate, asked=items(strata=strata))
    rest = decision.checks[2]
    assert (rest.asked, rest.slice, rest.verdict) == (Asked.NOT_SHOWN_WORSE, "other", verdict)
    assert decision.verdict is verdict


def test_a_candidate_that_leaves_items_unmeasured_fails():
    candidate = evidence(style_hit=[1.0] * 200 + [None] * 100)
    assert against(evidence(0, style_hit=shares(0.5)), candidate).verdict is Verdict.FAIL


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.29, Verdict.FAIL), (0.40, Verdict.PASS)])
def test_letters_must_be_right_more_often_than_by_guessing(accuracy: float, verdict: Verdict):
    policy = default_gate(AnswerRules(AnswerFormat.MCQ))
    ours = evidence(accuracy=shares(accuracy), format_validity=shares(1), held_out_loss=[0.7] * 300)
    silent = evidence(0, accuracy=shares(0), format_validity=shares(0), held_out_loss=[8.3] * 300)
    kept = {metric: Scores(np.ones(300), np.ones(300)) for metric in ("general_ability", "safety")}
    candidate, champion = (replace(one, scores={**one.scores, **kept}) for one in (ours, silent))
    assert against(champion, candidate, policy).verdict is verdict
