"""(torch) What the embedded base model reached: it is asked the whole bank, in 4 bits, as the product asks.

Metrics and loading are the product's own. Run it in a process that trains nothing on the same model.
"""

import itertools
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from services.demo.question_bank import Fact, facts
from services.domain.conversation import Question, build_messages
from services.domain.personas import AUDIENCES, DEFAULT_SYSTEM_TEMPLATE, GenerationSettings
from services.domain.training import Quantisation
from services.evaluation.metrics.overlap import fact_hit
from services.evaluation.metrics.style import style_hit
from services.language_model.loading import load_base, load_tokenizer
from services.language_model.rendering import render_prompt

logger = logging.getLogger(__name__)

BATCH_ROWS = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """A bank question for one audience, and what the model answered."""

    fact: Fact
    question: Question
    answer: str
    ended: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """Shares between 0 and 1 over all answers; `ended` counts answers that came to their own end."""

    answers: int
    fact_hit: float
    style_hit: float
    ended: float
    mean_words: float


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Figures over the whole bank: greedy in every phrasing; sampled, one phrasing a fact, by turns."""
    torch.manual_seed(0)
    every = [(fact, text) for fact in facts() for text in fact.questions]
    by_turns = [(fact, fact.questions[number % 3]) for number, fact in enumerate(facts())]
    found = {}
    for name, questions, sample in (("greedy", every, False), ("sampled", by_turns, True)):
        found[name] = asdict(summarise(list(ask(folder, questions, GenerationSettings(do_sample=sample)))))
        logger.info("%s: %s", name, found[name])
    return found


def ask(folder: Path, questions: list[tuple[Fact, str]], settings: GenerationSettings) -> Iterator[Asked]:
    """The answers to these questions; the audiences take turns."""
    tokenizer = load_tokenizer(str(folder), revision="main")
    model = load_base(str(folder), revision="main", attention="auto", quantisation=Quantisation.NF4).eval()
    audiences = itertools.cycle(AUDIENCES)
    asked = [(fact, Question(text, fact.domain, next(audiences))) for fact, text in questions]
    for start in range(0, len(asked), BATCH_ROWS):
        rows = asked[start : start + BATCH_ROWS]
        answers = _generate(model, tokenizer, [question for _, question in rows], settings)
        for (fact, question), (answer, ended) in zip(rows, answers, strict=True):
            yield Asked(fact, question, answer, ended)


def summarise(asked: list[Asked]) -> Reached:
    """Means over the answers, by the product's metrics."""
    count = len(asked)
    return Reached(
        answers=count,
        fact_hit=round(sum(fact_hit(one.answer, one.fact.answer_key) for one in asked) / count, 4),
        style_hit=round(
            sum(style_hit(one.answer, one.question.audience, markers=()) for one in asked) / count, 4
        ),
        ended=round(sum(one.ended for one in asked) / count, 4),
        mean_words=round(sum(len(one.answer.split()) for one in asked) / count, 1),
    )


def _generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: list[Question],
    settings: GenerationSettings,
) -> list[tuple[str, bool]]:
    """Answer text and whether it ended by itself, for one batch padded on the left."""
    prompts = [
        render_prompt(tokenizer, build_messages(DEFAULT_SYSTEM_TEMPLATE, question), chat_template="")
        for question in questions
    ]
    batch = tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt")
    chosen = asdict(settings)
    if not settings.do_sample:
        del chosen["temperature"], chosen["top_p"]
    with torch.inference_mode():
        tokens = model.generate(**batch.to(model.device), **chosen)
    new = tokens[:, batch["input_ids"].shape[1] :]
    texts = tokenizer.batch_decode(new, skip_special_tokens=True)
    stops = torch.tensor(model.generation_config.eos_token_id)
    ended = torch.isin(new, stops).any(dim=1).tolist()
    return [(text.strip(), bool(done)) for text, done in zip(texts, ended, strict=True)]
