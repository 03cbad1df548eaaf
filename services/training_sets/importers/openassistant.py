"""OpenAssistant's message trees, as published (JSONL, packed or not): https://arxiv.org/abs/2304.07327

The best ranked reply to each turn of a person is a demonstration; replies of different rank are comparisons;
the conversation so far is the context. Messages that were deleted, failed their review or count as spam are
left out with all that answers them. Replies without a rank order nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import BinaryIO

from services.domain.conversation import Question, in_language
from services.domain.feedback import Choice
from services.domain.personas import DEFAULT_AUDIENCE, DEFAULT_DOMAIN
from services.errors.tree import InvalidInput
from services.training_sets.importers.json_rows import read_json
from services.training_sets.importers.records import ImportedComparison, ImportedExample, Read, Record
from services.training_sets.importers.rows import Fields, Reading, parse_rows
from services.training_sets.importers.turns import Turn, asked, turn

_RATER = "ranking"  # the published rank is one for all who ranked
_SPAM = 0.5  # share of the labellers who say so


@dataclass(frozen=True, slots=True)
class _Node:
    """A message that counts, with those before it and itself."""

    turns: tuple[Turn, ...]
    rank: int | None
    replies: Sequence[object]
    language: str


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_json(file), _parse, reading)


def _parse(fields: Fields, reading: Reading) -> Iterator[Record]:
    if "prompt" not in fields:
        raise InvalidInput("there is no prompt: a line is one tree of messages")
    waiting = [node for node in (_node(fields["prompt"], (), reading.language),) if node]
    while waiting:
        node = waiting.pop()
        replies = [
            reply for reply in (_node(one, node.turns, node.language) for one in node.replies) if reply
        ]
        waiting.extend(reversed(replies))
        if node.turns[-1].speaker == "User":
            yield from _records(node, [reply for reply in replies if reply.turns[-1].speaker == "Assistant"])


def _records(node: _Node, replies: Sequence[_Node]) -> Iterator[Record]:
    text, context = asked(node.turns)
    question = Question(text, DEFAULT_DOMAIN, in_language(DEFAULT_AUDIENCE, node.language), context)
    ranked = sorted(
        ((reply.rank, reply.turns[-1].text) for reply in replies if reply.rank is not None),
        key=lambda pair: pair[0],
    )
    if len(replies) == 1:
        yield ImportedExample(question, replies[0].turns[-1].text)
    elif ranked:
        yield ImportedExample(question, ranked[0][1])
    for (better_rank, better), (worse_rank, worse) in combinations(ranked, 2):
        if better_rank < worse_rank and better != worse:
            yield ImportedComparison(question, better, worse, Choice.LEFT, _RATER)


def _node(message: object, before: tuple[Turn, ...], language: str) -> _Node | None:
    """The message, unless it does not count; raises InvalidInput for one that is none."""
    if not isinstance(message, dict):
        raise InvalidInput("a message is not an object")
    if message.get("deleted") or message.get("review_result") is False or _is_spam(message.get("labels")):
        return None
    rank, replies = message.get("rank"), message.get("replies") or []
    if not isinstance(rank, int | None) or not isinstance(replies, list):
        raise InvalidInput("a message's rank or replies are not what they should be")
    return _Node(
        turns=(*before, turn(message.get("role"), message.get("text"))),
        rank=rank,
        replies=replies,
        language=str(message.get("lang") or language),
    )


def _is_spam(labels: object) -> bool:
    """Labels are {"spam": {"value": share, "count": n}, …}."""
    spam = labels.get("spam") if isinstance(labels, dict) else None
    value = spam.get("value") if isinstance(spam, dict) else None
    return isinstance(value, int | float) and value >= _SPAM
