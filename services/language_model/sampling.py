"""Turns logits into choices row by row, for batches whose rows have their own settings and seeds (torch).

The processor ends by adding Gumbel noise, so that the argmax of a greedy decoder is a sample from the row's
distribution (the Gumbel-max trick). Noise comes from the row's own generator: a row's sample depends on its
seed and its logits, never on its neighbours.
"""

import math
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor, StoppingCriteria

from services.domain.personas import GenerationSettings

_SMALLEST = 1e-20
_NO_NOISE = math.exp(-1)  # the uniform draw whose Gumbel noise is zero
_USUAL_NUCLEUS = 256


class RowWiseChoice(LogitsProcessor):  # type: ignore[misc]  # an untyped library
    """Repetition penalty, minimum length, temperature, top-p and noise, each as the row's settings say.

    `prompts` is [rows, width] of token ids padded on the left, `prompt_mask` 1 where a token is real: padding
    is no repetition. `end_ids` are the tokens that a row may not choose before its minimum length.
    """

    def __init__(
        self,
        settings: Sequence[GenerationSettings],
        seeds: Sequence[int],
        *,
        prompts: torch.Tensor,
        prompt_mask: torch.Tensor,
        end_ids: Sequence[int],
    ) -> None:
        device = prompts.device
        self._prompts, self._prompt_mask = prompts, prompt_mask.bool()
        self._width = prompts.shape[1]
        self._end_ids = torch.tensor(list(end_ids), device=device)
        self._seen: torch.Tensor | None = None
        self._penalty = _column([row.repetition_penalty for row in settings], device)
        self._least = torch.tensor([row.min_new_tokens for row in settings], device=device)
        self._temperature = _column([row.temperature if row.do_sample else 1.0 for row in settings], device)
        self._top_p = _column([row.top_p if row.do_sample else 1.0 for row in settings], device)
        # Generators live on the CPU so that a seed means the same on every device.
        self._generators = [
            torch.Generator().manual_seed(seed) if row.do_sample else None
            for row, seed in zip(settings, seeds, strict=True)
        ]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        new_tokens = input_ids.shape[1] - self._width
        scores = scores.float()
        scores = torch.where(
            self._seen_tokens(input_ids, scores),
            torch.where(scores < 0, scores * self._penalty, scores / self._penalty),
            scores,
        )
        too_short = (self._least > new_tokens).nonzero()
        if len(too_short):
            scores[too_short, self._end_ids] = -torch.inf
        if not any(self._generators):
            return scores
        return self._nucleus(scores / self._temperature) + self._noise(scores)

    def _seen_tokens(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """[rows, vocabulary]: which tokens the row's prompt or answer holds so far."""
        if self._seen is None:
            rows, places = self._prompt_mask.nonzero(as_tuple=True)
            self._seen = torch.zeros_like(scores, dtype=torch.bool)
            self._seen[rows, self._prompts[rows, places]] = True
        if input_ids.shape[1] > self._width:
            self._seen.scatter_(1, input_ids[:, -1:], value=True)
        return self._seen

    def _nucleus(self, scores: torch.Tensor) -> torch.Tensor:
        """The smallest set of tokens whose probability reaches top_p; the likeliest always stays."""
        narrow = self._top_p < 1
        if not narrow.any():
            return scores
        vocabulary = scores.shape[1]
        log_total = scores.logsumexp(dim=-1, keepdim=True)
        # A nucleus is nearly always small, and sorting a whole vocabulary took a fifth of a step.
        for size in (min(_USUAL_NUCLEUS, vocabulary), vocabulary):
            likeliest, tokens = scores.topk(size, dim=-1)
            probabilities = (likeliest - log_total).exp()
            before = probabilities.cumsum(dim=-1) - probabilities
            if bool((before[:, -1:] >= self._top_p)[narrow].all()):
                break
        kept = likeliest.masked_fill(before >= self._top_p, -torch.inf)
        nucleus = torch.full_like(scores, -torch.inf).scatter_(1, tokens, kept)
        return torch.where(narrow, nucleus, scores)

    def _noise(self, scores: torch.Tensor) -> torch.Tensor:
        """Gumbel noise, zero for greedy rows; from uniform draws, which cost a sixth of exponential ones."""
        uniform = torch.full(scores.shape, _NO_NOISE)
        for row, generator in enumerate(self._generators):
            if generator is not None:
                uniform[row].uniform_(generator=generator).clamp_(min=_SMALLEST)
        return uniform.log_().neg_().log_().neg_().to(scores.device)


class RowWiseLength(StoppingCriteria):  # type: ignore[misc]  # an untyped library
    """A row is done when it has its own maximum of new tokens."""

    def __init__(self, settings: Sequence[GenerationSettings], *, prompts: torch.Tensor) -> None:
        self._width = prompts.shape[1]
        self._most = torch.tensor([row.max_new_tokens for row in settings], device=prompts.device)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        return self._most <= input_ids.shape[1] - self._width


def _column(values: Sequence[float], device: torch.device) -> torch.Tensor:
    return torch.tensor(values, device=device).unsqueeze(1)
