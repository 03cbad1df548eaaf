"""Generates answers and scores given ones, in batches of rows that share one model (torch).

Which adapter is active is the caller's business; rows here are token ids, made by `rendering`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList

from services.domain.personas import GenerationSettings
from services.language_model.sampling import RowWiseChoice, RowWiseLength
from services.language_model.stopping import Decode, RowWiseStop
from services.language_model.telling import Listener, RowWiseTelling

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class PromptRow:
    prompt: tuple[int, ...]
    settings: GenerationSettings
    seed: int
    stop: tuple[str, ...] = ()
    told: Listener | None = None


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """Newly generated ids without the end token, with those that spell the stop string where one ended them.

    `ended` is False when the maximum length cut them.
    """

    tokens: tuple[int, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """A prompt and the completion whose tokens are to be scored after it."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]


def generate_batch(
    model: PreTrainedModel, rows: Sequence[PromptRow], *, end_ids: Sequence[int], pad_id: int, decode: Decode
) -> list[AnswerRow]:
    """One answer per row, in order.

    Each row stops at a token of `end_ids`, once a stop string of its own is spelt, or at its maximum length.
    """
    batch = _at_least_two(rows)
    settings = [row.settings for row in batch]
    prompts, mask = _pad_left([row.prompt for row in batch], pad_id, model.device)
    choice = RowWiseChoice(
        settings, [row.seed for row in batch], prompts=prompts, prompt_mask=mask, end_ids=end_ids
    )
    least = [row.min_new_tokens for row in settings]
    telling = RowWiseTelling([row.told for row in rows], width=prompts.shape[1])
    stop = RowWiseStop([row.stop for row in batch], least, width=prompts.shape[1], decode=decode)
    with torch.inference_mode():
        output = model.generate(
            input_ids=prompts,
            attention_mask=mask,
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=max(row.max_new_tokens for row in settings),
                eos_token_id=list(end_ids),
                pad_token_id=pad_id,
            ),
            logits_processor=LogitsProcessorList([choice]),
            stopping_criteria=StoppingCriteriaList([RowWiseLength(settings, prompts=prompts), stop, telling]),
        )
    new_tokens = cast("list[list[int]]", output[:, prompts.shape[1] :].tolist())
    return [
        _cut(tokens, row.settings.max_new_tokens, frozenset(end_ids), stopped=stop.lengths.get(place))
        for place, (tokens, row) in enumerate(zip(new_tokens, rows, strict=False))
    ]


def score_batch(model: PreTrainedModel, rows: Sequence[ScoredRow], *, pad_id: int) -> list[tuple[float, ...]]:
    """Natural-log probability of every completion token of every row, in order."""
    batch = _at_least_two(rows)
    ids, mask = _pad_left([row.prompt + row.completion for row in batch], pad_id, model.device)
    longest = max(len(row.completion) for row in batch)
    with torch.inference_mode():
        # Only the logits that predict completions are made: all of them would not fit for large vocabularies.
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            logits_to_keep=longest + 1,
        ).logits[:, :-1]
        targets = ids[:, -longest:].unsqueeze(-1)
        chosen = logits.gather(-1, targets).squeeze(-1).float() - logits.float().logsumexp(dim=-1)
    values = cast("list[list[float]]", chosen.tolist())
    return [
        tuple(row_values[longest - len(row.completion) :])
        for row_values, row in zip(values, rows, strict=False)
    ]


def _at_least_two(rows: Sequence[_Row]) -> list[_Row]:
    """The rows, a single one doubled: 4-bit CPU kernels compute a batch of one differently."""
    return list(rows) * 2 if len(rows) == 1 else list(rows)


def _pad_left(
    rows: Sequence[tuple[int, ...]], pad_id: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, both [rows, longest row]."""
    width = max(len(row) for row in rows)
    ids = [[pad_id] * (width - len(row)) + list(row) for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _cut(tokens: Sequence[int], most: int, end_ids: frozenset[int], *, stopped: int | None) -> AnswerRow:
    kept = tokens[: most if stopped is None else stopped]
    for place, token in enumerate(kept):
        if token in end_ids:
            return AnswerRow(tuple(kept[:place]), ended=True)
    return AnswerRow(tuple(kept), ended=stopped is not None)
