"""The drawing of a sweep: every combination in its place, the best marked, none missing where it failed."""

import math
from xml.etree import ElementTree

import pytest

from services.training.grid import Axis
from services.training.sweep_chart import Tried, sweep_chart

RANK = Axis("lora.r", ("8", "32", "64"))
RATE = Axis("training.learning_rate", ("0.0001", "0.0002"))


def marks(figure: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [one for one in figure.iter() if kind in one.get("class", "").split()]


def test_one_key_is_one_line_with_the_best_ringed():
    tried = [Tried({"lora.r": r}, loss) for r, loss in zip(RANK.values, (2.5, 2.25, 2.375), strict=True)]
    figure = ElementTree.fromstring(sweep_chart([RANK], tried, title="pirate"))  # noqa: S314 - our own
    dots, (ring,) = marks(figure, "dot"), marks(figure, "ring")
    assert len(dots) == 3
    assert (ring.get("cx"), ring.get("cy")) == (dots[1].get("cx"), dots[1].get("cy"))
    across = [float(str(dot.get("cx"))) for dot in dots]
    assert across == sorted(across)
    assert "The best is lora.r=32." in str(figure.findtext("{http://www.w3.org/2000/svg}desc"))
    assert [one.text for one in marks(figure, "over")] == ["best 2.2500"]


def test_a_second_key_makes_lines_that_are_named():
    tried = [
        Tried({"lora.r": r, "training.learning_rate": rate}, 2.0 + number / 10)
        for number, (r, rate) in enumerate((r, rate) for r in RANK.values for rate in RATE.values)
    ]
    figure = ElementTree.fromstring(sweep_chart([RANK, RATE], tried, title="pirate"))  # noqa: S314
    named = [one.text for one in marks(figure, "soft")]
    assert {"training.learning_rate=0.0001", "training.learning_rate=0.0002"} <= set(named)
    assert len(marks(figure, "dot")) == 6


@pytest.mark.parametrize("losses", [(None, 2.0, math.nan), (None, None, None), (2.0, 2.0, 2.0), ()])
def test_combinations_without_a_loss_are_crosses(losses: tuple[float | None, ...]):
    tried = [Tried({"lora.r": r}, loss) for r, loss in zip(RANK.values, losses, strict=False)]
    svg = sweep_chart([RANK], tried, title="<pirate>")
    figure = ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert len(marks(figure, "cross")) == sum(not one.scored for one in tried)
    assert '"nan' not in svg
