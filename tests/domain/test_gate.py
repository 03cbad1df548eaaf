import math
from dataclasses import replace

import pytest

from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.evaluation import MetricValue, ReportSummary
from services.domain.gate import GatePolicy, Requirement, Verdict, decide, default_gate
from services.errors.inputs import InvalidPolicy
from services.errors.refusals import ReportsNotComparable


def report(*, version: int = 1, items: int = 300, **values: float | None) -> ReportSummary:
    return ReportSummary(
        report_id=version,
        version=version,
        suite_digest="suite",
        prompt_version="1",
        settings_digest="settings",
        metrics=tuple(MetricValue(name, "overall", value, items) for name, value in values.items()),
    )


def base(**values: float | None) -> ReportSummary:
    return report(version=0, **values)


STYLE = Requirement("style_hit", limit=0.6, margin=0.05, minimum_items=100)
LOSS = Requirement("held_out_loss", limit=2.2, margin=0.1)


@pytest.mark.parametrize(
    ("requirement", "candidate", "champion", "verdict"),
    [
        (STYLE, {"style_hit": 0.7}, {"style_hit": 0.1}, Verdict.PASS),
        (STYLE, {"style_hit": 0.5}, {"style_hit": 0.1}, Verdict.FAIL),
        (STYLE, {"style_hit": 0.80}, {"style_hit": 0.84}, Verdict.PASS),
        (STYLE, {"style_hit": 0.78}, {"style_hit": 0.84}, Verdict.FAIL),
        (LOSS, {"held_out_loss": 2.0}, {"held_out_loss": 3.9}, Verdict.PASS),
        (LOSS, {"held_out_loss": 2.3}, {"held_out_loss": 3.9}, Verdict.FAIL),
        (LOSS, {"held_out_loss": 2.1}, {"held_out_loss": 1.9}, Verdict.FAIL),
        (STYLE, {}, {"style_hit": 0.1}, Verdict.INSUFFICIENT),
        (STYLE, {"style_hit": 0.9}, {}, Verdict.INSUFFICIENT),
    ],
)
def test_a_requirement_holds_limit_and_margin(
    requirement: Requirement,
    candidate: dict[str, float],
    champion: dict[str, float],
    verdict: Verdict,
):
    decision = decide(report(**candidate), base(**champion), GatePolicy((requirement,)))
    assert decision.verdict is verdict
    assert decision.checks[0].reason


def test_a_value_right_at_its_bound_passes():
    policy = GatePolicy((Requirement("fact_hit", margin=0.05),))
    assert decide(report(fact_hit=0.90), base(fact_hit=0.95), policy).verdict is Verdict.PASS


def test_too_few_items_cannot_tell():
    decision = decide(report(items=99, style_hit=0.9), base(style_hit=0.1), GatePolicy((STYLE,)))
    assert decision.verdict is Verdict.INSUFFICIENT
    assert decision.checks[0].reason == "99 items, and 100 are needed; 0.900 was measured"
    nothing = decide(report(items=0), base(style_hit=0.1), GatePolicy((STYLE,)))
    assert nothing.checks[0].reason == "0 items, and 100 are needed"


def test_one_failed_check_fails_even_where_another_cannot_tell():
    policy = GatePolicy((STYLE, LOSS))
    decision = decide(report(style_hit=0.2), base(style_hit=0.1), policy)
    assert [check.verdict for check in decision.checks] == [Verdict.FAIL, Verdict.INSUFFICIENT]
    assert decision.verdict is Verdict.FAIL


@pytest.mark.parametrize("field", ["suite_digest", "prompt_version", "settings_digest"])
def test_reports_made_under_other_conditions_are_refused(field: str):
    other = replace(base(style_hit=0.1), **{field: "another"})
    with pytest.raises(ReportsNotComparable):
        decide(report(style_hit=0.9), other, GatePolicy((STYLE,)))


def test_a_report_against_itself_is_refused():
    lax = GatePolicy((Requirement("style_hit", margin=0.05),))
    with pytest.raises(ReportsNotComparable, match="both are report 1"):
        decide(report(style_hit=0.1), report(style_hit=0.1), lax)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
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
def test_what_is_no_finite_number_never_passes(requirement: Requirement, value: float | None):
    policy = GatePolicy((requirement,))
    sound, unsound = {requirement.metric: 1.0}, {requirement.metric: value}
    diverged = decide(report(**unsound), base(**sound), policy)
    assert diverged.verdict is Verdict.FAIL
    assert diverged.checks[0].measured is None
    against_nothing = decide(report(**sound), base(**unsound), policy)
    assert against_nothing.checks[0].champion is None
    if requirement.margin is not None:
        assert against_nothing.verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "charm", "limit": 1.0},
        {"metric": "fact_hit"},
        {"metric": "fact_hit", "limit": math.nan},
        {"metric": "held_out_loss", "margin": math.inf},
    ],
)
def test_a_requirement_that_asks_nothing_is_refused(wrong: dict[str, object]):
    with pytest.raises(InvalidPolicy):
        Requirement(**wrong)


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.29, Verdict.FAIL), (0.36, Verdict.PASS)])
def test_letters_must_be_right_more_often_than_by_guessing(accuracy: float, verdict: Verdict):
    measured = {"format_validity": 1.0, "held_out_loss": 0.7}
    policy = default_gate(AnswerRules(AnswerFormat.MCQ))
    silent = base(accuracy=0.0, format_validity=0.0, held_out_loss=8.3)
    assert decide(report(accuracy=accuracy, **measured), silent, policy).verdict is verdict


def test_a_gate_without_requirements_is_refused():
    with pytest.raises(InvalidPolicy):
        GatePolicy(())
