"""A base whose tokenizer has no pad token is trained and served like any other; its end of text stays one."""

import json
import shutil
from dataclasses import replace

import pytest

from services.adapters.file_store import FileAdapterStore
from services.domain.conversation import Message, Role
from services.domain.personas import GenerationSettings, PersonaSlug
from services.domain.training import Objective, Quantisation
from services.errors.artifacts import BaseModelMissing
from services.language_model.asking import GenerationRequest
from services.language_model.loading import load_tokenizer
from services.serving.inference_engine import InferenceEngine, load_adapters, load_base_model
from tests.services.training.running import train

pytestmark = pytest.mark.slow


def without(base, folder, *tokens):
    shutil.copytree(base, folder)
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({key: value for key, value in config.items() if key not in tokens}))
    return folder


def test_all_objectives_learn_and_the_adapter_answers(job, base, tmp_path):
    folder = without(base, tmp_path / "base", "pad_token")
    assert "pad_token" not in json.loads((folder / "tokenizer_config.json").read_text())
    assert load_tokenizer(str(folder), revision="main").pad_token == "<|endoftext|>"
    wanted = job(
        "training.epochs=1", "preference.epochs=1", stages=(Objective.SFT, Objective.DPO, Objective.KTO)
    )
    model = replace(wanted.recipe.model, name=str(folder))
    trained = train(replace(wanted, recipe=replace(wanted.recipe, model=model))).adapter
    assert [stage.steps > 0 for stage in trained.stages] == [True, True, True]

    store = FileAdapterStore(f"file://{tmp_path / 'store'}")
    store.begin()
    name = store.publish(
        trained.folder,
        persona=PersonaSlug("pirate"),
        number=1,
        provenance={"base_digest": trained.base_digest},
    ).name
    served = load_base_model(str(folder), revision="main", quantisation=Quantisation.NF4)
    engine = InferenceEngine(
        served, load_adapters(served, store, cache=tmp_path / "cache"), batch_size=2, queue_limit=4
    )
    asks = [
        GenerationRequest(
            name,
            (Message(Role.USER, text),),
            GenerationSettings(max_new_tokens=3, min_new_tokens=1, do_sample=False),
            1,
        )
        for text in ("Why?", "Why does light bend in water and at sea?")
    ]
    futures = [engine.generate(ask) for ask in asks]
    assert all(future.result(120).completion_tokens for future in futures)
    engine.stop()


def test_a_tokenizer_with_nothing_to_pad_with_is_named(base, tmp_path):
    folder = without(base, tmp_path / "base", "pad_token", "eos_token")

    with pytest.raises(BaseModelMissing, match="no token to pad with"):
        load_tokenizer(str(folder), revision="main")
