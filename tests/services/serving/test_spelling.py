"""What is told of an answer while its tokens come: always how the whole text begins."""

import pytest

from services.serving import spelling
from services.serving.spelling import Spelling

END = 0


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "PAUSE_S", 0.0)


def decode(tokens: list[int]) -> str:
    """Each token is a byte."""
    return bytes(tokens).decode(errors="replace")


def spell(text: str, *, stops: tuple[str, ...] = (), most: int = 100, enough: int = 100) -> list[str]:
    told: list[str] = []

    def heard(piece: str) -> bool:
        told.append(piece)
        return len(told) < enough

    spelling_row = Spelling(decode, end_ids={END}, most=most, stops=stops, heard=heard)
    tokens = list(text.encode())
    for length in range(1, len(tokens) + 1):
        if not spelling_row(tokens[:length]):
            break
    return told


def test_pieces_are_how_the_text_begins():
    assert spell("Salt!") == ["S", "a", "l", "t", "!"]


def test_a_character_is_told_when_all_of_its_bytes_are_there():
    assert spell("é!") == ["é", "!"]


def test_white_space_waits_for_what_follows_and_none_is_told_at_either_end():
    assert spell(" \n a b \n") == ["a", " b"]


def test_what_may_become_a_stop_string_waits_and_nothing_of_one_is_told():
    assert spell("ab\nQ", stops=("\nQ",)) == ["a", "b"]
    assert spell("a#b##c", stops=("##",)) == ["a", "#b"]


def test_what_comes_after_the_end_or_beyond_the_maximum_is_not_told():
    assert spell("ab\x00cd") == ["a", "b"]
    assert spell("abcd", most=2) == ["a", "b"]


def test_who_has_enough_is_told_nothing_more():
    assert spell("abcd", enough=2) == ["a", "b"]
