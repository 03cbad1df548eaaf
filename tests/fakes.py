"""Fakes at the three seams, each standing in for a Protocol: Trainer, Generator, AdapterStore."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
from safetensors.numpy import save_file

from services.domain.conversation import Message
from services.domain.fingerprint import ServerFacts
from services.domain.progress import Progress, TrainingReport
from services.domain.training import HalfPrecision, ModelRecipe, Objective, StageResult, TrainedAdapter
from services.errors.artifacts import AdapterCorrupt
from services.errors.outages import AnotherBaseServed
from services.language_model.asking import STOPPED, Generated, GenerationRequest, Hearing
from services.training.trainer import TrainingJob

FACTS = ServerFacts("the only base", "nf4", "cpu", "1", {"torch": "2.13.0"})


@dataclass
class FakeGenerator:
    """Answers `text`, or what `by_model` says for a serving name; raises `problem` if there is one.

    `texts` go before: one for each request, in turn. The files of those in `damaged` fail their check; those
    `of_other_bases` it refuses.
    """

    text: str = "A short answer."
    by_model: dict[str, str] = field(default_factory=dict)
    problem: Exception | None = None
    meanwhile: Callable[[], object] = lambda: None  # happens while the answer is being written
    between_words: Callable[[], object] = lambda: None
    requests: list[GenerationRequest] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    server: ServerFacts = FACTS
    of_other_bases: set[str] = field(default_factory=set)

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        self.requests.append(request)
        self.meanwhile()
        if self.problem is not None:
            raise self.problem
        self._check_base(request.model)
        if request.model in self.damaged:
            raise AdapterCorrupt(request.model, "a flipped byte")
        text = self.texts.pop(0) if self.texts else self.by_model.get(request.model, self.text)
        told = self._told(text, heard) if heard else text
        return Generated(
            text=told,
            finish_reason="stop" if told == text else STOPPED,
            prompt_tokens=len(request.messages),
            completion_tokens=len(told.split()),
        )

    def _told(self, text: str, heard: Hearing) -> str:
        """Word by word, each before `between_words` happens."""
        told = ""
        for word in re.findall(r"\s*\S+\s*$|\s*\S+", text):
            told += word
            if not heard(word):
                break
            self.between_words()
        return told

    def facts(self) -> ServerFacts:
        return self.server

    def log_probabilities(
        self,
        model: str,
        messages: tuple[Message, ...],  # noqa: ARG002 - the Protocol's signature
        completion: str,
    ) -> tuple[float, ...]:
        if self.problem is not None:
            raise self.problem
        if model in self.damaged:
            raise AdapterCorrupt(model, "a flipped byte")
        self._check_base(model)
        return tuple(-1.0 for _ in completion.split())

    def _check_base(self, model: str) -> None:
        if model in self.of_other_bases:
            raise AnotherBaseServed(model, trained_on="another base", served=self.server.base_digest)


@dataclass
class FakeTrainer:
    """Makes a whole PEFT folder, its weights drawn from rows and recipe; raises `problem` if there is one."""

    problem: Exception | None = None
    final_loss: float = 1.0
    base: str = "the only base"
    jobs: list[TrainingJob] = field(default_factory=list)

    def base_digest(self, model: ModelRecipe) -> str:  # noqa: ARG002 - the Protocol's signature
        return self.base

    def train(self, job: TrainingJob, *, progress: Callable[[TrainingReport], None]) -> TrainedAdapter:
        self.jobs.append(job)
        if self.problem is not None:
            raise self.problem
        rows = job.rows.read_bytes()
        seed = hashlib.sha256(rows + job.recipe.digest().encode()).digest()[:8]
        weights = np.random.default_rng(int.from_bytes(seed)).standard_normal((2, 3), np.float32)
        folder = job.workdir / "adapter"
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"base_model.model.lora_A.weight": weights}, folder / "adapter_model.safetensors")
        config = {"peft_type": "LORA", **asdict(job.recipe.lora)}
        (folder / "adapter_config.json").write_text(json.dumps(config))
        progress(
            Progress(
                objective=job.stages[-1],
                stage=len(job.stages),
                step=1,
                total_steps=1,
                loss=1.0,
                tokens_per_second=100.0,
                seconds_left=0.0,
            )
        )
        return TrainedAdapter(
            folder=folder,
            base_digest=self.base,
            new_tokens={token: number for number, token in enumerate(job.recipe.model.new_tokens)},
            stages=tuple(self._stage(objective, len(rows.split())) for objective in job.stages),
            optimizer=job.recipe.training.optimizer,
            quantisation=job.recipe.model.quantisation,
            half_precision=HalfPrecision.BF16,
            memory={"base in 4 bits": 1},
            packages={"python": "3.11"},
        )

    def _stage(self, objective: Objective, tokens: int) -> StageResult:
        return StageResult(
            objective=objective,
            rows=tokens,
            dropped_rows=0,
            supervised_tokens=tokens,
            steps=1,
            resumed_from_step=0,
            seconds=1.0,
            losses=((1, self.final_loss),),
            final_loss=self.final_loss,
            concessions=(),
            stopped_early="",
            evaluations=(),
            peak_bytes=1,
        )
