"""A stage of at most so many examples: no end of the set is favoured, and what is left out is counted."""

import pytest

from services.domain.conversation import Message
from services.training.example_limit import at_most
from services.training.rows import DemonstrationLine

LINES = [DemonstrationLine((Message("user", f"question {number}"),), "answer") for number in range(100)]


@pytest.mark.parametrize("limit", [0, 100, 101])
def test_all_lines_are_taken_where_there_is_no_limit_or_it_is_not_reached(limit):
    assert at_most(LINES, limit) == LINES


def test_as_many_as_the_limit_are_taken_in_their_order_and_from_everywhere():
    taken = [LINES.index(line) for line in at_most(LINES, 40)]

    assert len(taken) == 40
    assert taken == sorted(taken)
    assert min(sum(index in taken for index in range(start, start + 25)) for start in (0, 25, 50, 75)) >= 4


def test_a_larger_set_changes_the_choice_little():
    before, after = at_most(LINES[:95], 40), at_most(LINES, 40)

    assert sum(line in after for line in before) >= 35
