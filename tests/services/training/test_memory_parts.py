"""The parts of memory beside the published ones: nothing counted twice, nothing lost, drawn well-formed."""

from xml.etree import ElementTree

import pytest

from services.training.memory_chart import memory_chart
from services.training.memory_parts import Part, beside_published, sentence, size_words, table

EACH = {part: number * 10**8 for number, part in enumerate(Part, start=1)}


def test_every_part_is_in_one_row_and_the_last_row_is_their_sum():
    *rows, together = beside_published(EACH)
    assert sum(row.here for row in rows) == together.here == sum(EACH.values())
    assert together.published == 4_400_000_000
    assert together.published == sum(row.published for row in rows)


def test_the_log_has_one_line_a_part_with_both_figures():
    lines = table({Part.OPTIMISER: 50_300_000}).splitlines()
    assert len(lines) == 1 + len(beside_published({}))
    assert [line.split() for line in lines if "optimiser" in line] == [
        ["optimiser", "50.3", "MB", "500.0", "MB"]
    ]


@pytest.mark.parametrize(
    ("size", "words"), [(3_650_000_000, "3.65 GB"), (999_000_000, "999.0 MB"), (0, "none")]
)
def test_sizes_are_decimal_as_the_published_ones(size: int, words: str):
    assert size_words(size) == words


@pytest.mark.parametrize("parts", [EACH, {}, {Part.LINEAR: 1}])
def test_the_drawing_has_a_bar_for_each_part_that_takes_something(parts: dict[str, int]):
    figure = ElementTree.fromstring(memory_chart(parts, title="Memory", width=360))  # noqa: S314 - our own
    bars = [one for one in figure.iter() if "bar" in one.get("class", "").split()]
    swatches = len(beside_published({})) - 1
    here = sum(row.here > 0 for row in beside_published(parts)[:-1])
    published = sum(row.published > 0 for row in beside_published(parts)[:-1])
    assert len(bars) == swatches + here + published
    assert all(0 <= float(one.get("x")) + float(one.get("width")) <= 360 for one in bars)
    assert figure.find("{http://www.w3.org/2000/svg}desc").text == sentence(parts)
