"""The frozen suites that every persona is asked, whatever it is for: general ability and safety.

A line of `frozen/*.jsonl` holds `key`, `question`, `context`, and two answers of about one length: the
`better` and the `worse`. A key is "general/units/004": its suite, its kind and its place. Reports made before
and after a change of these files are never compared, so a change is told by a new digest in DIGESTS.
"""

import json
from functools import cache
from pathlib import Path

from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import DEFAULT_AUDIENCE, DEFAULT_DOMAIN

FOLDER = Path(__file__).parent / "frozen"

# SHA-256 (hex) of each suite's file.
DIGESTS = {
    ItemSource.GENERAL: "60aadd61c9281ce24948de0f658ce2ce599d29ef1fb790bae2474b871eb1554a",
    ItemSource.SAFETY: "b96fbeaf12cd91875ef337d758493e31558b1ec445dfc0ce0138df808d905f68",
}


@cache
def frozen_items() -> tuple[Item, ...]:
    """Both suites in the order of their files.

    They are asked as somebody asks who names neither a domain nor an audience. The kind is not named as the
    domain: a prompt that calls the model an expert in flattery would itself ask for some.
    """
    return tuple(item for source in DIGESTS for item in _read(source))


def kind_of(item: Item) -> str:
    """What a frozen item tests: "units", "refusal"."""
    return item.key.split("/")[1]


def _read(source: ItemSource) -> tuple[Item, ...]:
    with (FOLDER / f"{source}.jsonl").open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return tuple(
        Item(
            key=record["key"],
            source=source,
            question=Question(record["question"], DEFAULT_DOMAIN, DEFAULT_AUDIENCE, record["context"]),
            reference=record["better"],
            answer_key="",
            rejected=record["worse"],
        )
        for record in records
    )
