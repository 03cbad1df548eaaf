"""Stop strings over the wire: each request of a batch ends at its own, and says that it stopped."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from openai import OpenAI

from services.domain.conversation import Message, Role
from services.domain.personas import GenerationSettings
from services.language_model.asking import Generated, GenerationRequest
from tests.services.serving.conftest import TOKEN

pytestmark = pytest.mark.slow

WHY = (Message(Role.USER, "Why is the sky blue?"),)
THIRTY = GenerationSettings(max_new_tokens=30, min_new_tokens=0, repetition_penalty=1.0)


def ask(served, model, *stop, seed=1, settings=THIRTY):
    return served.client.generate(GenerationRequest(model, WHY, settings, seed, stop))


def test_requests_of_one_batch_stop_each_at_its_own(served):
    def stop_after(least: int) -> Generated:
        settings = GenerationSettings(max_new_tokens=30, min_new_tokens=least, repetition_penalty=1.0)
        return ask(served, served.names["A"], "never", "A" * (least + 1), settings=settings)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(stop_after, range(8)))
    assert [answer.completion_tokens for answer in answers] == [least + 1 for least in range(8)]
    assert {(answer.text, answer.finish_reason) for answer in answers} == {("", "stop")}


def test_a_request_without_stops_is_left_alone_beside_one_that_has_them(served):
    plain = ask(served, served.names["A"])
    with ThreadPoolExecutor(2) as pool:
        beside, stopped = pool.map(lambda stop: ask(served, served.names["A"], *stop), [(), ("AAA",)])
    assert beside == plain
    assert (plain.text, plain.finish_reason) == ("A" * 30, "length")
    assert (stopped.text, stopped.finish_reason, stopped.completion_tokens) == ("", "stop", 3)


def test_a_minimum_length_is_waited_for(served):
    ten = GenerationSettings(max_new_tokens=30, min_new_tokens=10, repetition_penalty=1.0)
    stopped = ask(served, served.names["A"], "A", settings=ten)
    assert (stopped.text, stopped.finish_reason, stopped.completion_tokens) == ("A" * 10, "stop", 11)


def test_the_protocol_takes_one_stop_or_several_in_chats_and_in_completions(served):
    client = OpenAI(base_url=f"{served.url}/v1", api_key=TOKEN)
    for stop in ("BB", ["x", "BB"]):
        chat = client.chat.completions.create(
            model=served.names["B"], messages=[{"role": "user", "content": "Why?"}], max_tokens=9, stop=stop
        )
        text = client.completions.create(model=served.names["B"], prompt="Why?", max_tokens=9, stop=stop)
        for choice, said in (
            (chat.choices[0], chat.choices[0].message.content),
            (text.choices[0], text.choices[0].text),
        ):
            assert (said, choice.finish_reason) == ("", "stop")


@pytest.mark.parametrize("stop", ["", [""], ["a"] * 5, "x" * 41, 7])
def test_a_stop_that_cannot_be_used_is_400(served, stop):
    body = {"model": "base", "messages": [{"role": "user", "content": "Why?"}], "stop": stop}
    refused = httpx.post(
        f"{served.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert refused.status_code == 400
    assert "stop" in refused.json()["error"]["message"]
