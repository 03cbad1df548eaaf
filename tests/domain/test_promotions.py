import pytest

from services.domain.personas import PersonaSlug
from services.domain.promotions import (
    Promotion,
    PromotionKind,
    champion,
    goes_to_canary,
    newest_sound,
    open_canary,
    rollback_target,
    served,
)
from services.errors.refusals import (
    NothingToRollBackTo,
    VersionNeverServed,
    VersionServesAlready,
    VersionUnsound,
)
from tests.builders import AT

PIRATE = PersonaSlug("pirate")


def history(*versions: int) -> list[Promotion]:
    return [Promotion(version, PromotionKind.FULL, AT) for version in versions]


def test_the_plain_base_serves_until_the_first_promotion():
    assert champion([]) == 0


def test_the_last_row_of_the_ledger_serves():
    assert champion(history(1, 2, 1)) == 1


@pytest.mark.parametrize(
    ("served", "unsound", "target"),
    [
        ((1,), (), 0),
        ((1, 2), (), 1),
        ((1, 2, 3), (2,), 1),
        ((1, 2), (1,), 0),
        ((1, 2, 1), (), 0),  # two rollbacks in a row go two steps back
        ((1, 2, 3, 2), (), 1),
        ((1, 2, 1, 3), (), 1),
    ],
)
def test_an_unnamed_rollback_goes_one_sound_step_back(
    served: tuple[int, ...], unsound: tuple[int, ...], target: int
):
    assert rollback_target(history(*served), None, persona=PIRATE, unsound=unsound) == target


def test_any_version_that_once_served_can_be_named():
    assert rollback_target(history(1, 2, 3), 1, persona=PIRATE, unsound=()) == 1
    assert rollback_target(history(1, 2, 1), 2, persona=PIRATE, unsound=()) == 2
    assert rollback_target(history(1), 0, persona=PIRATE, unsound=()) == 0


def test_a_version_that_never_served_or_serves_already_is_refused():
    with pytest.raises(VersionNeverServed):
        rollback_target(history(1, 2), 7, persona=PIRATE, unsound=())
    with pytest.raises(VersionServesAlready):
        rollback_target(history(1, 2), 2, persona=PIRATE, unsound=())


def test_an_unsound_version_is_refused():
    with pytest.raises(VersionUnsound):
        rollback_target(history(1, 2), 1, persona=PIRATE, unsound=(1,))


def test_the_base_cannot_be_rolled_back():
    with pytest.raises(NothingToRollBackTo):
        rollback_target([], None, persona=PIRATE, unsound=())


def test_the_newest_sound_version_replaces_a_damaged_one():
    assert newest_sound(history(1, 2, 3), unsound={3}) == 2
    assert newest_sound(history(1), unsound={1}) == 0


def test_a_version_that_was_rolled_back_does_not_come_back_by_itself():
    assert newest_sound(history(1, 2, 1), unsound={1}) == 0


def with_canary(*versions: int, then: tuple[int, ...] = ()) -> list[Promotion]:
    """These served one after another; then version 9 was in a canary, and then came these."""
    return [*history(*versions), Promotion(9, PromotionKind.CANARY, AT, share=0.2), *history(*then)]


def test_a_canary_does_not_change_the_champion_and_is_open_until_the_next_row():
    assert champion(with_canary(1, 2)) == 2
    assert champion(with_canary()) == 0
    canary = open_canary(with_canary(1, 2))
    assert canary is not None
    assert (canary.version, canary.share) == (9, 0.2)
    assert open_canary(with_canary(1, 2, then=(9,))) is open_canary(history(1)) is open_canary([]) is None


def test_a_rollback_while_a_canary_is_open_ends_it_and_keeps_the_champion():
    assert rollback_target(with_canary(1, 2), None, persona=PIRATE, unsound=()) == 2
    assert rollback_target(with_canary(1, 2), 2, persona=PIRATE, unsound=()) == 2
    assert rollback_target(with_canary(1, 2), 1, persona=PIRATE, unsound=()) == 1
    assert rollback_target(with_canary(), None, persona=PIRATE, unsound=()) == 0
    assert rollback_target(with_canary(1, 2, then=(2,)), None, persona=PIRATE, unsound=()) == 1


def test_a_version_that_was_in_a_canary_only_never_served():
    assert served(with_canary(1)) == {0, 1}
    with pytest.raises(VersionNeverServed):
        rollback_target(with_canary(1, then=(1,)), 9, persona=PIRATE, unsound=())
    assert rollback_target(with_canary(1, then=(9, 1)), 9, persona=PIRATE, unsound=()) == 9


def test_a_damaged_version_in_a_canary_leaves_the_champion_and_a_damaged_champion_the_one_before():
    assert newest_sound(with_canary(1, 2), unsound={9}) == 2
    assert newest_sound(with_canary(1, 2), unsound={2}) == 1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_canary_gets_its_share_of_conversations_and_each_always_the_same(share: float):
    def draw() -> list[bool]:
        return [goes_to_canary("a rater", number, 7, share=share) for number in range(4000)]

    assert draw() == draw()
    assert abs(sum(draw()) / 4000 - share) < 0.03
    others = [goes_to_canary("a rater", number, 8, share=share) for number in range(4000)]
    agreeing = sum(one == other for one, other in zip(draw(), others, strict=True)) / 4000
    assert abs(agreeing - (share**2 + (1 - share) ** 2)) < 0.04  # another canary draws anew
