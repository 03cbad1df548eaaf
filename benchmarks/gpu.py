"""A base of Phi-3-mini's size on a GPU: the source documents' settings against ours on the same card.

    python -m benchmarks.gpu

The base has Phi-3-mini's published sizes and random weights, as nothing is fetched; so speed and memory are
measured here, and no loss. Its tokenizer is the embedded base's, whose ids are all in its vocabulary.
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks._night_rows import Night, demo_night
from benchmarks._table import RESULTS, Bar, Relation, Row, report
from benchmarks._trainee import trainee
from services.demo.question_bank import facts
from services.domain.conversation import Message, Role
from services.settings import ROOT
from services.training.rows import DemonstrationLine

NAME = "gpu"
ROUNDS = 3
ROWS = 160
READ_BEFORE = 16  # facts in the context of a question: rows of some 500 tokens, as the documents' data has
# What a card with room to spare allows; the documents' own recipe is for one of 15 GB.
OVERRIDES = (
    "training.batch_size=8",
    "training.gradient_accumulation_steps=1",
    "training.gradient_checkpointing=false",
    "lora.dropout=0",
)
_GIBIBYTE = 2**30
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def main(_: Sequence[str]) -> int:
    import torch  # noqa: PLC0415  (seconds)

    if not torch.cuda.is_available():
        print(f"{NAME} is left out: there is no GPU here.")
        return 0
    folder = RESULTS / NAME / "base"
    write_base(folder)
    try:
        rows = _measure(with_context(replace(demo_night(), name="Phi-3-mini's size", base=str(folder))))
    finally:
        shutil.rmtree(folder)
    report(NAME, rows)
    return 0


def write_base(folder: Path, **smaller: int) -> None:
    """Random weights in bf16 of Phi-3-mini-4k's configuration, 7.6 GB; `smaller` sizes are for trying it."""
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, Phi3Config  # noqa: PLC0415

    published = {
        "vocab_size": 32_064,
        "hidden_size": 3_072,
        "intermediate_size": 8_192,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "max_position_embeddings": 4_096,
        "original_max_position_embeddings": 4_096,
        "sliding_window": 2_047,
    }
    config = Phi3Config(**{**published, **smaller}, bos_token_id=0, eos_token_id=0, pad_token_id=0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    for name in _TOKENIZER:
        shutil.copyfile(ROOT / "base_model" / name, folder / name)


def with_context(night: Night) -> Night:
    """The night's first rows, each with sentences to read before its question."""
    sentences = [fact.plain_answer for fact in facts()]
    learnt = []
    for number, line in enumerate(night.learnt[:ROWS]):
        at = number * READ_BEFORE % (len(sentences) - READ_BEFORE)
        context = " ".join(sentences[at : at + READ_BEFORE])
        system, asked = line.messages
        asked = Message(Role.USER, f"Context:\n{context}\n\n{asked.content}")
        learnt.append(DemonstrationLine((system, asked), line.completion))
    return replace(night, learnt=learnt)


def _measure(night: Night) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, trainee() as one, trainee() as other:
        asked = {"base": night.base, "rows": night.write(Path(folder) / "rows.jsonl"), "recipe": "phi3_mini"}
        turns = [
            (
                one.run(**asked, way="ours", overrides=OVERRIDES, out=Path(folder) / "ours"),
                other.run(**asked, way="script", out=Path(folder) / "script"),
            )
            for _ in range(ROUNDS)
        ]
    ours, theirs = ([turn[way] for turn in turns] for way in (0, 1))
    mine, their = (median(took.seconds for took in each) for each in (ours, theirs))
    count = len(night.learnt)
    return [
        Row(f"{night.name}, {count} rows: examples a second", count / mine, count / their),
        Row("times the script's examples a second", their / mine, bar=Bar(Relation.AT_LEAST, 3.0)),
        Row(
            "peak memory on the card in the first round, GiB",
            ours[0].peak_bytes / _GIBIBYTE,
            theirs[0].peak_bytes / _GIBIBYTE,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
