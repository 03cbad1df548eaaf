"""The losses that validation goes by: the objectives' own, on rows that were kept out (torch).

A sum below is the log-probability of a whole answer. Preferences are about ratios of such sums to those of
the adapter that the stage began with.
"""

from collections.abc import Iterator, Sequence

import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy, logsigmoid
from torch.nn.utils.rnn import pad_sequence

from services.domain.training import Objective
from services.language_model.machine import device
from services.training.dataset import IGNORED, Tokenised, TokenisedJudgement, TokenisedPair, TokenisedRow
from services.training.scoring_task import ScoringTask

_BATCH = 8


def answer_loss(model: PeftModel, rows: Sequence[TokenisedRow]) -> float:
    """Cross-entropy a token of the answers, the token that ends them included."""
    total = -sum(losses.sum().item() for losses in _log_probabilities(model, rows))
    return total / sum(row.supervised_tokens for row in rows)


def answer_sums(model: PeftModel, task: ScoringTask) -> torch.Tensor:
    """[2, rows]: of chosen and rejected answers, or of unpaired ones and those of another prompt."""
    return torch.stack([_sums(model, _sequences(task.rows, side)) for side in (0, 1)])


def preference_loss(task: ScoringTask, ratios: torch.Tensor) -> float:
    """DPO's or KTO's loss of the rows, from [2, rows] of log-ratios to the reference."""
    if task.objective is Objective.DPO:
        return _pair_loss(task.beta * (ratios[0] - ratios[1]), task.label_smoothing)
    desirable = torch.tensor([isinstance(row, TokenisedJudgement) and row.label for row in task.rows])
    return _judgement_loss(task.beta * ratios[0], task.beta * ratios[1], desirable)


def _pair_loss(margins: torch.Tensor, smoothing: float) -> float:
    """The robust loss of Chowdhury et al. (2024), which without smoothing is the plain one."""
    right, wrong = -logsigmoid(margins), -logsigmoid(-margins)
    return ((1 - smoothing) * right - smoothing * wrong).mean().item() / (1 - 2 * smoothing)


def _judgement_loss(rewards: torch.Tensor, mismatched: torch.Tensor, desirable: torch.Tensor) -> float:
    """KTO's, with one distance from the reference for all rows; each class that is there counts alike."""
    distance = mismatched.mean().clamp(min=0)
    losses = 1 - torch.sigmoid(torch.where(desirable, rewards - distance, distance - rewards))
    classes = [losses[kind] for kind in (desirable, ~desirable) if kind.any()]
    return torch.stack([one.mean() for one in classes]).mean().item()


def _sequences(rows: Sequence[Tokenised], side: int) -> list[TokenisedRow]:
    """Prompt and answer of each row, none longer than the longest row."""
    longest = max(row.length for row in rows)
    answers = [_answer(row, side) for row in rows]
    if side and isinstance(rows[0], TokenisedJudgement):
        answers = [answers[-1], *answers[:-1]]
    return [
        TokenisedRow(
            [*row.prompt_ids, *answer][:longest], [*[IGNORED] * len(row.prompt_ids), *answer][:longest]
        )
        for row, answer in zip(rows, answers, strict=True)
    ]


def _answer(row: Tokenised, side: int) -> list[int]:
    match row:
        case TokenisedPair():
            return row.rejected_ids if side else row.chosen_ids
        case TokenisedJudgement():
            return row.completion_ids
        case TokenisedRow():
            return [label for label in row.labels if label != IGNORED]


def _sums(model: PeftModel, rows: Sequence[TokenisedRow]) -> torch.Tensor:
    tokens = torch.cat(list(_log_probabilities(model, rows))).cpu()
    counts = torch.tensor([row.supervised_tokens for row in rows])
    of_row = torch.arange(len(rows)).repeat_interleave(counts)
    return torch.zeros(len(rows)).index_add_(0, of_row, tokens)


def _log_probabilities(model: PeftModel, rows: Sequence[TokenisedRow]) -> Iterator[torch.Tensor]:
    """Of the supervised tokens of batch after batch, row by row."""
    for first in range(0, len(rows), _BATCH):
        batch = rows[first : first + _BATCH]
        inputs = _padded([row.input_ids for row in batch], 0)
        mask = _padded([[1] * row.length for row in batch], 0)
        targets = _padded([row.labels for row in batch], IGNORED)[:, 1:]
        logits = model(input_ids=inputs, attention_mask=mask, use_cache=False).logits[:, :-1]
        supervised = targets != IGNORED
        yield -cross_entropy(logits[supervised].float(), targets[supervised], reduction="none")


def _padded(rows: Sequence[list[int]], value: int) -> torch.Tensor:
    tensors = [torch.tensor(row) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=value).to(device())
