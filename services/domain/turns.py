"""Whose conversation counts when: nobody is heard more often than a share of all that were heard.

Who rated is all that is looked at here. Neither a rating nor an arm moves a turn, so that counting in turn
leaves a martingale what it is.
"""

from collections import Counter, deque
from collections.abc import Hashable, Sequence

from services.domain.influence import EQUAL_SHARES, SHARE


def in_turn(raters: Sequence[Hashable], *, least_raters: int) -> list[int]:
    """Positions in `raters`, who stand in the order in which they came, in the order in which they count.

    Nobody may carry more than max(2 %, 2 / raters so far) of what is counted; there is always room for
    somebody's first. Until `least_raters` came, as many are reckoned with. Who has had their share waits and
    counts as soon as others have spoken. Positions still waiting at the end are left out. What a longer
    sequence returns begins with what this one returns.
    """
    order: list[int] = []
    heard: Counter[Hashable] = Counter()
    waiting: dict[Hashable, deque[int]] = {}
    looked_at = 0
    for position, rater in enumerate(raters):
        waiting.setdefault(rater, deque()).append(position)
        heard.setdefault(rater, 0)
        limit = max(SHARE, EQUAL_SHARES / max(len(heard), least_raters))
        if _let_in(rater, waiting, heard, order, limit):
            # Room for one more conversation of everybody, perhaps.
            while (room := _room(order, limit)) > looked_at:
                looked_at = room
                for other in list(waiting):
                    while _let_in(other, waiting, heard, order, limit):
                        pass
            looked_at = _room(order, limit)
    return order


def _let_in(
    rater: Hashable,
    waiting: dict[Hashable, deque[int]],
    heard: Counter[Hashable],
    order: list[int],
    limit: float,
) -> bool:
    if rater not in waiting or heard[rater] >= _room(order, limit):
        return False
    order.append(waiting[rater].popleft())
    heard[rater] += 1
    if not waiting[rater]:
        del waiting[rater]
    return True


def _room(order: Sequence[int], limit: float) -> int:
    """How many conversations of one rater may be among those that count, the next one included."""
    return max(1, int(limit * (len(order) + 1)))
