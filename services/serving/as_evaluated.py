"""What this server is, and whether an adapter just loaded answers in it as it did when evaluated (torch)."""

import logging
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

import torch

from services.domain.conversation import PROMPT_VERSION
from services.domain.fingerprint import TOLERANCE, Fingerprint, Golden, ServerFacts, differences, nats_apart
from services.domain.golden import GOLDEN_DIGEST
from services.domain.training import Quantisation
from services.errors.artifacts import AdapterAnswersOtherwise

logger = logging.getLogger(__name__)

SERVER_VERSION = "1"  # one more with every change by which the same request could be answered otherwise
_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes")
_ASKED = (GOLDEN_DIGEST, PROMPT_VERSION)


def server_facts(base_digest: str, quantisation: Quantisation, device: torch.device) -> ServerFacts:
    """Of a GPU its model is told: another one computes otherwise."""
    on_gpu = device.type == "cuda"
    return ServerFacts(
        base_digest=base_digest,
        quantisation=quantisation.value,
        device=torch.cuda.get_device_name(device) if on_gpu else device.type,
        server=SERVER_VERSION,
        packages=_versions(),
    )


def check_answers(
    name: str, facts: ServerFacts, expected: Sequence[Fingerprint], golden: Callable[[], Golden]
) -> None:
    """Nothing where the version was never evaluated: then nothing is expected of it. `golden` asks it.

    Was it evaluated on such a server, that counts; else it has to answer as it did on one of the others.
    Raises AdapterAnswersOtherwise.
    """
    asked = [one for one in expected if (one.golden_digest, one.prompt_version) == _ASKED]
    asked = [one for one in asked if one.facts == facts] or asked
    if not asked:
        logger.info("%s is loaded without a look at its answers: nothing is expected of it", name)
        return
    answers = golden()
    nearest = min(asked, key=lambda one: nats_apart(one.golden, answers))
    apart = nats_apart(nearest.golden, answers)
    changed = differences(nearest, Fingerprint(facts, answers))
    if apart > TOLERANCE:
        raise AdapterAnswersOtherwise(name, "; ".join(changed))
    logger.info("%s answers as it did when it was evaluated, %.4f nats a token apart", name, apart)
    if changed:
        logger.warning("%s was evaluated on another server: %s", name, "; ".join(changed))


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # bitsandbytes is not for every machine
            continue
    return found
