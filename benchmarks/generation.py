"""Answers a second: the inference server's batches against one prompt at a time, as the source documents ask.

    python -m benchmarks.generation [FOLDER]

FOLDER holds tiny_lm_stories260K/hf_mlp192; without it the embedded base alone is measured. Both ways use one
model in one process, take turns, and write answers of one length under the documents' sampling settings. How
many greedy answers differ between batches of two sizes stands below.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, cast

from benchmarks._table import Bar, Relation, Row, report
from services.adapters.file_store import FileAdapterStore
from services.demo.question_bank import facts
from services.domain.conversation import Message, Question, build_messages
from services.domain.personas import DEFAULT_SYSTEM_TEMPLATE, GenerationSettings
from services.domain.training import Quantisation
from services.language_model.asking import BASE_NAME, Generated, GenerationRequest
from services.settings import ROOT

if TYPE_CHECKING:
    from services.serving.inference_engine import InferenceEngine, LoadedBase

NAME = "generation"
ROUNDS = 3
PROMPTS = 64
ALONE = 8  # prompts that are asked one at a time in a round
TOKENS = 60
BATCH = 32
SMALL = 2  # the server never runs less
REAL = "tiny_lm_stories260K/hf_mlp192"
DOCUMENTS = GenerationSettings(
    max_new_tokens=TOKENS, min_new_tokens=TOKENS, temperature=0.8, top_p=0.95, repetition_penalty=1.1
)
GREEDY = replace(DOCUMENTS, do_sample=False)
Prompt = tuple[Message, ...]


def main(arguments: Sequence[str]) -> int:
    bases = {"embedded base": ROOT / "base_model"}
    if arguments:
        bases["260K model"] = Path(arguments[0]) / REAL
    rows = [row for name, folder in bases.items() for row in _measure(name, folder)]
    report(NAME, rows)
    return 0 if all(row.met is not False for row in rows) else 1


def _measure(name: str, folder: Path) -> list[Row]:
    from services.serving.inference_engine import (  # noqa: PLC0415  (torch: seconds)
        InferenceEngine,
        load_adapters,
        load_base_model,
    )

    base = load_base_model(str(folder), revision="main", quantisation=Quantisation.NF4)
    asked = [
        build_messages(DEFAULT_SYSTEM_TEMPLATE, Question(fact.questions[0], fact.domain, "student"))
        for fact in facts()[:PROMPTS]
    ]
    with tempfile.TemporaryDirectory() as folder_of_none:
        store = FileAdapterStore(f"file://{folder_of_none}")

        def engine(batch_size: int) -> InferenceEngine:
            adapters = load_adapters(base, store, cache=Path(folder_of_none))
            return InferenceEngine(base, adapters, batch_size=batch_size, queue_limit=PROMPTS)

        large, small = engine(BATCH), engine(SMALL)
        rates = [(_in_batches(large, asked), _one_at_a_time(base, asked[:ALONE])) for _ in range(ROUNDS)]
        texts = [_texts(large, asked), _texts(small, asked), _texts(large, asked[::-1])[::-1]]
        alone = [_alone(base, prompt, do_sample=False) for prompt in asked[:ALONE]]
        large.stop()
        small.stop()
    ours, theirs = (median(rate[way] for rate in rates) for way in (0, 1))
    faster = median(batched / alone for batched, alone in rates)
    return [
        Row(f"{name}: answers of {TOKENS} tokens a second", ours, theirs),
        Row(f"{name}: times one at a time", faster, bar=Bar(Relation.AT_LEAST, 10.0)),
        Row(
            f"{name}: greedy answers that differ between batches of {BATCH} and of {SMALL}",
            _differing(texts[0], texts[1]),
        ),
        Row(f"{name}: that differ in the opposite order", _differing(texts[0], texts[2])),
        Row(
            f"{name}: that differ between a batch of {BATCH} and one at a time",
            _differing(texts[0][:ALONE], alone),
        ),
    ]


def _in_batches(engine: "InferenceEngine", asked: Sequence[Prompt]) -> float:
    """Answers a second, all prompts waiting at once."""
    began = time.monotonic()
    futures = [
        engine.generate(GenerationRequest(BASE_NAME, prompt, DOCUMENTS, seed))
        for seed, prompt in enumerate(asked)
    ]
    for future in futures:
        future.result()
    return len(asked) / (time.monotonic() - began)


def _one_at_a_time(base: "LoadedBase", asked: Sequence[Prompt]) -> float:
    """Answers a second of `model.generate` with a batch of one."""
    sampling: dict[str, float] = {
        "do_sample": True,
        "temperature": DOCUMENTS.temperature,
        "top_p": DOCUMENTS.top_p,
    }
    began = time.monotonic()
    for prompt in asked:
        _alone(base, prompt, **sampling)
    return len(asked) / (time.monotonic() - began)


def _alone(base: "LoadedBase", prompt: Prompt, **sampling: float) -> str:
    import torch  # noqa: PLC0415

    from services.language_model.rendering import render_prompt  # noqa: PLC0415

    ids = torch.tensor([render_prompt(base.tokenizer, prompt, chat_template="")])
    written = base.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=TOKENS,
        min_new_tokens=TOKENS,
        repetition_penalty=DOCUMENTS.repetition_penalty,
        eos_token_id=list(base.end_ids),
        pad_token_id=base.pad_id,
        **sampling,
    )
    return str(base.tokenizer.decode(written[0][ids.shape[1] :], skip_special_tokens=True)).strip()


def _texts(engine: "InferenceEngine", asked: Sequence[Prompt]) -> list[str]:
    futures = [engine.generate(GenerationRequest(BASE_NAME, prompt, GREEDY, 0)) for prompt in asked]
    return [cast("Generated", future.result()).text for future in futures]


def _differing(one: Sequence[str], other: Sequence[str]) -> float:
    return sum(left != right for left, right in zip(one, other, strict=True)) / len(one)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
