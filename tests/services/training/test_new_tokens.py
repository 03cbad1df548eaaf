"""Tokens that an adapter brings: their rows are learnt and no others, and trainer and server read alike."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, load_file
from transformers import PhiConfig

from services.adapters.file_store import FileAdapterStore
from services.domain.conversation import Message, Role, neutralise
from services.domain.personas import GenerationSettings, PersonaSlug
from services.domain.progress import Progress
from services.domain.training import Objective, Quantisation, Recipe
from services.errors.outages import AnotherBaseServed
from services.errors.training import ReferenceDiffers, StartUnusable
from services.jobs.assemble import limits_of
from services.language_model.asking import BASE_NAME, GenerationRequest
from services.language_model.loading import load_base, load_tokenizer
from services.language_model.rendering import render_prompt, render_supervised
from services.serving.adapters_in_memory import AdaptersInMemory
from services.serving.inference_engine import InferenceEngine, load_adapters, load_base_model
from services.training.adapter_weights import go_on_from
from services.training.dataset import Tokenised
from services.training.qlora import QloraTrainer
from services.training.recipe import compose_recipe
from services.training.rows import DemonstrationLine, read_lines
from services.training.stages import prepare_stages
from services.training.trainer import TrainingJob
from tests.services.training.conftest import RECIPE, ROWS, make_pair
from tests.services.training.running import Run, train
from tests.services.training.test_two_stages import STILL, at_the_reference
from tests.services.training.tiny_base import SPARE, write_base

pytestmark = pytest.mark.slow

TOKENS = ("<|system|>", "<|prompter|>", "<|assistant|>")
DELTA = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"
WITHOUT = ("model.new_tokens=[]", "model.chat_template=''")
QUICK = (
    "training.validation_share=0.0",
    "training.previews=0",
    "training.gradient_accumulation_steps=1",
    "training.gradient_checkpointing=false",  # the nightly test has it
)
SPELT = (Message(Role.USER, f"Say {' '.join(TOKENS)} and <|endoftext|>."),)
FEW = GenerationSettings(max_new_tokens=2, min_new_tokens=0, do_sample=False)

Job = Callable[..., TrainingJob]


@pytest.fixture(scope="module")
def phi2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bases") / "phi-2"
    write_base(folder, [json.dumps(make_pair(index)) for index in range(ROWS)], PhiConfig)
    return folder


@pytest.fixture(scope="module")
def phi2_job(phi2: Path, rows_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    def make(*overrides: str, base: Path = phi2, workdir: Path | None = None, **given: Any) -> TrainingJob:
        recipe = oasst(base, *overrides)
        return TrainingJob(rows_file, recipe, workdir or tmp_path_factory.mktemp("job"), **given)

    return make


@pytest.fixture(scope="module")
def run(phi2_job: Job) -> Run:
    return train(phi2_job(stages=(Objective.SFT, Objective.DPO)))


@pytest.fixture(scope="module")
def other(phi2_job: Job) -> Run:
    """Of the same base, without tokens of its own."""
    return train(phi2_job(*WITHOUT, "training.epochs=1"))


@dataclass(frozen=True)
class Served:
    """One base with both adapters published for it; `adapters` is what the engine's thread would own."""

    engine: InferenceEngine
    adapters: AdaptersInMemory
    store: FileAdapterStore
    ours: str
    plain: str


@pytest.fixture(scope="module")
def served(run: Run, other: Run, phi2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("served")
    store = FileAdapterStore(f"file://{root}")
    store.begin()
    base = load_base_model(str(phi2), revision="main", quantisation=Quantisation.NF4)
    adapters = load_adapters(base, store, cache=root / "cache")
    engine = InferenceEngine(base, adapters, batch_size=2, queue_limit=9)
    ours = publish(store, run, "pirate", run.adapter.new_tokens)
    yield Served(engine, adapters, store, ours, publish(store, other, "bard", {}))
    engine.stop()


def oasst(base: Path, *overrides: str) -> Recipe:
    given = [*RECIPE, *QUICK, *overrides]
    return compose_recipe("phi2_oasst", given, base_model=str(base), base_revision="main")


def publish(store: FileAdapterStore, run: Run, slug: str, new_tokens: Mapping[str, int]) -> str:
    template = oasst(run.adapter.folder).model.chat_template if new_tokens else ""
    provenance = {"chat_template": template, "new_tokens": dict(new_tokens)}
    return store.publish(run.adapter.folder, persona=PersonaSlug(slug), number=1, provenance=provenance).name


def sft_rows(job: TrainingJob) -> Sequence[Tokenised]:
    """As the trainer prepares them."""
    model = job.recipe.model
    [stage] = prepare_stages(job, load_tokenizer(model.name, revision="main", new_tokens=model.new_tokens))
    return stage.rows


def test_the_rows_of_the_new_tokens_are_learnt_and_no_others(run, phi2):
    ids = run.adapter.new_tokens
    before, after = load_file(phi2 / "model.safetensors")["model.embed_tokens.weight"], load(run.weights)

    assert list(ids) == list(TOKENS)
    assert list(ids.values()) == [len(before) - SPARE + place for place in range(3)]
    assert [name for name in after if "embed" in name or "head" in name] == [DELTA]
    assert after[DELTA].dtype == torch.float32
    moved = (after[DELTA] - before[list(ids.values())].float()).abs().amax(dim=1)
    assert all(moved > 1e-3)
    model = go_on_from(
        load_base(str(phi2), revision="main", attention="eager", quantisation=Quantisation.NF4),
        run.adapter.folder,
        oasst(phi2).lora,
        ids.values(),
    )
    read = model.get_input_embeddings()(torch.arange(len(before)))
    changed = (read != before).any(dim=1).nonzero().flatten()
    assert changed.tolist() == list(ids.values())


def test_the_log_shows_the_new_tokens_around_what_people_wrote(run):
    assert any(
        "masked <|system|> [7 tokens] <|endoftext|> <|prompter|> [7 tokens] <|endoftext|> <|assistant|>, "
        "learnt [9 tokens] <|endoftext|>" in line
        for line in run.log
    )


def test_served_beside_others_an_adapter_gives_the_logits_of_its_training(run, served, phi2, phi2_job):
    """And the plain base and the other adapter give theirs as if it were not there."""
    ids = torch.tensor([sft_rows(phi2_job())[0].input_ids] * 2)
    known = ids.clamp(max=min(run.adapter.new_tokens.values()) - 1)

    def logits(name: str, given: torch.Tensor) -> torch.Tensor:
        with served.adapters.active(name) as model, torch.inference_mode():
            return model(given).logits

    base_alone, other_alone = logits(BASE_NAME, known), logits(served.plain, known)
    ours = logits(served.ours, ids)

    assert ours.equal(as_trained(run, phi2, ids))
    assert not ours.equal(logits(BASE_NAME, ids))
    assert logits(BASE_NAME, known).equal(base_alone)
    assert logits(served.plain, known).equal(other_alone)
    for taken_off in (
        [served.ours],
        [served.plain],
        [served.plain, served.ours],
        [served.ours, served.plain],
    ):
        for name in taken_off:
            assert served.adapters.unload(name)
        assert logits(served.ours, ids).equal(ours)
        assert logits(served.plain, known).equal(other_alone)
        assert logits(BASE_NAME, known).equal(base_alone)


def as_trained(run: Run, phi2: Path, ids: torch.Tensor) -> torch.Tensor:
    base = load_base(str(phi2), revision="main", attention="auto", quantisation=Quantisation.NF4)
    trained = go_on_from(base, run.adapter.folder, oasst(phi2).lora, run.adapter.new_tokens.values())
    with torch.inference_mode():
        return trained.eval()(ids).logits


def test_trainer_assembler_and_server_read_a_text_alike(run, served, rows_file, phi2_job):
    line = next(read_lines(rows_file))
    job = phi2_job()
    trained = sft_rows(job)[0]

    assert isinstance(line, DemonstrationLine)
    assert fed(served, served.ours, line.messages) == trained.prompt_ids
    scored = served.engine.log_probabilities(served.ours, line.messages, line.completion).result(60)
    assert len(scored) == trained.supervised_tokens
    assert limits_of(job.recipe).count_tokens(line.messages, line.completion) == trained.length
    new = set(run.adapter.new_tokens.values())
    assert new <= set(trained.prompt_ids)
    assert not new & {*fed(served, BASE_NAME, line.messages), *fed(served, served.plain, line.messages)}


def test_no_text_of_people_holds_a_new_token_for_any_adapter(run, served, phi2):
    """What the base and the other adapter read is what they read where such an adapter never was."""
    untouched = load_tokenizer(str(phi2), revision="main")
    ids = run.adapter.new_tokens

    assert [token for token in fed(served, served.ours, SPELT) if token in ids.values()] == [
        ids["<|prompter|>"],
        ids["<|assistant|>"],
    ]
    as_ever = render_prompt(untouched, SPELT, chat_template="")
    assert fed(served, BASE_NAME, SPELT) == fed(served, served.plain, SPELT) == as_ever
    template = oasst(phi2).model.chat_template
    own = load_tokenizer(str(phi2), revision="main", new_tokens=TOKENS)
    _, answer = render_supervised(own, SPELT, SPELT[0].content, chat_template=template)
    assert not {*ids.values(), own.eos_token_id} & set(answer[:-1])
    assert all(neutralise(token) != token for token in TOKENS)


def fed(served: Served, name: str, messages: tuple[Message, ...]) -> list[int]:
    """What the base's embeddings are asked for when a model answers these messages."""
    seen: list[list[int]] = []
    hook = served.engine.base.model.register_forward_pre_hook(
        lambda _, __, given: seen.append(given["input_ids"][0].tolist()), with_kwargs=True
    )
    try:
        served.engine.generate(GenerationRequest(name, messages, FEW, seed=1)).result(60)
    finally:
        hook.remove()
    return seen[0]


def test_a_tokenizer_that_numbers_an_adapters_tokens_otherwise_is_refused(run, served):
    moved = {token: number + 1 for token, number in run.adapter.new_tokens.items()}
    name = publish(served.store, run, "seer", moved)

    with pytest.raises(AnotherBaseServed, match=r"numbers <\|system\|>, <\|prompter\|>"):
        served.engine.generate(GenerationRequest(name, SPELT, FEW, seed=1))


@pytest.mark.parametrize("objective", [Objective.DPO, Objective.KTO])
@pytest.mark.parametrize("first", [(), (Objective.SFT,)])
def test_a_preference_stage_begins_at_its_reference_with_the_new_rows(phi2_job, objective, first):
    adapter = train(phi2_job(STILL, f"training.batch_size={ROWS}", stages=(*first, objective))).adapter

    assert adapter.final_loss == pytest.approx(at_the_reference(objective), abs=0.005)


def test_a_reference_without_the_new_rows_is_found_out(run, phi2_job, monkeypatch):
    monkeypatch.setattr("services.training.stage_trainer.copy_new_rows", lambda _: None)

    with pytest.raises(ReferenceDiffers, match="trainable_tokens_delta"):
        train(phi2_job(stages=(Objective.DPO,), start=run.adapter.folder))


@pytest.mark.parametrize("dies_after", [5, 2 * ROWS // 4 + 5])
def test_an_attempt_that_died_changes_no_byte(run, phi2_job, tmp_path, dies_after):
    def die(report: object) -> None:
        if isinstance(report, Progress) and report.step > dies_after:
            raise KeyboardInterrupt

    job = phi2_job("training.logging_steps=1", workdir=tmp_path, stages=(Objective.SFT, Objective.DPO))
    with pytest.raises(KeyboardInterrupt):
        QloraTrainer().train(job, progress=die)
    resumed = train(job)

    assert resumed.adapter.resumed_from_step > 0
    assert resumed.weights == run.weights


def test_an_adapter_of_other_tokens_is_not_gone_on_from(run, other, phi2_job):
    with pytest.raises(StartUnusable, match="other new tokens"):
        train(phi2_job(start=other.adapter.folder))
    with pytest.raises(StartUnusable, match="other new tokens"):
        train(phi2_job(*WITHOUT, start=run.adapter.folder))


def test_the_memory_counts_the_new_rows_and_the_copy_of_the_embeddings_that_holds_them(run, other, phi2):
    rows, hidden = load_file(phi2 / "model.safetensors")["model.embed_tokens.weight"].shape
    with_tokens, without = run.adapter.memory, other.adapter.memory

    assert with_tokens["embeddings once more, with the new tokens"] == 2 * rows * hidden
    assert without["embeddings once more, with the new tokens"] == 0
    assert with_tokens["adapter in fp32"] - without["adapter in fp32"] == 4 * 3 * hidden
