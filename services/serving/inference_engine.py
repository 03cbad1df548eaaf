"""One 4-bit base, many adapters, one thread: from messages to answers and log-probabilities (torch).

Calls may come from any thread; they return futures. HTTP is `inference_server`'s.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from services.adapters.store import AdapterStore
from services.domain.conversation import Message
from services.domain.fingerprint import Golden, storable
from services.domain.golden import GOLDEN
from services.domain.personas import GenerationSettings
from services.domain.training import Quantisation
from services.errors.artifacts import BaseModelMissing
from services.errors.inputs import TextTooLong
from services.errors.tree import InvalidInput
from services.language_model.asking import BASE_NAME, Generated, GenerationRequest, Hearing
from services.language_model.base_digest import base_digest
from services.language_model.generating import AnswerRow, PromptRow, ScoredRow, generate_batch, score_batch
from services.language_model.loading import context_length, load_base, load_tokenizer
from services.language_model.machine import usable_quantisation
from services.language_model.rendering import end_token_id
from services.language_model.stopping import Decode, find_stop
from services.serving.adapters_in_memory import AdaptersInMemory
from services.serving.as_evaluated import check_answers
from services.serving.batching import Batcher
from services.serving.server_facts import server_facts
from services.serving.spelling import Spelling
from services.serving.tokenizing import Tokenizing

ADAPTERS_IN_MEMORY = 64
LONGEST_BATCH_S = 600.0  # then it counts as stuck; a full one takes minutes on a slow processor


class _Kind(StrEnum):
    GENERATE = "generate"
    SCORE = "score"
    LOAD = "load"
    UNLOAD = "unload"


@dataclass(frozen=True, slots=True)
class LoadedBase:
    """A loaded base with what generation needs to know about it; `digest` names what is held."""

    name: str
    digest: str
    quantisation: Quantisation
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    end_ids: tuple[int, ...]
    pad_id: int
    context_length: int


_Group = tuple[_Kind, str]
_Work = PromptRow | ScoredRow | None
_Result = Generated | tuple[float, ...] | bool


class InferenceEngine:
    """Owns the model; `stop` ends its thread."""

    def __init__(
        self, base: LoadedBase, adapters: AdaptersInMemory, *, batch_size: int, queue_limit: int
    ) -> None:
        self.base = base
        self.facts = server_facts(base.digest, base.quantisation, base.model.device)
        self._adapters = adapters
        self._changed: set[str] = set()
        self._tokenizing = Tokenizing(base.tokenizer, adapters.provenance)
        self._batcher: Batcher[_Group, _Work, _Result] = Batcher(
            self._run, batch_size=batch_size, queue_limit=queue_limit
        )

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Future[_Result]:
        """A future Generated; TextTooLong at once when prompt and answer do not fit the context.

        `heard` is called on the model's thread and must not wait; once it has enough the answer is cut.
        """
        prompt = self._tokenizing.prompt(request.model, request.messages)
        self._check_room(len(prompt), request.settings.max_new_tokens)
        told = self._spelling(request, heard) if heard else None
        row = PromptRow(tuple(prompt), request.settings, request.seed, request.stop, told)
        return self._batcher.submit((_Kind.GENERATE, request.model), row)

    def complete(
        self, model: str, prompt: str, settings: GenerationSettings, *, seed: int, stop: tuple[str, ...] = ()
    ) -> Future[_Result]:
        """As `generate`, going on with a text: no messages and no template."""
        ids = self._tokenizing.text(model, prompt)
        self._check_room(len(ids), settings.max_new_tokens)
        return self._batcher.submit((_Kind.GENERATE, model), PromptRow(tuple(ids), settings, seed, stop))

    def log_probabilities(self, model: str, messages: Sequence[Message], completion: str) -> Future[_Result]:
        """A future tuple of natural-log probabilities, the end token's last; TextTooLong as above."""
        prompt, answer = self._tokenizing.supervised(model, messages, completion)
        self._check_room(len(prompt), len(answer))
        return self._batcher.submit((_Kind.SCORE, model), ScoredRow(tuple(prompt), tuple(answer)))

    def load(self, name: str) -> Future[_Result]:
        """A future True; its exception is what `AdaptersInMemory.load` raises, or AdapterAnswersOtherwise.

        The base is always loaded.
        """
        return self._batcher.submit((_Kind.LOAD, name), None)

    def unload(self, name: str) -> Future[_Result]:
        """A future that says whether the adapter was in memory."""
        return self._batcher.submit((_Kind.UNLOAD, name), None)

    def loaded(self) -> tuple[str, ...]:
        return self._adapters.names()

    def changed(self) -> tuple[str, ...]:
        """What is in memory and answers otherwise than when it was evaluated, as the server changed."""
        return tuple(name for name in self.loaded() if name in self._changed)

    def waiting(self) -> int:
        return self._batcher.length()

    def problem(self) -> str:
        """Why nobody is answered, empty while the model works."""
        return self._batcher.problem(patience=LONGEST_BATCH_S)

    def stop(self) -> None:
        self._batcher.stop()

    def _spelling(self, request: GenerationRequest, heard: Hearing) -> Spelling:
        return Spelling(
            partial(self._tokenizing.decode, request.model),
            end_ids=(self._tokenizing.end_id(request.model), *self.base.end_ids),
            most=request.settings.max_new_tokens,
            stops=request.stop,
            heard=heard,
        )

    def _check_room(self, prompt_tokens: int, answer_tokens: int) -> None:
        room = self.base.context_length - answer_tokens
        if room < 1:
            raise InvalidInput(
                f"An answer of {answer_tokens:,} tokens leaves no room for a prompt in a context of "
                f"{self.base.context_length:,}: ask for fewer tokens."
            )
        if prompt_tokens > room:
            raise TextTooLong("prompt", length=prompt_tokens, limit=room, unit="tokens")

    def _run(self, group: _Group, batch: Sequence[_Work]) -> Sequence[_Result]:
        """On the model's thread: one batch for one adapter."""
        kind, name = group
        if kind is _Kind.UNLOAD:
            return [self._adapters.unload(name) for _ in batch]
        if name != BASE_NAME and self._adapters.load(name):
            self._check_answers(name)
        if kind is _Kind.LOAD:
            return [True] * len(batch)
        with self._adapters.active(name) as model:
            if kind is _Kind.SCORE:
                scored = [row for row in batch if isinstance(row, ScoredRow)]
                return score_batch(model, scored, pad_id=self.base.pad_id)
            rows = [row for row in batch if isinstance(row, PromptRow)]
            return self._generate(model, rows, name=name)

    def _check_answers(self, name: str) -> None:
        """Of an adapter just loaded, before it answers anybody; one that answers otherwise leaves memory."""
        try:
            if check_answers(name, self.facts, self._adapters.expected, self._golden):
                self._changed.add(name)
            else:
                self._changed.discard(name)
        except BaseException:
            self._adapters.unload(name)
            raise

    def _golden(self, name: str) -> Golden:
        supervised = [
            self._tokenizing.supervised(name, golden.messages, golden.completion) for golden in GOLDEN
        ]
        rows = [ScoredRow(tuple(prompt), tuple(answer)) for prompt, answer in supervised]
        with self._adapters.active(name) as model:
            return storable(score_batch(model, rows, pad_id=self.base.pad_id))

    def _generate(self, model: PreTrainedModel, rows: Sequence[PromptRow], *, name: str) -> list[Generated]:
        decode = partial(self._tokenizing.decode, name)
        answers = generate_batch(
            model,
            rows,
            end_ids=(self._tokenizing.end_id(name), *self.base.end_ids),
            pad_id=self.base.pad_id,
            decode=decode,
        )
        return [
            Generated(
                text=_text(row, answer, decode),
                finish_reason="stop" if answer.ended else "length",
                prompt_tokens=len(row.prompt),
                completion_tokens=len(answer.tokens),
            )
            for row, answer in zip(rows, answers, strict=True)
        ]


def _text(row: PromptRow, answer: AnswerRow, decode: Decode) -> str:
    place = find_stop(answer.tokens, row.stop, after=row.settings.min_new_tokens, decode=decode)
    return decode(answer.tokens)[:place].strip()


def load_base_model(
    name: str,
    *,
    revision: str,
    quantisation: Quantisation,
    cache: Path | None = None,
) -> LoadedBase:
    """The base ready to serve, a first batch run to see that this machine can; BaseModelMissing otherwise.

    A machine that cannot quantise holds it in half precision, with a warning. `cache` is that of `load_base`.
    """
    held = usable_quantisation(quantisation)
    tokenizer = load_tokenizer(name, revision=revision)
    model = load_base(name, revision=revision, attention="auto", quantisation=held, cache=cache).eval()
    base = LoadedBase(
        name=name,
        digest=base_digest(name, revision=revision, quantisation=held),
        quantisation=held,
        model=model,
        tokenizer=tokenizer,
        end_ids=_end_ids(model, tokenizer),
        pad_id=int(tokenizer.pad_token_id),
        context_length=context_length(model),
    )
    # What a base's own file prefers (temperature, penalties) must not mix with what a request says.
    model.generation_config = GenerationConfig()
    greedy = GenerationSettings(max_new_tokens=2, min_new_tokens=0, do_sample=False)
    row = PromptRow((base.end_ids[0],), greedy, 0)
    try:
        generate_batch(model, [row], end_ids=base.end_ids, pad_id=base.pad_id, decode=tokenizer.decode)
    except (AssertionError, RuntimeError) as error:
        reason = (
            f"4-bit inference on this processor refuses its layer sizes: {error}; "
            "BASE_QUANTISATION=none does without"
        )
        raise BaseModelMissing(name, reason) from error
    return base


def load_adapters(base: LoadedBase, store: AdapterStore, *, cache: Path) -> AdaptersInMemory:
    return AdaptersInMemory(
        base.model, store, base_digest=base.digest, cache=cache, capacity=ADAPTERS_IN_MEMORY
    )


def _end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Every token that ends an answer, the template's own first."""
    own = model.generation_config.eos_token_id
    listed = own if isinstance(own, list) else [own]
    known = [end_token_id(tokenizer, chat_template=""), *listed, tokenizer.eos_token_id]
    return tuple(dict.fromkeys(int(token) for token in known if token is not None))
