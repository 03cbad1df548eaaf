import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from services.domain.conversation import Message, Question, Role, build_messages
from services.domain.personas import GenerationSettings
from services.errors.artifacts import AdapterCorrupt, AdapterMissing
from services.errors.inputs import TextTooLong
from services.errors.outages import (
    AdapterStoreUnavailable,
    AnotherBaseServed,
    InferenceBusy,
    InferenceUnavailable,
    SettingsMissing,
)
from services.errors.tree import InvalidInput
from services.language_model.asking import BASE_NAME, GenerationRequest, InferenceClient
from tests.services.serving.conftest import METRICS_TOKEN, TOKEN, listening

pytestmark = pytest.mark.slow

MESSAGES = build_messages(
    "You are an expert in {domain}, for a {audience}.", Question("Why is the sky blue?", "physics", "student")
)
FIVE = GenerationSettings(max_new_tokens=5, min_new_tokens=5, repetition_penalty=1.0)
CHAT = {"model": "base", "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 3}


def ask(served, model, *, settings=FIVE, seed=1, messages=MESSAGES):
    return served.client.generate(GenerationRequest(model, messages, settings, seed))


def post(served, path, body, token=TOKEN):
    return httpx.post(f"{served.url}{path}", json=body, headers={"Authorization": f"Bearer {token}"})


def test_each_adapter_gives_its_own_answer_fifty_times_over_at_once(served):
    models = [served.names["A"], served.names["B"], BASE_NAME] * 50
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda work: ask(served, work[1], seed=work[0]).text, enumerate(models)))
    assert answers[0::3] == ["AAAAA"] * 50
    assert answers[1::3] == ["BBBBB"] * 50
    assert not {"AAAAA", "BBBBB"} & set(answers[2::3])


def test_the_base_answers_as_before_any_adapter_was_loaded(served):
    greedy = GenerationSettings(max_new_tokens=8, min_new_tokens=8, do_sample=False)
    before = ask(served, BASE_NAME, settings=greedy)
    ask(served, served.names["A"])
    assert ask(served, BASE_NAME, settings=greedy) == before


def test_equal_seeds_give_equal_text(served):
    texts = [ask(served, BASE_NAME, seed=seed).text for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]


def test_only_new_text_comes_back_and_every_token_is_counted(served):
    answer = post(served, "/v1/chat/completions", {**CHAT, "model": served.names["A"]}).json()
    assert answer["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "AAA"},
        "finish_reason": "length",
    }
    prompt = answer["usage"]["prompt_tokens"]
    assert answer["usage"] == {
        "prompt_tokens": prompt,
        "completion_tokens": 3,
        "total_tokens": prompt + 3,
    }
    assert answer["model"] == served.names["A"]


def test_the_model_is_fed_exactly_the_prompt_that_training_shows_it(served, tmp_path):
    from services.language_model.loading import load_tokenizer  # noqa: PLC0415 - loads torch
    from services.training.dataset import IGNORED, tokenise_demonstration  # noqa: PLC0415
    from services.training.rows import read_lines  # noqa: PLC0415

    fed = []
    embedding = served.engine.base.model.model.embed_tokens
    hook = embedding.register_forward_pre_hook(lambda _, inputs: fed.append(inputs[0][0].tolist()))
    ask(served, BASE_NAME)
    hook.remove()
    row = {
        "messages": [{"role": one.role, "content": one.content} for one in MESSAGES],
        "completion": "Light.",
    }
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    tokenizer = load_tokenizer(str(served.base_folder), revision="main")
    [line] = read_lines(tmp_path / "rows.jsonl")
    trained = tokenise_demonstration(line, tokenizer, chat_template="")
    masked = [
        token for token, label in zip(trained.input_ids, trained.labels, strict=True) if label == IGNORED
    ]
    assert fed[0] == masked


def test_an_adapter_is_asked_and_stopped_by_the_template_it_learnt_with(served, tmp_path):
    from services.adapters.file_store import FileAdapterStore  # noqa: PLC0415
    from tests.services.language_model.forcing import write_forcing_adapter  # noqa: PLC0415 - loads torch

    template = "{% for message in messages %}Q {{ message['content'] }}{{ eos_token }}{% endfor %}"
    folder = write_forcing_adapter(tmp_path / "adapter", served.base_folder, letter="T")
    name = (
        FileAdapterStore(f"file://{served.store_root}")
        .publish(folder, persona="bard", number=1, provenance={"chat_template": template})
        .name
    )
    fed = []
    embedding = served.engine.base.model.model.embed_tokens
    hook = embedding.register_forward_pre_hook(lambda _, inputs: fed.append(inputs[0][0].tolist()))
    assert ask(served, name, messages=(Message(Role.USER, "Why?"),)).text == "TTTTT"
    hook.remove()
    assert served.engine.base.tokenizer.decode(fed[0]) == "Q Why?<|endoftext|>"


def test_log_probabilities_cover_the_completion_and_its_end(served):
    scored = served.client.log_probabilities(served.names["A"], MESSAGES, "AAA")
    *letters, end = scored
    assert len(letters) == 3
    assert all(value > -0.01 for value in letters)
    assert end < -20


def test_a_wrong_or_missing_token_is_refused_on_every_v1_route(served):
    with pytest.raises(SettingsMissing, match="INFERENCE_TOKEN"):
        InferenceClient(served.url, token="wrong").generate(GenerationRequest(BASE_NAME, MESSAGES, FIVE, 1))
    assert httpx.get(f"{served.url}/v1/models").status_code == 401
    for path in ("chat/completions", "chat/log_probabilities", "load_lora_adapter", "unload_lora_adapter"):
        assert post(served, f"/v1/{path}", CHAT, token="wrong").status_code == 401


def test_health_is_open_and_names_the_base(served):
    health = httpx.get(f"{served.url}/healthz").json()
    assert (health["status"], health["base"]) == ("ready", str(served.base_folder))


def test_prometheus_reads_queue_and_requests_and_nobody_else_does(served):
    httpx.get(f"{served.url}/healthz")
    assert httpx.get(f"{served.url}/metrics").status_code == 404
    said = httpx.get(
        f"{served.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}
    ).text.splitlines()
    assert "persona_loop_inference_queue 0.0" in said
    assert any('route="/healthz"' in line for line in said)


@pytest.mark.parametrize("name", ["pirate@000000000000", "nobody@000000000000", "../../x", "", "latest"])
def test_an_adapter_that_is_not_in_the_store_is_missing(served, name):
    with pytest.raises(AdapterMissing):
        ask(served, name)


@pytest.mark.parametrize("number", [ord("X")])
def test_an_adapter_with_one_flipped_byte_is_not_served_and_says_which_file(served, number):
    name = served.publish(chr(number))
    weights = served.store_root / "pirate" / f"v{number:04d}" / "adapter_model.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.chmod(0o644)
    weights.write_bytes(damaged)
    with pytest.raises(AdapterCorrupt, match=r"adapter_model\.safetensors"):
        ask(served, name)
    assert name not in served.engine.loaded()


def test_an_adapter_made_for_another_base_is_not_served(served, tmp_path):
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 - loads torch

    from services.adapters.file_store import FileAdapterStore  # noqa: PLC0415
    from tests.services.language_model.forcing import write_forcing_adapter  # noqa: PLC0415

    folder = write_forcing_adapter(tmp_path / "adapter", served.base_folder, letter="Z")
    weights = load_file(folder / "adapter_model.safetensors")
    halved = {
        name: tensor[:, : max(1, tensor.shape[1] // 2)].contiguous() for name, tensor in weights.items()
    }
    save_file(halved, folder / "adapter_model.safetensors")
    store = FileAdapterStore(f"file://{served.store_root}")
    name = store.publish(folder, persona="pirate", number=ord("Z"), provenance={}).name
    with pytest.raises(AnotherBaseServed, match="BASE_MODEL"):
        ask(served, name)
    assert name not in served.engine.loaded()


def test_an_adapter_whose_provenance_names_another_base_is_not_served(served, tmp_path):
    from services.adapters.file_store import FileAdapterStore  # noqa: PLC0415
    from tests.services.language_model.forcing import write_forcing_adapter  # noqa: PLC0415 - loads torch

    folder = write_forcing_adapter(tmp_path / "adapter", served.base_folder, letter="Y")
    store = FileAdapterStore(f"file://{served.store_root}")
    provenance = {"base_model": "maker/other", "base_digest": "0" * 64}
    name = store.publish(folder, persona="bard", number=ord("Y"), provenance=provenance).name
    with pytest.raises(AnotherBaseServed, match="maker/other"):
        ask(served, name)


def test_a_store_that_is_gone_is_unavailable_and_what_is_in_memory_is_served(served):
    loaded, never_loaded = served.names["A"], served.publish("N")
    ask(served, loaded)
    elsewhere = served.store_root.rename(served.store_root.with_name("elsewhere"))
    try:
        with pytest.raises(AdapterStoreUnavailable, match="mounted"):
            ask(served, never_loaded)
        assert ask(served, loaded).text == "AAAAA"
    finally:
        elsewhere.rename(served.store_root)
    assert ask(served, never_loaded).text == "NNNNN"
    assert ask(served, served.names["B"]).text == "BBBBB"


def test_an_adapter_can_be_loaded_ahead_and_unloaded(served):
    name = served.publish("L")
    assert post(served, "/v1/load_lora_adapter", {"lora_name": name}).status_code == 200
    listed = httpx.get(f"{served.url}/v1/models", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    assert {"base", name} <= {model["id"] for model in listed["data"]}
    assert post(served, "/v1/unload_lora_adapter", {"lora_name": name}).json()["unloaded"]
    assert name not in served.engine.loaded()
    assert ask(served, name).text == "LLLLL"


def test_a_prompt_that_leaves_no_room_for_the_answer_is_refused_whole(served):
    with pytest.raises(TextTooLong, match="tokens"):
        ask(served, BASE_NAME, messages=(Message(Role.USER, "why " * 300),))
    with pytest.raises(InvalidInput, match="no room"):
        ask(served, BASE_NAME, settings=GenerationSettings(max_new_tokens=4000))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": 7}]}, "content"),
        ({"seed": -1}, "seed"),
        ({"seed": "one"}, "seed"),
        ({"stream": 7}, "stream"),
        ({"n": 2}, "n "),
        ({"temperature": -1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_new_tokens"),
        ({"min_tokens": 9}, "min_new_tokens"),
        ({"repetition_penalty": 9}, "repetition_penalty"),
        ({"best_of": 3}, "best_of"),
    ],
)
def test_input_that_cannot_be_used_is_400_and_names_the_field(served, change, word):
    refused = post(served, "/v1/chat/completions", {**CHAT, **change})
    assert refused.status_code == 400
    assert word in refused.json()["error"]["message"]


def test_a_body_that_is_no_json_is_400(served):
    refused = httpx.post(
        f"{served.url}/v1/chat/completions", content="{", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_input")


def test_a_full_queue_is_503_with_a_time_to_come_back(served):
    from services.serving.inference_engine import InferenceEngine  # noqa: PLC0415 - loads torch

    full = InferenceEngine(served.engine.base, served.engine._adapters, batch_size=8, queue_limit=0)
    with listening(full) as url:
        with pytest.raises(InferenceBusy):
            InferenceClient(url, token=TOKEN).generate(GenerationRequest(BASE_NAME, MESSAGES, FIVE, 1))
        refused = httpx.post(
            f"{url}/v1/chat/completions", json=CHAT, headers={"Authorization": f"Bearer {TOKEN}"}
        )
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "queue_full")
    assert int(refused.headers["Retry-After"]) > 0


def test_a_server_that_is_not_there_is_unavailable():
    with pytest.raises(InferenceUnavailable, match="make up"):
        InferenceClient("http://127.0.0.1:1", token=TOKEN).generate(
            GenerationRequest(BASE_NAME, MESSAGES, FIVE, 1)
        )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_health_tells_of_a_model_that_answers_nobody_any_more(served):
    from services.serving.inference_engine import InferenceEngine  # noqa: PLC0415 - loads torch

    class Broken(InferenceEngine):
        def _run(self, *_):
            raise SystemExit

    engine = Broken(served.engine.base, served.engine._adapters, batch_size=1, queue_limit=8)
    with listening(engine) as url:
        assert httpx.get(f"{url}/healthz").json()["status"] == "ready"
        engine.load(BASE_NAME)
        engine._batcher._thread.join(10)
        told = httpx.get(f"{url}/healthz")
    assert told.status_code == 503
    assert "has ended" in told.json()["status"]
