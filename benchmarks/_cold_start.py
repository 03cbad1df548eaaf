"""One training's first step in a cold process, part by part (torch).

    python -m benchmarks._cold_start BASE ROWS CACHE [OVERRIDE...]

prints one JSON object of seconds. Nothing of the project and no library is imported before the clock runs;
CACHE is a folder that keeps bases in 4 bits, overrides are the embedded recipe's.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

_Marks = list[tuple[str, float]]


def main() -> None:
    marks = [("", time.monotonic())]

    def done(part: str) -> None:
        marks.append((part, time.monotonic()))

    base, rows, cache, *overrides = sys.argv[1:]
    _train(base, Path(rows), Path(cache), overrides, done)
    print(json.dumps(_seconds(marks)))


def _train(base: str, rows: Path, cache: Path, overrides: Sequence[str], done: Callable[[str], None]) -> None:
    from services.domain.progress import Progress, TrainingReport  # noqa: PLC0415  (imports are measured)
    from services.domain.training import Objective  # noqa: PLC0415
    from services.training import qlora, stage_trainer  # noqa: PLC0415
    from services.training.recipe import compose_recipe  # noqa: PLC0415
    from services.training.trainer import TrainingJob  # noqa: PLC0415

    done("imports")
    for module, name, part in (
        (qlora, "load_tokenizer", "recipe and tokeniser"),
        (qlora, "prepare_stages", "tokenising and checking the rows"),
        (qlora, "refuse_what_cannot_fit", "memory estimate"),
        (qlora, "load_base", "quantised load"),
        (stage_trainer, "set_in_fp32", "the library's trainer"),
    ):
        _mark(module, name, partial(done, part))

    def follow(report: TrainingReport) -> None:
        if isinstance(report, Progress):
            done("the first step")

    first = ["training.epochs=0.01", "training.logging_steps=1", *overrides]
    recipe = compose_recipe("embedded", first, base_model=base, base_revision="main")
    with tempfile.TemporaryDirectory() as workdir:
        job = TrainingJob(rows=rows, recipe=recipe, workdir=Path(workdir), stages=(Objective.SFT,))
        qlora.QloraTrainer(cache=cache).train(job, progress=follow)


def _seconds(marks: _Marks) -> dict[str, float]:
    """Of each part, up to the first step."""
    seconds: dict[str, float] = {}
    for (_, before), (part, after) in pairwise(marks):
        if part in seconds:
            break
        seconds[part] = after - before
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
    main()
