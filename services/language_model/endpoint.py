"""A model behind anybody's OpenAI-compatible endpoint: a Generator that answers and weighs no texts.

It is asked with what the protocol itself has; `services.language_model.asking` is the client of this
project's own server.
"""

from openai import APIError, AuthenticationError, BadRequestError, OpenAI, RateLimitError
from pydantic import SecretStr

from services.domain.conversation import Message
from services.domain.fingerprint import ServerFacts
from services.errors.outages import InferenceBusy, InferenceUnavailable, SettingsMissing
from services.errors.tree import InvalidInput
from services.language_model.asking import Generated, GenerationRequest, Hearing, complete_chat, stream_chat


class Endpoint:
    """Threads may share one. `key_setting` names the setting of its key, for who has to correct it."""

    def __init__(
        self, url: str, *, key: SecretStr | None, key_setting: str, timeout_seconds: float = 120.0
    ) -> None:
        self._url, self._key_setting = url, key_setting
        secret = key.get_secret_value() if key else "none"
        self._client = OpenAI(base_url=url, api_key=secret, timeout=timeout_seconds, max_retries=2)

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        """One answer. Raises InferenceBusy, InferenceUnavailable, SettingsMissing, InvalidInput."""
        try:
            if heard is not None:
                return stream_chat(self._client, request, heard, address=self._url)
            return complete_chat(self._client, request, address=self._url)
        except APIError as error:
            raise self._our_error(error) from error

    def log_probabilities(
        self,
        model: str,  # noqa: ARG002  (the Protocol's signature)
        messages: tuple[Message, ...],  # noqa: ARG002
        completion: str,  # noqa: ARG002
    ) -> tuple[float, ...]:
        """None: the protocol has no word for the probability of a given text."""
        return ()

    def facts(self) -> ServerFacts:
        """Nobody knows what is behind an endpoint: where it is stands for it."""
        return ServerFacts(self._url, "", "", "", {})

    def _our_error(self, error: APIError) -> Exception:
        match error:
            case AuthenticationError():
                return SettingsMissing((self._key_setting,))
            case RateLimitError():
                return InferenceBusy()
            case BadRequestError():
                return InvalidInput(f"{self._url} refuses what it was asked: {error.message}")
        return InferenceUnavailable(self._url)
