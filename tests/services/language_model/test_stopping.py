import pytest

from services.language_model.stopping import find_stop

TEXT = "One. Two. Three."


def decode(tokens):
    """A byte a token: a character of several bytes is broken until its last one has come."""
    return bytes(tokens).decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("stops", "after", "place"),
    [
        ([". "], 0, 3),
        (["Three", ". "], 0, 3),
        ([". "], 4, 3),  # it ends in the fifth
        ([". "], 5, 8),
        (["Four"], 0, None),
        ([], 0, None),
    ],
)
def test_the_first_stop_that_ends_late_enough_counts(stops, after, place):
    assert find_stop(list(TEXT.encode()), stops, after=after, decode=decode) == place


def test_a_character_of_several_tokens_stops_when_it_is_whole():
    tokens = list("aé".encode())
    assert find_stop(tokens[:2], ["é"], after=1, decode=decode) is None
    assert find_stop(tokens, ["é"], after=2, decode=decode) == 1
