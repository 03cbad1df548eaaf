import httpx
import pytest
from openai import OpenAI

from services.domain.conversation import Message, Role
from services.domain.personas import GenerationSettings
from services.language_model.asking import BASE_NAME, GenerationRequest
from services.language_model.rendering import encode_text
from tests.services.serving.conftest import TOKEN

pytestmark = pytest.mark.slow


def post(served, body):
    return httpx.post(f"{served.url}/v1/completions", json=body, headers={"Authorization": f"Bearer {TOKEN}"})


def test_a_text_is_gone_on_with_by_the_model_that_was_named(served):
    client = OpenAI(base_url=f"{served.url}/v1", api_key=TOKEN)
    completion = client.completions.create(
        model=served.names["B"], prompt="Once upon a time", max_tokens=4, temperature=0.0
    )
    assert completion.choices[0].text == "BBBB"
    assert completion.model == served.names["B"]


def test_the_prompt_is_the_text_and_no_template_is_around_it(served):
    body = {"model": BASE_NAME, "prompt": "Once upon a time", "max_tokens": 2}
    answer = post(served, body).json()
    bare = len(encode_text(served.engine.base.tokenizer, "Once upon a time"))
    assert answer["usage"]["prompt_tokens"] == bare
    settings = GenerationSettings(max_new_tokens=2, min_new_tokens=0)
    messages = (Message(Role.USER, "Once upon a time"),)
    assert served.client.generate(GenerationRequest(BASE_NAME, messages, settings, 1)).prompt_tokens > bare


def test_an_empty_prompt_is_refused(served):
    answer = post(served, {"model": BASE_NAME, "prompt": ""})
    assert answer.status_code == 400
    assert "prompt" in answer.json()["error"]["message"]
