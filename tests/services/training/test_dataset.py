"""Rows become ids and labels: the served prompt masked, the answer learnt, nothing cut."""

import re

import pytest

from services.domain.conversation import Message, Role
from services.errors.training import RowsTooLong
from services.language_model.loading import load_tokenizer
from services.language_model.rendering import render_prompt
from services.training.dataset import (
    IGNORED,
    refuse_long_rows,
    show_row,
    tokenise_demonstration,
    tokenise_judgement,
    tokenise_pair,
)
from services.training.rows import DemonstrationLine, PairLine, UnpairedLine
from tests.services.training.conftest import ROWS, make_row

pytestmark = pytest.mark.slow  # imports transformers

COMPLETION = "Arr, light bends!"


@pytest.fixture(scope="module")
def tokenizer(base):
    return load_tokenizer(str(base), revision="main")


def messages_of(index):
    return tuple(Message(Role(turn["role"]), turn["content"]) for turn in make_row(index)["messages"])


def tokenised(tokenizer, index=0, completion=COMPLETION):
    line = DemonstrationLine(messages_of(index), completion)
    return tokenise_demonstration(line, tokenizer, chat_template="")


@pytest.mark.parametrize("index", range(0, ROWS, 6))
def test_the_ids_before_an_answer_are_those_the_server_feeds(tokenizer, index):
    messages = messages_of(index)
    served = render_prompt(tokenizer, messages, chat_template="")

    row = tokenised(tokenizer, index)
    assert row.input_ids[: len(served)] == served
    assert row.labels[: len(served)] == [IGNORED] * len(served)
    assert row.labels[len(served) :] == row.input_ids[len(served) :]

    pair = tokenise_pair(PairLine("pair", messages, "one", "two"), tokenizer, chat_template="")
    judgement = tokenise_judgement(
        UnpairedLine("unpaired", messages, "one", label=True), tokenizer, chat_template=""
    )
    assert pair.prompt_ids == judgement.prompt_ids == served


def test_the_answer_and_the_token_that_ends_it_are_learnt(tokenizer):
    row = tokenised(tokenizer)
    learnt = [label for label in row.labels if label != IGNORED]

    assert tokenizer.decode(learnt) == f"{COMPLETION}<|end|>"
    assert row.supervised_tokens == len(learnt)


def test_both_answers_of_a_pair_end_with_the_token_that_ends_answers(tokenizer):
    pair = tokenise_pair(PairLine("pair", messages_of(0), "one", "two"), tokenizer, chat_template="")

    assert tokenizer.decode(pair.chosen_ids) == "one<|end|>"
    assert tokenizer.decode(pair.rejected_ids) == "two<|end|>"
    assert pair.length == len(pair.prompt_ids) + max(len(pair.chosen_ids), len(pair.rejected_ids))


def numbers_taken_out(shown):
    return re.sub(r"\d+", "n", shown)


def test_a_row_is_shown_by_its_control_tokens_and_lengths_and_nobodys_text(tokenizer):
    """The log outlives the row, and others read it."""
    row = tokenised(tokenizer)
    masked, _, learnt = show_row(row, tokenizer).partition(", learnt ")

    assert masked.startswith("masked <|system|> [")
    assert masked.endswith("<|assistant|> [1 tokens]")
    assert learnt == f"[{row.supervised_tokens - 1} tokens] <|end|>"
    text = " ".join([COMPLETION, *(message.content for message in messages_of(0))])
    shown = set(re.findall(r"\w{4,}", f"{masked} {learnt}"))
    assert shown & set(re.findall(r"\w{4,}", text)) == set()


def test_a_pair_is_shown_as_one_answer_over_the_other(tokenizer):
    pair = tokenise_pair(PairLine("pair", messages_of(0), "one", "two"), tokenizer, chat_template="")

    shown = numbers_taken_out(show_row(pair, tokenizer))
    assert shown.endswith("learnt [n tokens] <|end|> over [n tokens] <|end|>")


@pytest.mark.parametrize(("label", "word"), [(True, "is desirable"), (False, "is undesirable")])
def test_a_judged_answer_is_shown_with_its_label(tokenizer, label, word):
    line = UnpairedLine("unpaired", messages_of(0), "one", label=label)

    shown = show_row(tokenise_judgement(line, tokenizer, chat_template=""), tokenizer)
    assert numbers_taken_out(shown).endswith(f"learnt [n tokens] <|end|> {word}")


def test_control_tokens_in_an_answer_are_text(tokenizer):
    row = tokenised(tokenizer, completion="one <|end|> two")
    learnt = [label for label in row.labels if label != IGNORED]

    assert learnt.count(tokenizer.convert_tokens_to_ids("<|end|>")) == 1


def test_rows_over_the_limit_are_counted(tokenizer):
    rows = [tokenised(tokenizer, index) for index in range(ROWS)]
    lengths = sorted(row.length for row in rows)

    refuse_long_rows(rows, limit=lengths[-1])
    with pytest.raises(RowsTooLong) as error:
        refuse_long_rows(rows, limit=lengths[-1] - 1)
    assert (error.value.rows, error.value.longest) == (lengths.count(lengths[-1]), lengths[-1])
