"""Time to the first training step in a cold process, part by part (torch).

`python -m benchmarks._first_step BASE ROWS` prints what each part took as JSON, in a process that has loaded
nothing yet; files are in the system's cache, as after the first run they are.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks._night_rows import Night
from benchmarks._table import Row

ROUNDS = 3


def first_step_rows(night: Night) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        rows = night.write(Path(folder) / "rows.jsonl")
        command = [sys.executable, "-m", "benchmarks._first_step", night.base, str(rows)]
        told = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
            for _ in range(ROUNDS)
        ]
    parts = {part: median(one[part] for one in told) for part in told[0]}
    return [
        *(Row(f"to the first step, seconds: {part}", seconds) for part, seconds in parts.items()),
        Row("to the first step, seconds: together", sum(parts.values())),
    ]


def _parts(base: str, rows: Path) -> dict[str, float]:
    """Seconds of each part of a training, in its order, until its first step is done."""
    marks = [("", time.monotonic())]

    def done(part: str) -> None:
        marks.append((part, time.monotonic()))

    from services.domain.progress import Progress, TrainingReport  # noqa: PLC0415  (imports are measured)
    from services.domain.training import Objective  # noqa: PLC0415
    from services.training import qlora, stage_trainer  # noqa: PLC0415
    from services.training.recipe import compose_recipe  # noqa: PLC0415
    from services.training.trainer import TrainingJob  # noqa: PLC0415

    done("imports")
    recipe = compose_recipe(
        "embedded",
        ["training.epochs=0.01", "training.logging_steps=1"],
        base_model=base,
        base_revision="main",
    )
    with tempfile.TemporaryDirectory() as workdir:
        job = TrainingJob(rows=rows, recipe=recipe, workdir=Path(workdir), stages=(Objective.SFT,))
        for module, name, part in (
            (qlora, "load_tokenizer", "tokeniser"),
            (qlora, "prepare_stages", "tokenising and checking the rows"),
            (qlora, "refuse_what_cannot_fit", "memory estimate"),
            (qlora, "load_base", "quantised load"),
            (stage_trainer, "set_in_fp32", "the library's trainer"),
        ):
            _mark(module, name, partial(done, part))

        def follow(report: TrainingReport) -> None:
            if isinstance(report, Progress):
                done("first step")

        qlora.QloraTrainer().train(job, progress=follow)
    seconds: dict[str, float] = {}
    for (_, before), (part, after) in pairwise(marks):
        seconds[part] = seconds.get(part, 0.0) + after - before
    return seconds


def _mark(module: object, name: str, done: Callable[[], None]) -> None:
    """Call `done` whenever the function of that name in the module returns."""
    function = getattr(module, name)

    def marked(*args: object, **keywords: object) -> object:
        result = function(*args, **keywords)
        done()
        return result

    setattr(module, name, marked)


if __name__ == "__main__":
    print(json.dumps(_parts(sys.argv[1], Path(sys.argv[2]))))
