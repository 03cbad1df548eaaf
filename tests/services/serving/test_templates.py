"""Plain base and adapters are asked alike, and as training showed it, also where a base ships no template."""

import json

import pytest

from services.adapters.file_store import FileAdapterStore
from services.domain.conversation import Question, build_messages
from services.domain.personas import GenerationSettings, PersonaSlug
from services.domain.training import Quantisation
from services.language_model.asking import BASE_NAME, GenerationRequest
from services.training.recipe import compose_recipe

FEW = GenerationSettings(max_new_tokens=2, min_new_tokens=0, do_sample=False)
MESSAGES = build_messages("You know {domain}, for a {audience}.", Question("Why?", "physics", "student"))


@pytest.fixture(scope="module", params=["phi-2", "unheard-of"])
def bare_base(request, tmp_path_factory):
    """A folder of a base without a chat template, under a name that is known and under one that is not."""
    from tests.services.language_model.forcing import write_forcible_base  # noqa: PLC0415 - loads torch

    folder = write_forcible_base(tmp_path_factory.mktemp("bare") / request.param)
    (folder / "chat_template.jinja").unlink()
    return folder


def learnt_prompt(folder, rows_file):
    """The ids a trainer shows before the answer, by the recipe that belongs to the base."""
    from services.language_model.loading import load_tokenizer  # noqa: PLC0415 - loads torch
    from services.training.dataset import IGNORED, tokenise_demonstration  # noqa: PLC0415
    from services.training.rows import read_lines  # noqa: PLC0415

    recipe = compose_recipe("default", [], base_model=str(folder), base_revision="main")
    record = {
        "messages": [{"role": one.role, "content": one.content} for one in MESSAGES],
        "completion": "Light.",
    }
    rows_file.write_text(json.dumps(record) + "\n")
    tokenizer = load_tokenizer(str(folder), revision="main")
    [line] = read_lines(rows_file)
    row = tokenise_demonstration(line, tokenizer, chat_template=recipe.model.chat_template)
    prompt = [token for token, label in zip(row.input_ids, row.labels, strict=True) if label == IGNORED]
    return prompt, tokenizer.decode(prompt), recipe.model.chat_template


def test_version_0_and_an_adapter_get_the_prompt_of_training(bare_base, tmp_path):
    from services.serving.inference_engine import (  # noqa: PLC0415 - loads torch
        InferenceEngine,
        load_adapters,
        load_base_model,
    )
    from tests.services.language_model.forcing import write_forcing_adapter  # noqa: PLC0415

    learnt, text, template = learnt_prompt(bare_base, tmp_path / "rows.jsonl")
    store = FileAdapterStore(f"file://{tmp_path / 'store'}")
    store.begin()
    adapter = store.publish(
        write_forcing_adapter(tmp_path / "trained", bare_base, letter="A"),
        persona=PersonaSlug("pirate"),
        number=1,
        provenance={"chat_template": template},
    )
    base = load_base_model(str(bare_base), revision="main", quantisation=Quantisation.NF4)
    engine = InferenceEngine(
        base, load_adapters(base, store, cache=tmp_path / "cache"), batch_size=2, queue_limit=2
    )
    fed = []
    base.model.model.embed_tokens.register_forward_pre_hook(
        lambda _, inputs: fed.append(inputs[0][0].tolist())
    )
    for name in (BASE_NAME, adapter.name):
        fed.clear()
        engine.generate(GenerationRequest(name, MESSAGES, FEW, seed=1)).result(60)
        assert fed[0] == learnt
    engine.stop()
    asked_as_documented = text == "You know physics, for a student.\nInstruct: Question:\nWhy?\nOutput:\n"
    assert asked_as_documented == (bare_base.name == "phi-2")
