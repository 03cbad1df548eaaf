"""Whether an adapter just loaded answers as it did when it was evaluated; if not, who changed."""

import logging
import math
from collections.abc import Callable, Sequence

from services.domain.conversation import PROMPT_VERSION
from services.domain.fingerprint import TOLERANCE, Fingerprint, Golden, ServerFacts, differences, nats_apart
from services.domain.golden import GOLDEN_DIGEST
from services.errors.artifacts import AdapterAnswersOtherwise, AdapterCorrupt
from services.language_model.asking import BASE_NAME

logger = logging.getLogger(__name__)

_ASKED = (GOLDEN_DIGEST, PROMPT_VERSION)


def check_answers(
    name: str,
    facts: ServerFacts,
    expected: Callable[[str], Sequence[Fingerprint]],
    golden: Callable[[str], Golden],
) -> tuple[str, ...]:
    """What is not as it was when the version was evaluated, where the server is why; nothing where the
    version answers as it did, or was never evaluated, so that nothing is expected of it.

    `golden` asks a version, or the base. Was it evaluated on such a server, that counts; else it has to
    answer as it did on one of the others. Where it does not, the base is asked: when its own answers moved
    as far, or when nothing is known of that and the server says that it is another, it is the server that
    changed, and the version goes on: withdrawn, it would make room for what changed as well.
    Raises AdapterAnswersOtherwise.
    """
    asked = [one for one in expected(name) if (one.golden_digest, one.prompt_version) == _ASKED]
    asked = [one for one in asked if one.facts == facts] or asked
    if not asked:
        logger.info("%s is loaded without a look at its answers: nothing is expected of it", name)
        return ()
    answers = golden(name)
    nearest = min(asked, key=lambda one: nats_apart(one.golden, answers))
    apart = nats_apart(nearest.golden, answers)
    changed = differences(nearest, Fingerprint(facts, answers))
    if apart <= TOLERANCE:
        logger.info("%s answers as it did when it was evaluated, %.4f nats a token apart", name, apart)
        if changed:
            logger.warning("%s was evaluated on another server: %s", name, "; ".join(changed))
        return ()
    moved = _base_moved(nearest.facts, expected, golden)
    if _is_its_own(apart, moved, on_another=nearest.facts != facts):
        raise AdapterAnswersOtherwise(name, "; ".join(changed))
    logger.error(
        "%s goes on answering on a server that changed (%s; the base alone: %s): evaluate before the next "
        "promotion",
        name,
        "; ".join(changed),
        "never asked" if moved is None else f"{moved:.3f} nats a token",
    )
    return changed


def _is_its_own(apart: float, moved: float | None, *, on_another: bool) -> bool:
    """Whether it is the version that changed, which is this far apart where the base `moved` so far."""
    if moved is None:
        return not on_another
    return math.isfinite(moved) and apart - moved > TOLERANCE


def _base_moved(
    facts: ServerFacts,
    expected: Callable[[str], Sequence[Fingerprint]],
    golden: Callable[[str], Golden],
) -> float | None:
    """How far the plain base is from what it answered on a server of these facts; None if that is unknown."""
    try:
        then = [one for one in expected(BASE_NAME) if one.facts == facts]
    except AdapterCorrupt as damaged:
        logger.warning("what the base answered before is not known: %s", damaged)
        return None
    then = [one for one in then if (one.golden_digest, one.prompt_version) == _ASKED]
    return nats_apart(then[0].golden, golden(BASE_NAME)) if then else None
