from dataclasses import replace

import numpy as np
import pytest

from services.domain.checks import Verdict
from services.domain.evidence import Evidence, Scores
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.noise import decoder_noise
from tests.domain.test_gate import against, evidence, shares


def asked(values: list[float], weights: list[float] | None = None) -> Evidence:
    scores = Scores(np.array(values), np.array(weights or [1.0] * len(values)))
    return Evidence(1, 1, "suite", "1", "settings", {"fact_hit": scores})


@pytest.mark.parametrize(
    ("first", "again", "noise"),
    [
        ([1, 0, 1, 0], [1, 0, 1, 0], 0.0),
        ([1, 0, 1, 0], [0, 1, 1, 0], 0.0),  # what differs from item to item is in the paired differences
        ([1, 1, 1, 0], [0, 0, 1, 0], 0.5),
        ([0, 0, 1, 0], [1, 1, 1, 0], 0.5),
        ([1, np.nan, 1, np.inf], [0, np.nan, 1, 1], 0.5),
        ([np.nan], [np.nan], 0.0),
    ],
)
def test_the_noise_is_the_shift_of_the_mean(first: list[float], again: list[float], noise: float):
    assert decoder_noise(asked(first), asked(again)) == {"fact_hit": noise}


def test_it_is_weighted_as_the_metric_is():
    first, again = asked([1.0, 2.0], [3.0, 1.0]), asked([2.0, 2.0], [3.0, 1.0])
    assert decoder_noise(first, again) == {"fact_hit": 0.75}


def test_a_metric_that_was_not_measured_again_has_none():
    assert decoder_noise(asked([1.0]), replace(asked([1.0]), scores={})) == {}


@pytest.mark.parametrize(
    ("ours", "noise", "verdict", "told"),
    [
        (0.70, 0.0, Verdict.PASS, "better"),
        (0.70, 0.01, Verdict.PASS, "the decoder's noise is 0.010"),
        (0.70, 0.09, Verdict.INSUFFICIENT, "more items would tell"),
        (0.70, 0.11, Verdict.INSUFFICIENT, "no more than the decoder moves it"),
        (0.60, 0.11, Verdict.FAIL, "no better"),
    ],
)
def test_better_is_what_the_decoder_alone_does_not_explain(
    ours: float, noise: float, verdict: Verdict, told: str
):
    champion, candidate = evidence(0, style_hit=shares(0.60)), evidence(style_hit=shares(ours))
    check = against(champion, replace(candidate, noise={"style_hit": noise})).checks[0]
    assert (check.verdict, check.required) == (verdict, noise)
    assert told in check.reason


@pytest.mark.parametrize(("noise", "verdict"), [(0.0, Verdict.PASS), (0.09, Verdict.INSUFFICIENT)])
def test_a_margin_has_the_noise_inside_it(noise: float, verdict: Verdict):
    policy = GatePolicy((Requirement("style_hit", limit=0.0), Requirement("fact_hit", margin=0.1)))
    champion = evidence(0, style_hit=shares(0.1), fact_hit=shares(0.8))
    candidate = evidence(style_hit=shares(0.9), fact_hit=shares(0.8))
    decision = against(champion, replace(candidate, noise={"fact_hit": noise}), policy)
    assert {check.verdict for check in decision.checks if check.metric == "fact_hit"} == {verdict}
    assert decision.verdict is verdict
