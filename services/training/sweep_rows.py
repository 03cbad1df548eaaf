"""The rows of a sweep: some prompts of a frozen set are kept out of every training, to score them all alike.

They are not the persona's held-out questions: those judge what will serve, and who chooses settings by them
would have seen the examination before it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.errors.training import NothingToLearn
from services.training.rows import DemonstrationLine, Line, PairLine, UnpairedLine, read_lines

HELD_SHARE = 0.15  # of the prompts


@dataclass(frozen=True, slots=True)
class SweepRows:
    """`learnt` is a file of rows as in a set; `kept_out` are the answers that are scored."""

    learnt: Path
    kept_out: tuple[DemonstrationLine, ...]


def keep_out(rows: Path, into: Path) -> SweepRows:
    """Split by a hash of the prompt, all rows of one prompt together; NothingToLearn for too few prompts.

    Scored are the demonstrations kept out, or where there are none, the better answers of pairs and the
    desirable ones.
    """
    lines = list(read_lines(rows))
    ordered = sorted({_prompt(line) for line in lines})
    held = set(ordered[: round(HELD_SHARE * len(ordered))])
    kept_out = _answers([line for line in lines if _prompt(line) in held])
    if not kept_out:
        raise NothingToLearn(f"{len(ordered)} prompts are too few to keep some out and compare by them")
    texts = rows.read_text(encoding="utf-8").split("\n")
    into.mkdir(parents=True, exist_ok=True)
    learnt = into / "rows.jsonl"
    learnt.write_text(
        "".join(f"{text}\n" for text, line in zip(texts, lines, strict=False) if _prompt(line) not in held),
        encoding="utf-8",
    )
    return SweepRows(learnt, kept_out)


def _prompt(line: Line) -> str:
    return hashlib.sha256(repr(line.messages).encode()).hexdigest()


def _answers(lines: Sequence[Line]) -> tuple[DemonstrationLine, ...]:
    demonstrations = tuple(line for line in lines if isinstance(line, DemonstrationLine))
    if demonstrations:
        return demonstrations
    return tuple(
        DemonstrationLine(line.messages, line.chosen if isinstance(line, PairLine) else line.completion)
        for line in lines
        if isinstance(line, PairLine) or (isinstance(line, UnpairedLine) and line.label)
    )
