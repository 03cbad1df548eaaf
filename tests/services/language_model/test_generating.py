import pytest
import torch

from services.domain.personas import GenerationSettings
from services.domain.training import Quantisation
from services.language_model.generating import PromptRow, ScoredRow, generate_batch, score_batch
from services.language_model.loading import load_base, load_tokenizer

pytestmark = pytest.mark.slow

END, PAD = 4, 0
SAMPLED = GenerationSettings(max_new_tokens=12, min_new_tokens=12)


@pytest.fixture(scope="module")
def model(base_folder):
    return load_base(
        str(base_folder), revision="main", attention="auto", quantisation=Quantisation.NF4
    ).eval()


@pytest.fixture(scope="module")
def prompt(base_folder):
    return tuple(load_tokenizer(str(base_folder), revision="main").encode("Why is the sky blue?"))


def spell(tokens):
    """A text of its own for every token, so that a stop string can name one."""
    return "".join(f"<{token}>" for token in tokens)


def generate(model, rows):
    return generate_batch(model, rows, end_ids=[END], pad_id=PAD, decode=spell)


def test_the_base_is_in_four_bits(model):
    assert type(model.model.layers[0].mlp.down_proj).__name__ == "Linear4bit"
    state = model.model.layers[0].mlp.down_proj.weight.quant_state
    assert (state.quant_type, state.nested) == ("nf4", True)


def test_equal_seeds_give_equal_text_and_other_seeds_other_text(model, prompt):
    rows = [PromptRow(prompt, SAMPLED, seed) for seed in (1, 2)]
    first, second = generate(model, rows), generate(model, rows)
    assert first == second
    assert first[0] != first[1]


def test_every_row_has_its_own_length_whatever_its_neighbours_ask(model, prompt):
    rows = [
        PromptRow(prompt[:place], GenerationSettings(max_new_tokens=new, min_new_tokens=new), place)
        for place, new in ((2, 3), (5, 9), (4, 6))
    ]
    assert [len(answer.tokens) for answer in generate(model, rows)] == [3, 9, 6]


def test_an_answer_stops_at_the_end_token_and_leaves_it_out(model, prompt):
    greedy = GenerationSettings(max_new_tokens=6, min_new_tokens=0, do_sample=False, repetition_penalty=1.0)
    never = model.config.vocab_size - 1
    [plain] = generate_batch(model, [PromptRow(prompt, greedy, 0)], end_ids=[never], pad_id=PAD, decode=spell)
    end = plain.tokens[2]
    [cut] = generate_batch(model, [PromptRow(prompt, greedy, 0)], end_ids=[end], pad_id=PAD, decode=spell)
    assert cut.tokens == plain.tokens[: plain.tokens.index(end)]
    assert (plain.ended, cut.ended) == (False, True)


def test_a_single_row_is_computed_in_a_batch_of_two(model, prompt):
    sizes = set()
    hook = model.model.layers[0].register_forward_pre_hook(lambda _, inputs: sizes.add(inputs[0].shape[0]))
    generate(model, [PromptRow(prompt, SAMPLED, 1)])
    score_batch(model, [ScoredRow(prompt, prompt)], pad_id=PAD)
    hook.remove()
    assert sizes == {2}


def test_log_probabilities_are_those_of_a_direct_forward(model, prompt):
    rows = [ScoredRow(prompt, (20, 21, END)), ScoredRow(prompt[:3], (30, END)), ScoredRow(prompt[1:], (END,))]
    scored = score_batch(model, rows, pad_id=PAD)
    for row, values in zip(rows, scored, strict=True):
        ids = torch.tensor([row.prompt + row.completion] * 2)
        with torch.inference_mode():
            log_probabilities = model(input_ids=ids).logits[0].float().log_softmax(dim=-1)
        direct = [
            float(log_probabilities[len(row.prompt) + place - 1, token])
            for place, token in enumerate(row.completion)
        ]
        assert values == pytest.approx(direct, abs=0.05)


def test_each_row_stops_at_its_own_stop_string_and_keeps_what_it_had_said(model, prompt):
    settings = GenerationSettings(max_new_tokens=12, min_new_tokens=0)
    rows = [PromptRow(prompt, settings, seed) for seed in (1, 2, 3)]
    never = model.config.vocab_size - 1
    plain = generate_batch(model, rows, end_ids=[never], pad_id=PAD, decode=spell)
    stops = [(spell(plain[0].tokens[3:5]),), (), (spell(plain[2].tokens[6:7]), "never")]
    stopped = [PromptRow(prompt, settings, row.seed, stop) for row, stop in zip(rows, stops, strict=True)]
    first, second, third = generate_batch(model, stopped, end_ids=[never], pad_id=PAD, decode=spell)
    assert (first.tokens, first.ended) == (plain[0].tokens[:5], True)
    assert (second.tokens, second.ended) == (plain[1].tokens, False)
    assert third.ended
    assert third.tokens == plain[2].tokens[: plain[2].tokens.index(plain[2].tokens[6]) + 1]


def test_nothing_stops_a_row_before_its_minimum_length(model, prompt):
    settings = GenerationSettings(max_new_tokens=12, min_new_tokens=0)
    never = model.config.vocab_size - 1
    [plain] = generate_batch(
        model, [PromptRow(prompt, settings, 1)], end_ids=[never], pad_id=PAD, decode=spell
    )
    early = (spell(plain.tokens[:1]),)
    for least, ended in ((0, True), (1, plain.tokens[0] in plain.tokens[1:])):
        row = PromptRow(prompt, GenerationSettings(max_new_tokens=12, min_new_tokens=least), 1, early)
        [stopped] = generate_batch(model, [row], end_ids=[never], pad_id=PAD, decode=spell)
        assert stopped.ended is ended
