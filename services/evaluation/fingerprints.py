"""Taking a version's fingerprint: what its server says of itself, and the golden prompts put to it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from services.domain.fingerprint import Fingerprint, storable
from services.domain.golden import GOLDEN, GoldenPrompt
from services.evaluation.asking import patiently
from services.language_model.asking import Generator


def take_fingerprint(generator: Generator, model: str, *, sleep: Callable[[float], object]) -> Fingerprint:
    """`sleep` gets the seconds before a refused request goes again.

    Raises what `Generator.generate` raises, InferenceBusy only after a long time.
    """

    def ask(prompt: GoldenPrompt) -> tuple[float, ...]:
        return patiently(
            lambda: generator.log_probabilities(model, prompt.messages, prompt.completion), sleep
        )

    facts = generator.facts()
    with ThreadPoolExecutor(len(GOLDEN)) as pool:
        return Fingerprint(facts, storable(pool.map(ask, GOLDEN)))
