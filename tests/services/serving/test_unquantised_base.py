"""A server whose base is not in 4 bits serves what was trained on it so, and refuses what was not."""

import httpx
import pytest

from services.adapters.file_store import FileAdapterStore
from services.domain.personas import GenerationSettings, PersonaSlug
from services.domain.training import Quantisation
from services.errors.outages import AnotherBaseServed
from services.language_model.asking import GenerationRequest, InferenceClient
from tests.services.serving.conftest import TOKEN, listening
from tests.services.serving.test_inference_server import MESSAGES

pytestmark = pytest.mark.slow

FIVE = GenerationSettings(max_new_tokens=5, min_new_tokens=5, repetition_penalty=1.0)


def test_adapters_of_the_same_base_in_4_bits_are_not_served(served, tmp_path):
    from services.serving.inference_engine import (  # noqa: PLC0415 - loads torch
        InferenceEngine,
        load_adapters,
        load_base_model,
    )
    from tests.services.language_model.forcing import write_forcing_adapter  # noqa: PLC0415

    base = load_base_model(str(served.base_folder), revision="main", quantisation=Quantisation.NONE)
    store = FileAdapterStore(f"file://{tmp_path / 'store'}")
    store.begin()
    names = {}
    for number, (letter, held, digest) in enumerate(
        [
            ("Q", "nf4, double quantisation, bf16 compute", served.engine.base.digest),
            ("P", "none, bf16", base.digest),
        ]
    ):
        names[letter] = store.publish(
            write_forcing_adapter(tmp_path / letter, served.base_folder, letter=letter),
            persona=PersonaSlug("pirate"),
            number=number + 1,
            provenance={"base_model": "base", "base_digest": digest, "quantisation": held},
        ).name
    engine = InferenceEngine(
        base, load_adapters(base, store, cache=tmp_path / "cache"), batch_size=2, queue_limit=9
    )
    with listening(engine) as url:
        client = InferenceClient(url, token=TOKEN)
        assert client.generate(GenerationRequest(names["P"], MESSAGES, FIVE, 1)).text == "PPPPP"
        with pytest.raises(
            AnotherBaseServed, match=r"quantisation nf4.* holds .*quantisation none.*BASE_QUANTISATION"
        ):
            client.generate(GenerationRequest(names["Q"], MESSAGES, FIVE, 1))
        assert httpx.get(f"{url}/healthz").json()["quantisation"] == "none"
    assert httpx.get(f"{served.url}/healthz").json()["quantisation"] == "nf4"
