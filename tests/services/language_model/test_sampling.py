import pytest
import torch

from services.domain.personas import GenerationSettings
from services.language_model.sampling import RowWiseChoice, RowWiseLength

GREEDY = GenerationSettings(do_sample=False, min_new_tokens=0, repetition_penalty=1.0)
END = 3
LOGITS = [2.0, 1.0, 0.5, 0.0]


def choose(settings, seeds=None, *, prompt=(0,), mask=None, generated=0, logits=LOGITS):
    """The token every row chooses after `generated` new tokens (all of them id 2) of this prompt."""
    seeds = seeds or [0] * len(settings)
    prompts = torch.tensor([prompt] * len(settings))
    masks = torch.tensor([mask or [1] * len(prompt)] * len(settings))
    choice = RowWiseChoice(settings, seeds, prompts=prompts, prompt_mask=masks, end_ids=[END])
    so_far = torch.cat([prompts, torch.full((len(settings), generated), 2)], dim=1)
    return choice(so_far, torch.tensor([logits] * len(settings))).argmax(dim=-1).tolist()


def test_a_greedy_row_takes_the_likeliest_token():
    assert choose([GREEDY]) == [0]


def test_the_repetition_penalty_counts_prompt_and_answer_but_not_padding():
    strict = GenerationSettings(do_sample=False, min_new_tokens=0, repetition_penalty=2.0)
    assert choose([strict], prompt=(0, 0), mask=[1, 1], logits=[2.0, 1.5, 0.5, 0.0]) == [1]
    assert choose([strict], prompt=(0, 1), mask=[0, 1], logits=[2.0, 1.5, 0.5, 0.0]) == [0]
    assert choose([strict], prompt=(0,), generated=1, logits=[0.1, 0.2, 0.35, 0.0]) == [1]


def test_a_negative_logit_of_a_seen_token_is_pushed_down_too():
    strict = GenerationSettings(do_sample=False, min_new_tokens=0, repetition_penalty=2.0)
    assert choose([strict], prompt=(0,), logits=[-1.0, -1.5, -9.0, -9.0]) == [1]


def test_a_row_cannot_end_before_its_own_minimum_length():
    patient = GenerationSettings(do_sample=False, min_new_tokens=2, repetition_penalty=1.0)
    ending = [0.0, 1.0, 0.5, 5.0]
    assert choose([patient, GREEDY], generated=1, logits=ending) == [1, END]
    assert choose([patient, GREEDY], generated=2, logits=ending) == [END, END]


def test_samples_follow_the_softmax_of_the_logits_at_the_rows_temperature():
    rows = 4000
    warm = GenerationSettings(min_new_tokens=0, temperature=2.0, top_p=1.0, repetition_penalty=1.0)
    chosen = torch.tensor(choose([warm] * rows, list(range(rows))))
    shares = torch.bincount(chosen, minlength=4) / rows
    expected = (torch.tensor(LOGITS) / 2.0).softmax(dim=-1)
    assert torch.allclose(shares, expected, atol=0.03)


def test_top_p_leaves_out_what_lies_beyond_the_nucleus():
    # Probabilities are 0.58, 0.21, 0.13, 0.08: two tokens reach 0.7.
    narrow = GenerationSettings(min_new_tokens=0, temperature=1.0, top_p=0.7, repetition_penalty=1.0)
    assert set(choose([narrow] * 500, list(range(500)))) == {0, 1}


def test_a_nucleus_wider_than_usual_is_kept_whole():
    # A thousand equal tokens: 0.9 of the probability is 900 of them.
    wide = GenerationSettings(min_new_tokens=0, temperature=1.0, top_p=0.9, repetition_penalty=1.0)
    prompts = torch.zeros(1, 1, dtype=torch.long)
    choice = RowWiseChoice([wide], [0], prompts=prompts, prompt_mask=prompts + 1, end_ids=[END])
    assert choice(prompts, torch.zeros(1, 1000)).isfinite().sum() == pytest.approx(900, abs=2)


def test_the_likeliest_token_survives_the_narrowest_nucleus():
    narrowest = GenerationSettings(min_new_tokens=0, temperature=5.0, top_p=1e-6, repetition_penalty=1.0)
    assert set(choose([narrowest] * 50, list(range(50)))) == {0}


def test_a_rows_sample_depends_on_its_seed_and_not_on_its_neighbours():
    hot = GenerationSettings(min_new_tokens=0, temperature=5.0, top_p=1.0, repetition_penalty=1.0)
    alone = [choose([hot], [seed])[0] for seed in range(20)]
    assert choose([hot] * 20, list(range(20))) == alone
    assert choose([GREEDY, *[hot] * 20], [7, *range(20)])[1:] == alone
    assert len(set(alone)) > 1


def test_each_row_is_done_at_its_own_maximum_length():
    short = GenerationSettings(max_new_tokens=2, min_new_tokens=0)
    long = GenerationSettings(max_new_tokens=3, min_new_tokens=0)
    length = RowWiseLength([short, long], prompts=torch.zeros(2, 4))
    assert length(torch.zeros(2, 6), torch.zeros(2, 1)).tolist() == [True, False]
    assert length(torch.zeros(2, 7), torch.zeros(2, 1)).tolist() == [True, True]
