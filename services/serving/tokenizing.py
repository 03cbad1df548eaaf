"""From messages to token ids and back, as each model learnt it: its template, and tokens of its own (torch).

How they are rendered is `language_model.rendering`'s, as in training. Any thread may ask.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from transformers import PreTrainedTokenizerBase

from services.domain.conversation import Message
from services.errors.outages import AnotherBaseServed
from services.language_model.new_tokens import ids_of, with_tokens
from services.language_model.rendering import encode_text, end_token_id, render_prompt, render_supervised


@dataclass(frozen=True, slots=True)
class _Wording:
    """`chat_template` empty means the tokenizer's own."""

    tokenizer: PreTrainedTokenizerBase
    chat_template: str


class Tokenizing:
    """`provenance` tells of a model by its serving name, and what it raises every method raises.

    They raise AnotherBaseServed, too, where this tokenizer gives a model's own tokens other ids.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, provenance: Callable[[str], Mapping[str, object]]
    ) -> None:
        self._tokenizer, self._provenance = tokenizer, provenance
        self._extended: dict[tuple[str, ...], PreTrainedTokenizerBase] = {}
        self._wordings: dict[str, _Wording] = {}
        self._borrowing = threading.Lock()  # fast tokenizers refuse two borrowers at once

    def prompt(self, model: str, messages: Sequence[Message]) -> list[int]:
        wording = self._wording(model)
        with self._borrowing:
            return render_prompt(wording.tokenizer, messages, chat_template=wording.chat_template)

    def supervised(
        self, model: str, messages: Sequence[Message], completion: str
    ) -> tuple[list[int], list[int]]:
        wording = self._wording(model)
        with self._borrowing:
            return render_supervised(
                wording.tokenizer, messages, completion, chat_template=wording.chat_template
            )

    def text(self, model: str, text: str) -> list[int]:
        wording = self._wording(model)
        with self._borrowing:
            return encode_text(wording.tokenizer, text)

    def end_id(self, model: str) -> int:
        wording = self._wording(model)
        with self._borrowing:
            return end_token_id(wording.tokenizer, chat_template=wording.chat_template)

    def decode(self, model: str, tokens: Sequence[int]) -> str:
        """Without control tokens."""
        wording = self._wording(model)
        with self._borrowing:
            return str(wording.tokenizer.decode(tokens, skip_special_tokens=True))

    def _wording(self, model: str) -> _Wording:
        """Looked up once: what a name stands for never changes."""
        if model not in self._wordings:
            learnt = self._provenance(model)
            new_tokens = cast("Mapping[str, int]", learnt.get("new_tokens", {}))
            with self._borrowing:
                tokenizer = self._with_tokens(model, new_tokens)
            self._wordings[model] = _Wording(tokenizer, str(learnt.get("chat_template", "")))
        return self._wordings[model]

    def _with_tokens(self, model: str, new_tokens: Mapping[str, int]) -> PreTrainedTokenizerBase:
        """One copy for all models with these tokens."""
        in_order = tuple(sorted(new_tokens, key=new_tokens.__getitem__))
        if in_order not in self._extended:
            self._extended[in_order] = with_tokens(self._tokenizer, in_order)
        tokenizer = self._extended[in_order]
        if ids_of(tokenizer, in_order) != new_tokens:
            trained_on = f"a base whose tokenizer numbers {', '.join(in_order)} otherwise"
            raise AnotherBaseServed(model, trained_on=trained_on, served=self._tokenizer.name_or_path)
        return tokenizer
