"""Lines of a training set as the token ids that a stage is given (torch, through the tokenizer).

The ids are those of `services.language_model.rendering`, so what is trained is what is served; they go to
the trainers as ids, and no text is rendered a second time. Nothing is ever cut: a row that does not fit is
an error here, because assembly has dropped and counted such rows before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from transformers import PreTrainedTokenizerBase

from services.errors.training import RowsTooLong
from services.language_model.rendering import render_supervised
from services.training.rows import DemonstrationLine, PairLine, UnpairedLine

IGNORED = -100


@dataclass(frozen=True, slots=True)
class TokenisedRow:
    """A demonstration. `labels` is as long as `input_ids`: the same id where loss is taken, else IGNORED."""

    input_ids: list[int]
    labels: list[int]

    @property
    def length(self) -> int:
        return len(self.input_ids)

    @property
    def supervised_tokens(self) -> int:
        return sum(label != IGNORED for label in self.labels)

    @property
    def prompt_ids(self) -> list[int]:
        return [token for token, label in zip(self.input_ids, self.labels, strict=True) if label == IGNORED]

    @property
    def end_id(self) -> int:
        """The token that ends answers, as in the other kinds of row."""
        return self.labels[-1]


@dataclass(frozen=True, slots=True)
class TokenisedPair:
    """A prompt with its better and its worse answer; each answer ends with the token that ends answers."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]

    @property
    def length(self) -> int:
        return len(self.prompt_ids) + max(len(self.chosen_ids), len(self.rejected_ids))

    @property
    def supervised_tokens(self) -> int:
        return len(self.chosen_ids) + len(self.rejected_ids)

    @property
    def end_id(self) -> int:
        return self.chosen_ids[-1]


@dataclass(frozen=True, slots=True)
class TokenisedJudgement:
    """A prompt with one answer, and whether that answer is desirable."""

    prompt_ids: list[int]
    completion_ids: list[int]
    label: bool

    @property
    def length(self) -> int:
        return len(self.prompt_ids) + len(self.completion_ids)

    @property
    def supervised_tokens(self) -> int:
        return len(self.completion_ids)

    @property
    def end_id(self) -> int:
        return self.completion_ids[-1]


Tokenised = TokenisedRow | TokenisedPair | TokenisedJudgement


def tokenise_demonstration(
    line: DemonstrationLine, tokenizer: PreTrainedTokenizerBase, *, chat_template: str
) -> TokenisedRow:
    prompt, answer = render_supervised(tokenizer, line.messages, line.completion, chat_template=chat_template)
    return TokenisedRow([*prompt, *answer], [*[IGNORED] * len(prompt), *answer])


def tokenise_pair(line: PairLine, tokenizer: PreTrainedTokenizerBase, *, chat_template: str) -> TokenisedPair:
    prompt, chosen = render_supervised(tokenizer, line.messages, line.chosen, chat_template=chat_template)
    _, rejected = render_supervised(tokenizer, line.messages, line.rejected, chat_template=chat_template)
    return TokenisedPair(prompt, chosen, rejected)


def tokenise_judgement(
    line: UnpairedLine, tokenizer: PreTrainedTokenizerBase, *, chat_template: str
) -> TokenisedJudgement:
    prompt, answer = render_supervised(tokenizer, line.messages, line.completion, chat_template=chat_template)
    return TokenisedJudgement(prompt, answer, line.label)


def refuse_long_rows(rows: Sequence[Tokenised], *, limit: int) -> None:
    """RowsTooLong when a row has more than `limit` tokens."""
    lengths = [row.length for row in rows]
    too_long = sum(length > limit for length in lengths)
    if too_long:
        raise RowsTooLong(too_long, longest=max(lengths), limit=limit)


def show_row(row: Tokenised, tokenizer: PreTrainedTokenizerBase) -> str:
    """What of a row is masked and what is learnt, as a person can check it without reading anybody's text."""

    def outline(ids: Sequence[int]) -> str:
        return _outline(ids, tokenizer)

    match row:
        case TokenisedRow():
            learnt = outline([label for label in row.labels if label != IGNORED])
        case TokenisedPair():
            learnt = f"{outline(row.chosen_ids)} over {outline(row.rejected_ids)}"
        case TokenisedJudgement():
            learnt = f"{outline(row.completion_ids)} is {'' if row.label else 'un'}desirable"
    return f"masked {outline(row.prompt_ids)}, learnt {learnt}"


def _outline(ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> str:
    """`<|user|> [12 tokens] <|end|>`: control tokens, which no person's text holds, and counts of others."""
    control = {id_: token.content for id_, token in tokenizer.added_tokens_decoder.items() if token.special}
    parts = []
    for is_control, group in groupby(ids, key=control.__contains__):
        run = list(group)
        parts.extend([control[id_] for id_ in run] if is_control else [f"[{len(run)} tokens]"])
    return " ".join(parts)
