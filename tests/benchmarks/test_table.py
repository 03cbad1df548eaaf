import json

import pytest

from benchmarks._table import Bar, Relation, Row, report


@pytest.mark.parametrize(
    ("relation", "below", "at", "above"),
    [
        (Relation.AT_MOST, True, True, False),
        (Relation.BELOW, True, False, False),
        (Relation.AT_LEAST, False, True, True),
        (Relation.ABOVE, False, False, True),
        (Relation.IS, False, True, False),
    ],
)
def test_a_bar_says_which_side_of_it_is_met(relation, below, at, above):
    bar = Bar(relation, 2.0)
    assert [bar.met_by(figure) for figure in (1.9, 2.0, 2.1)] == [below, at, above]


def test_words_are_met_by_the_same_word_only():
    assert Bar(Relation.IS, "FAIL").met_by("FAIL")
    assert not Bar(Relation.IS, "FAIL").met_by("PASS")
    assert not Bar(Relation.AT_LEAST, 1.0).met_by("many")


def test_a_figure_that_could_not_be_measured_misses_its_bar():
    assert Row("style hit after", None, bar=Bar(Relation.AT_LEAST, 0.6)).met is False
    assert Row("exit code", None, bar=Bar(Relation.IS, 0)).met is False


def test_a_figure_without_a_bar_is_neither_met_nor_missed():
    assert Row("asks", 12).met is None


def test_the_ratio_needs_two_numbers():
    assert Row("rows", 30, 40).ratio == 0.75
    assert Row("verdict", "FAIL", "PASS").ratio is None
    assert Row("corrections", 3, 0).ratio is None


def test_the_record_holds_every_row_with_its_bar_and_the_machine_without_its_name(tmp_path, capsys):
    import platform  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    rows = [Row("seconds", 500.0, bar=Bar(Relation.AT_MOST, 480)), Row("rows", 30, 40)]
    path = report("loop", rows, folder=tmp_path / "bench")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert path.name == "loop.json"
    assert record["rows"] == [
        {
            "what": "seconds",
            "ours": 500.0,
            "theirs": None,
            "ratio": None,
            "bar": "at most 480",
            "met": False,
        },
        {"what": "rows", "ours": 30, "theirs": 40, "ratio": 0.75, "bar": None, "met": None},
    ]
    assert record["name"] == "loop"
    assert record["machine"]["cores"] >= 1
    assert record["machine"]["packages"]["torch"]
    assert platform.node() not in path.read_text(encoding="utf-8").split('"')
    assert str(Path.home()) not in path.read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert "not met" in printed
    assert "at most 480" in printed
