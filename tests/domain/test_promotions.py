import pytest

from services.domain.personas import PersonaSlug
from services.domain.promotions import (
    Promotion,
    PromotionKind,
    champion,
    newest_sound,
    rollback_target,
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
