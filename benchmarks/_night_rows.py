"""One night's rows for the training benchmarks: the demo's own corrections, or a persona's file."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.demo.corrections import better_answer
from services.demo.personas import TUTOR_TEMPLATE
from services.demo.raters import plan_raters
from services.domain.conversation import Question, build_messages
from services.language_model.loading import load_tokenizer
from services.settings import ROOT
from services.training.dataset import TokenisedRow, tokenise_demonstration
from services.training.rows import DemonstrationLine

SEED = 1
HELD_OUT = 0.15
TEMPLATE = "Be in character."
FILES = ("captain_codebeard.jsonl", "captain_codebeard_generated.jsonl")


@dataclass(frozen=True, slots=True)
class Night:
    """Rows to learn and to judge by, of different prompts, for one base."""

    name: str
    base: str
    learnt: Sequence[DemonstrationLine]
    held_out: Sequence[DemonstrationLine]

    def tokenised(self, lines: Sequence[DemonstrationLine]) -> list[TokenisedRow]:
        tokenizer = load_tokenizer(self.base, revision="main")
        return [tokenise_demonstration(line, tokenizer, chat_template="") for line in lines]

    def write(self, path: Path) -> Path:
        """The rows to learn, as a frozen set holds them."""
        lines = [
            {
                "kind": "demonstration",
                "messages": [{"role": one.role, "content": one.content} for one in line.messages],
                "completion": line.completion,
            }
            for line in self.learnt
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path


def demo_night() -> Night:
    """The embedded base and the corrections that the demo's raters write."""
    lines = [
        DemonstrationLine(
            build_messages(
                TUTOR_TEMPLATE, Question(inquiry.question, inquiry.entry.fact.domain, rater.taste.audience)
            ),
            better_answer(
                inquiry.entry, inquiry.phrasing, rater.taste.audience, seed=SEED, rater=rater.number
            ).text,
        )
        for rater in plan_raters(SEED)
        for inquiry in rater.inquiries
    ]
    return _split("embedded base", str(ROOT / "base_model"), lines)


def persona_night(base: Path, folder: Path, *, longest: int) -> Night:
    """A base of its own and the rows of a persona's files that it can read whole, each prompt once."""
    answers: dict[str, str] = {}
    for name in FILES:
        with (folder / name).open(encoding="utf-8") as texts:  # not splitlines(): they may hold others
            for text in texts:
                record = json.loads(text)
                answers.setdefault(record["instruction"], record["output"])
    lines = [
        DemonstrationLine(build_messages(TEMPLATE, Question(asked, "code", "student")), answer)
        for asked, answer in answers.items()
    ]
    whole = Night("", str(base), lines, ())
    fitting = [line for line, row in zip(lines, whole.tokenised(lines), strict=True) if row.length <= longest]
    return _split("260K model", str(base), fitting)


def _split(name: str, base: str, lines: Sequence[DemonstrationLine]) -> Night:
    ordered = sorted(lines, key=lambda line: hashlib.sha256(line.messages[-1].content.encode()).digest())
    prompts = list(dict.fromkeys(line.messages[-1].content for line in ordered))
    held = set(prompts[: round(HELD_OUT * len(prompts))])
    return Night(
        name,
        base,
        [line for line in ordered if line.messages[-1].content not in held],
        [line for line in ordered if line.messages[-1].content in held],
    )
