"""Several inference servers asked as if they were one: each holds a base of its own.

While personas move to a new base, that of before is served beside it. Which server an adapter is asked at is
found by asking: the others refuse it with AnotherBaseServed.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from services.domain.conversation import Message, Role
from services.domain.fingerprint import ServerFacts
from services.errors.outages import AnotherBaseServed
from services.errors.tree import Unavailable
from services.language_model.asking import (
    BASE_NAME,
    Generated,
    GenerationRequest,
    Generator,
    Hearing,
    InferenceClient,
)

Reply = TypeVar("Reply")

_PROBE = (Message(Role.USER, "?"),)


class RoutedGenerator:
    """A Generator over the given ones; threads may share one. The first is the one that holds BASE_MODEL:

    the plain base is asked there, and what is said of the base is said of its base.
    """

    def __init__(self, servers: Sequence[Generator]) -> None:
        self._servers = tuple(servers)
        self._found: dict[str, Generator] = {}

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        """See Generator; AnotherBaseServed when no server holds the adapter's base."""
        return self._ask(request.model, lambda server: server.generate(request, heard))

    def log_probabilities(
        self, model: str, messages: tuple[Message, ...], completion: str
    ) -> tuple[float, ...]:
        """See Generator; AnotherBaseServed as above."""
        return self._ask(model, lambda server: server.log_probabilities(model, messages, completion))

    def facts(self) -> ServerFacts:
        """See Generator; of the first."""
        return self._servers[0].facts()

    def all_facts(self) -> tuple[ServerFacts, ...]:
        """What each says of itself; InferenceUnavailable when any of them is away."""
        return tuple(server.facts() for server in self._servers)

    def holding(self, model: str) -> Generator:
        """The one that holds a model's base, found by scoring a word; raises what that raises."""

        def probed(server: Generator) -> Generator:
            server.log_probabilities(model, _PROBE, "!")
            return server

        return self._ask(model, probed)

    def _ask(self, model: str, ask: Callable[[Generator], Reply]) -> Reply:
        if model == BASE_NAME:
            return ask(self._servers[0])
        if (found := self._found.get(model)) is not None:
            try:
                return ask(found)
            except AnotherBaseServed:  # it was started with another base meanwhile
                self._found.pop(model, None)
        refusals: list[Unavailable] = []
        for server in self._servers:
            try:
                reply = ask(server)
            except Unavailable as refusal:
                refusals.append(refusal)
            else:
                self._found[model] = server
                return reply
        # One that does not answer may be the one that holds it.
        raise next((one for one in refusals if not isinstance(one, AnotherBaseServed)), refusals[0])


def server_of(generator: Generator, model: str) -> Generator:
    """Who alone answers for a model: its plain base is the one of that model, too."""
    return generator.holding(model) if isinstance(generator, RoutedGenerator) else generator


def facts_of(generator: Generator) -> tuple[ServerFacts, ...]:
    """What each server says of itself, the one that holds BASE_MODEL first."""
    return generator.all_facts() if isinstance(generator, RoutedGenerator) else (generator.facts(),)


def bases_of(generator: Generator) -> tuple[str, ...]:
    """The digests of the bases that are served, that of BASE_MODEL first."""
    return tuple(facts.base_digest for facts in facts_of(generator))


def open_generator(endpoints: Sequence[str], *, token: str, timeout_seconds: float = 120.0) -> Generator:
    """Who asks the servers at these addresses, the one that holds BASE_MODEL first."""
    servers = [
        InferenceClient(endpoint, token=token, timeout_seconds=timeout_seconds) for endpoint in endpoints
    ]
    return servers[0] if len(servers) == 1 else RoutedGenerator(servers)
