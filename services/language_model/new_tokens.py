"""Tokens that an adapter brings, on rows that the embeddings of its base have to spare (torch).

Ids and checks are here; the rows are learnt and served by the library's adapters. The output head stays the
base's, so a new token marks who speaks and never ends an answer.
"""

from collections.abc import Sequence
from copy import deepcopy

from tokenizers import AddedToken
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from services.domain.training import ModelRecipe
from services.errors.inputs import InvalidRecipe
from services.language_model.rendering import end_token_id

_WITHOUT = "take another base, or model.new_tokens=[] and a model.chat_template that does without them"


def with_tokens(tokenizer: PreTrainedTokenizerBase, new_tokens: Sequence[str]) -> PreTrainedTokenizerBase:
    """A copy that has these too, as control tokens in this order after all others; the same without any."""
    if not new_tokens:
        return tokenizer
    extended = deepcopy(tokenizer)
    added = [AddedToken(token, special=True, normalized=False) for token in new_tokens]
    extended.add_tokens(added, special_tokens=True)
    return extended


def ids_of(tokenizer: PreTrainedTokenizerBase, new_tokens: Sequence[str]) -> dict[str, int]:
    """The ids of tokens that the tokenizer has, in the order given."""
    return {token: int(tokenizer.convert_tokens_to_ids(token)) for token in new_tokens}


def check_new_tokens(
    tokenizer: PreTrainedTokenizerBase, model: ModelRecipe, config: PretrainedConfig
) -> None:
    """InvalidRecipe unless each is new to the base, has a spare row, and may stand where the template has it.

    `tokenizer` is the base's own.
    """
    if not model.new_tokens:
        return
    config = config.get_text_config()
    vocabulary = tokenizer.get_vocab()
    there = [token for token in model.new_tokens if token in vocabulary]
    if there:
        raise InvalidRecipe(f"the base has {', '.join(there)} already: leave it out of model.new_tokens.")
    tokens = max(vocabulary.values()) + 1
    if tokens + len(model.new_tokens) > config.vocab_size:
        raise InvalidRecipe(
            f"the base's {config.vocab_size:,} embeddings and {tokens:,} tokens leave no room for the "
            f"{len(model.new_tokens)} of model.new_tokens: {_WITHOUT}."
        )
    if config.tie_word_embeddings:
        raise InvalidRecipe(
            f"the base writes with the embeddings that it reads with, and those would change: {_WITHOUT}."
        )
    extended = with_tokens(tokenizer, model.new_tokens)
    if end_token_id(extended, chat_template=model.chat_template) >= tokens:
        raise InvalidRecipe(
            "model.chat_template closes an answer with one of model.new_tokens, which cannot be learnt to be "
            "written: close it with eos_token."
        )
