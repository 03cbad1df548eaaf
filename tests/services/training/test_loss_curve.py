"""The drawing of a loss curve: well-formed, its axes in order, and no value can break it."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from services.drawing import Scale, round_ticks, tick_words
from services.training.loss_curve import Panel, loss_curve

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*panels: Panel, width: int = 720) -> ElementTree.Element:
    svg = loss_curve(panels, title="Loss <of> a & b", width=width)
    assert not re.search(r'"[^"]*\b(nan|inf)\b[^"]*"', svg)
    return ElementTree.fromstring(svg)  # noqa: S314 - our own text


def marks(figure: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [one for one in figure.iter() if kind in one.get("class", "").split()]


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (2.013, 7.4), (0.001, 0.0042), (3.0, 3.0), (0.0, 0.0), (-5.0, 12e6), (1, 9)]
)
def test_ticks_are_round_even_few_and_around_the_values(low: float, high: float):
    ticks = round_ticks(low, high, most=6)
    steps = [after - before for before, after in pairwise(ticks)]
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert all(step == pytest.approx(steps[0]) and step > 0 for step in steps)
    assert len(set(tick_words(ticks))) == len(ticks)


def test_ticks_of_steps_are_whole():
    assert all(tick == int(tick) for tick in round_ticks(1, 3, most=8, whole=True))
    assert tick_words((0.0, 2500.0, 5000.0)) == ("0", "2,500", "5,000")


def test_a_scale_of_one_value_puts_it_in_the_middle():
    assert Scale(3, 3, 10, 20)(3) == 15


def test_each_stage_has_a_panel_of_its_own_and_the_best_checkpoint_a_ring():
    figure = drawn(
        Panel("Stage 1: SFT", [(5, 4.0), (10, 3.0), (15, 2.0)], [(5, 4.1), (10, 3.2), (15, 3.4)]),
        Panel("Stage 2: DPO", [(20, 0.7), (25, 0.4)]),
    )
    assert [head.text for head in marks(figure, "head")] == ["Stage 1: SFT", "Stage 2: DPO"]
    (ring,) = marks(figure, "ring")
    ringed = [dot for dot in marks(figure, "dot") if dot.get("cx") == ring.get("cx")]
    assert any(dot.get("cy") == ring.get("cy") for dot in ringed)
    assert [one.text for one in marks(figure, "over")] == ["best 3.200 at step 10"]
    lines = [
        one.get("points").split() for one in marks(figure, "curve") if len(one.get("points").split()) == 3
    ]
    down = [float(point.split(",")[1]) for point in lines[0]]
    assert down == sorted(down)  # a falling loss goes down the page
    assert "3.200 at step 10" in str(figure.findtext(f"{SVG}desc"))
    assert figure.findtext(f"{SVG}title") == "Loss <of> a & b"


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, -math.inf, 1e308])
def test_a_loss_that_is_no_number_is_a_cross_and_breaks_the_line(nothing: float | None):
    figure = drawn(Panel("SFT", [(1, 2.0), (2, 1.5), (3, nothing), (4, 1.4), (5, 1.3)], [(2, nothing)]))
    assert len(marks(figure, "cross")) == 2
    assert [len(one.get("points").split()) for one in marks(figure, "first") if one.get("points")][1:] == [
        2,
        2,
    ]
    assert not marks(figure, "ring")


@pytest.mark.parametrize(
    ("panels", "said"),
    [
        ([Panel("SFT", [])], "no loss reported yet"),
        ([Panel("SFT", [(1, None), (2, math.nan)])], "every loss was infinite or no number"),
        ([Panel("SFT", [(1, 2.0)])], "what is learnt"),
        ([], None),
    ],
)
def test_little_or_nothing_to_draw_is_drawn_too(panels: list[Panel], said: str | None):
    written = [one.text for one in drawn(*panels).iter(f"{SVG}text")]
    assert said is None or said in written


def test_a_hundred_thousand_points_are_as_many_as_can_be_seen():
    losses = [(step, 5 / (1 + step / 1000)) for step in range(100_000)]
    svg = loss_curve([Panel("SFT", losses)], title="long")
    assert len(svg) < 20_000


def test_everything_stays_on_the_sheet_of_a_phone():
    figure = drawn(Panel("SFT", [(step, step % 7 + 1e6) for step in range(0, 90_000, 1000)]), width=360)
    across = [float(one.get(name)) for one in figure.iter() for name in ("x", "cx", "x1") if one.get(name)]
    assert all(0 <= place <= 360 for place in across)
