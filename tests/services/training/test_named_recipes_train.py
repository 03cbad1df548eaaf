"""Every named recipe trains a few steps on a tiny random base of its architecture, and loads again whole."""

import json
import math

import pytest
import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import PhiConfig

from services.adapters.file_store import FileAdapterStore
from services.domain.personas import PersonaSlug
from services.domain.progress import Progress
from services.domain.training import Quantisation, Recipe
from services.language_model.loading import load_base, load_tokenizer
from services.serving.adapters_in_memory import AdaptersInMemory
from services.serving.inference_engine import load_base_model
from services.training.qlora import QloraTrainer
from services.training.recipe import compose_recipe
from services.training.stages import prepare_stages
from services.training.trainer import TrainingJob
from services.training.validation_losses import answer_loss
from tests.services.training.architectures import architecture
from tests.services.training.conftest import ROWS, make_pair, make_row, write_rows
from tests.services.training.named_recipes import BASES
from tests.services.training.tiny_base import write_base

pytestmark = pytest.mark.nightly

FEWER_STEPS = (
    "training.epochs=1",
    "training.gradient_accumulation_steps=1",
    "training.checkpoint_steps=2",
    "training.logging_steps=1",
    f"training.max_examples={ROWS - 4}",
)


@pytest.mark.parametrize("name", BASES)
def test_a_named_recipe_trains_on_its_architecture_and_its_adapter_loads_whole(name, tmp_path):
    base = tmp_path / BASES[name].folder_name
    texts = [json.dumps(make_pair(index)) for index in range(ROWS)]
    write_base(base, texts, architecture(BASES[name].architecture))
    rows = write_rows(tmp_path / "rows.jsonl", [make_row(index) for index in range(ROWS)])
    recipe = _recipe(name, str(base))
    reports = []

    trained = QloraTrainer().train(TrainingJob(rows, recipe, tmp_path / "work"), progress=reports.append)

    [stage] = trained.stages
    assert stage.steps >= 3
    assert stage.dropped_rows == 4
    assert sum(isinstance(report, Progress) for report in reports) == stage.steps
    assert bool(stage.evaluations) is (recipe.training.validation_share > 0)
    with safe_open(trained.folder / "adapter_model.safetensors", "pt") as file:
        stored = set(file.keys())
    loaded = PeftModel.from_pretrained(
        load_base(str(base), revision="main", attention="eager", quantisation=Quantisation.NF4),
        trained.folder,
    )
    assert set(get_peft_model_state_dict(loaded)) == stored
    assert all(weight.any() for name, weight in loaded.named_parameters() if "lora_B" in name)
    learnt, before = _losses(loaded, TrainingJob(rows, recipe, tmp_path))
    assert learnt < before
    new_rows = {name for name in stored if name.endswith("trainable_tokens_delta")}
    assert len(new_rows) == bool(recipe.model.new_tokens)
    assert len(stored - new_rows) == 2 * 2 * _modules_in_a_layer(recipe.lora.target_modules)


def test_phi2_learns_the_embeddings_of_its_new_tokens_and_is_served_with_them(tmp_path):
    """With all that the recipe asks for: recomputed activations, validation and previews beside it."""
    base = tmp_path / "phi-2"
    write_base(base, [json.dumps(make_pair(index)) for index in range(ROWS)], PhiConfig)
    rows = write_rows(tmp_path / "rows.jsonl", [make_row(index) for index in range(ROWS)])
    recipe = _recipe("phi2_oasst", str(base))

    trained = QloraTrainer().train(TrainingJob(rows, recipe, tmp_path / "work"), progress=lambda _: None)

    [stage] = trained.stages
    assert all(one.previews and math.isfinite(one.loss) for one in stage.evaluations)
    ids = list(trained.new_tokens.values())
    weights = load_file(trained.folder / "adapter_model.safetensors")
    [delta] = [weight for name, weight in weights.items() if name.endswith("trainable_tokens_delta")]
    before = load_file(base / "model.safetensors")["model.embed_tokens.weight"]
    assert all((delta - before[ids].float()).abs().amax(dim=1) > 0)
    served = load_base_model(str(base), revision="main", quantisation=Quantisation.NF4).model
    learnt = PeftModel.from_pretrained(
        load_base(str(base), revision="main", attention="eager", quantisation=Quantisation.NF4),
        trained.folder,
    ).eval()
    after = learnt.get_input_embeddings()(torch.arange(len(before)))
    assert (after != before).any(dim=1).nonzero().flatten().tolist() == ids
    store = FileAdapterStore(f"file://{tmp_path / 'store'}")
    store.begin()
    name = store.publish(trained.folder, persona=PersonaSlug("tutor"), number=1, provenance={}).name
    adapters = AdaptersInMemory(served, store, base_digest="any", cache=tmp_path / "cache", capacity=1)
    given = torch.tensor([[*ids, 7, 8, 9]] * 2)
    with adapters.active(name) as model, torch.inference_mode():
        assert model(given).logits.equal(learnt(given).logits)


def _recipe(name: str, base: str) -> Recipe:
    """With few rows a small validation share would be none; one in ten is two or three of them."""
    asked = compose_recipe(name, FEWER_STEPS, base_model=base, base_revision="main")
    share = ["training.validation_share=0.1"] if asked.training.validation_share else []
    return compose_recipe(name, [*FEWER_STEPS, *share], base_model=base, base_revision="main")


def _losses(adapted: PeftModel, job: TrainingJob) -> tuple[float, float]:
    """Of the rows that were learnt from, with the adapter and without."""
    model = job.recipe.model
    tokenizer = load_tokenizer(model.name, revision="main", new_tokens=model.new_tokens)
    [stage] = prepare_stages(job, tokenizer)
    adapted.eval()
    with torch.inference_mode():
        learnt = answer_loss(adapted, stage.rows)
        with adapted.disable_adapter():
            return learnt, answer_loss(adapted, stage.rows)


def _modules_in_a_layer(target_modules: tuple[str, ...]) -> int:
    """Of the two layers, and of the two matrices a module; all linear layers of Phi-3 are four."""
    return 4 if target_modules == ("all-linear",) else len(target_modules)
