"""The drawing of a decision's checks."""

from xml.etree import ElementTree

import pytest

from services.domain.checks import Verdict
from services.evaluation.check_lines import CheckLine, intervals
from services.evaluation.interval_chart import Interval, interval_chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*found: Interval, width: int = 720) -> ElementTree.Element:
    return ElementTree.fromstring(interval_chart(found, title="Decision 1", width=width))  # noqa: S314 - our own


def interval(verdict: Verdict = Verdict.PASS, **given: object) -> Interval:
    values: dict[str, object] = {
        "panel": "The target",
        "label": "answers in style",
        "value": 0.1,
        "low": 0.05,
        "high": 0.15,
        "line": 0.0,
    }
    return Interval(verdict=verdict, **(values | given))


def marks(figure: ElementTree.Element) -> list[str]:
    """The shapes that tell verdicts, those of the legend first."""
    return [
        one.get("class", "").split()[0]
        for one in figure
        if one.get("class", "").split()[:1] in (["dot"], ["ring"], ["cross"])
    ]


@pytest.mark.parametrize(
    ("verdict", "shape"),
    [(Verdict.PASS, "dot"), (Verdict.INSUFFICIENT, "ring"), (Verdict.FAIL, "cross")],
)
def test_each_verdict_has_a_shape_of_its_own(verdict: Verdict, shape: str):
    legend = ["dot", "ring", "cross"]
    assert marks(drawn(interval(verdict))) == [*legend, shape]


def test_what_was_not_measured_is_said_and_has_no_mark():
    figure = drawn(interval(value=None, low=None, high=None))
    assert "not measured" in [one.text for one in figure.iter(f"{SVG}text")]
    assert len(marks(figure)) == 3


@pytest.mark.parametrize("width", [360, 720])
def test_everything_stays_on_the_sheet_and_its_words_are_escaped(width: int):
    found = (interval(label="<b>" * 80), interval(low=None), interval(panel="Other", line=-0.1, high=None))
    figure = drawn(*found, width=width)
    assert float(figure.get("width", 0)) == width
    for one in figure.iter(f"{SVG}line"):
        assert all(0 <= float(one.get(name, -1)) <= width for name in ("x1", "x2"))
    assert "answers in style passes: 0.100, from 0.050 to 0.150; the line is 0.000." in (
        drawn(interval()).findtext(f"{SVG}desc") or ""
    )


@pytest.mark.parametrize("width", [360, 720])
def test_the_legend_names_the_dashed_line_at_any_width(width: int):
    words = {one.text: one for one in drawn(interval(), width=width).iter(f"{SVG}text")}
    place = words["had to be passed"]
    assert float(place.get("x", width)) + 100 < width
    assert float(place.get("y", 0)) + 8 < float(words["The target"].get("y", 0))


def test_checks_are_drawn_by_panel_with_limits_last_and_name_opponents_where_there_are_several():
    def check(asked: str, metric: str, against: int | None) -> CheckLine:
        return CheckLine.of_record(
            {
                "verdict": "PASS",
                "asked": asked,
                "metric": metric,
                "slice": "overall",
                "against": against,
                "reason": "so",
                "required": 0.0,
                "measured": 0.7,
                "difference": 0.1,
            }
        )

    checks = [
        check("better", "style_hit", 2),
        check("limit", "style_hit", None),
        check("not worse", "safety", 1),
    ]
    found = intervals(checks)
    assert [one.label for one in found] == [
        "answers in style, against v2",
        "safety, against v1",
        "answers in style",
    ]
    assert [one.value for one in found] == [0.1, 0.1, 0.7]
    assert [one.label for one in intervals(checks[:1])] == ["answers in style"]


def test_a_check_of_an_older_release_lacks_what_that_did_not_store():
    old = {"metric": "gone_metric", "slice": "domain:music", "verdict": "FAIL", "reason": "too low"}
    line = CheckLine.of_record(old)
    assert (line.title, line.of, line.low, line.against) == ("gone metric", "domain: music", None, "")
    assert intervals([line]) == []
