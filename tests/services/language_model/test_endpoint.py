import pytest
from pydantic import SecretStr

from services.domain.conversation import Message, Role
from services.domain.personas import GenerationSettings
from services.errors.outages import InferenceUnavailable, SettingsMissing
from services.errors.tree import InvalidInput
from services.language_model.asking import GenerationRequest
from services.language_model.endpoint import Endpoint
from tests.endpoints import speaking

REQUEST = GenerationRequest(
    "some-model",
    (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Why?")),
    GenerationSettings(max_new_tokens=7, min_new_tokens=2, do_sample=False),
    seed=3,
    stop=("END",),
)


def test_an_endpoint_is_asked_with_what_the_protocol_itself_has():
    with speaking(lambda _: "Because.") as heard:
        endpoint = Endpoint(heard.url, key=SecretStr("secret"), key_setting="ITS_KEY")
        assert endpoint.generate(REQUEST).text == "Because."
        assert endpoint.log_probabilities("some-model", REQUEST.messages, "Because.") == ()
    assert heard.keys == ["secret"]
    assert heard.bodies == [
        {
            "model": "some-model",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
            "max_tokens": 7,
            "temperature": 0.0,
            "top_p": 1.0,
            "seed": 3,
            "stop": ["END"],
        }
    ]


@pytest.mark.parametrize(
    ("status", "error"), [(401, SettingsMissing), (400, InvalidInput), (404, InferenceUnavailable)]
)
def test_a_refusal_is_an_error_of_the_tree(status: int, error: type[Exception]):
    with speaking(lambda _: "", status=status) as heard:
        endpoint = Endpoint(heard.url, key=SecretStr("secret"), key_setting="ITS_KEY")
        with pytest.raises(error, match="ITS_KEY" if status == 401 else None):
            endpoint.generate(REQUEST)


def test_an_endpoint_that_is_not_there_is_unavailable():
    with speaking(lambda _: "") as heard:
        pass
    with pytest.raises(InferenceUnavailable):
        Endpoint(heard.url, key=None, key_setting="ITS_KEY").generate(REQUEST)


@pytest.mark.parametrize(
    "instead", ["<html>Sign in</html>", "{}", '{"choices": []}', '{"choices": [{}]}', "not json"]
)
def test_a_reply_of_another_shape_is_no_answer(instead: str):
    with speaking(lambda _: "", instead=instead) as heard:
        endpoint = Endpoint(heard.url, key=None, key_setting="ITS_KEY")
        with pytest.raises(InferenceUnavailable):
            endpoint.generate(REQUEST)
