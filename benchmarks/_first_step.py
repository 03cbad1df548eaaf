"""Time to the first training step in a cold process, part by part, with and without a base kept in 4 bits.

A process of its own (`_cold_start`) takes the times; files are in the system's cache, as after the first run
they are. The embedded base is too small to be kept, so a larger one of random weights, measured once, shows
what keeping gains.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks._night_rows import Night
from benchmarks._table import Row
from benchmarks.gpu import write_base

ROUNDS = 3
# 160 million parameters; one row a batch, as two cores take minutes for eight.
SIZES = {
    "hidden_size": 768,
    "intermediate_size": 3_072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 12,
}
ONE_ROW = ("training.batch_size=1",)


def first_step_rows(night: Night) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        rows = night.write(Path(folder) / "rows.jsonl")
        told = [_cold(night.base, rows, Path(folder) / "kept") for _ in range(ROUNDS)]
        larger = Path(folder) / "larger"
        write_base(larger, **SIZES)
        anew, kept = (_cold(str(larger), rows, Path(folder) / "cache", ONE_ROW) for _ in range(2))
    return [
        *(Row(f"to the first step, seconds: {part}", median(one[part] for one in told)) for part in told[0]),
        *(
            Row(f"160 million parameters, kept in 4 bits, and not yet; seconds: {part}", seconds, anew[part])
            for part, seconds in kept.items()
        ),
    ]


def _cold(base: str, rows: Path, cache: Path, overrides: Sequence[str] = ()) -> dict[str, float]:
    """Seconds by part and together."""
    command = [sys.executable, "-m", "benchmarks._cold_start", base, str(rows), str(cache), *overrides]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    parts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return parts | {"together": sum(parts.values())}
