"""A process that trains when it is told to, so that two ways take turns without importing anew (torch).

`python -m benchmarks._trainee` reads one JSON object a line, {"base", "rows", "out", "way", ...}, and writes
one back: what it took. A way is "script" with its switches, "ours" or "loop" with overrides of the
recipe. What libraries print goes to the log.
"""

import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from services.domain.training import Recipe
from services.training.recipe import compose_recipe
from services.training.rows import DemonstrationLine, read_lines


@dataclass(frozen=True, slots=True)
class Took:
    """`peak_bytes` are those that training held on a GPU at its most; nought without one."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Trainee:
    requests: IO[str]
    replies: IO[str]

    def begin(self, **request: object) -> None:
        self.requests.write(json.dumps(request, default=str) + "\n")
        self.requests.flush()

    def ended(self) -> Took:
        """What was begun took this; EOFError when the process died over it."""
        reply = self.replies.readline()
        if not reply:
            raise EOFError("a training process died: its complaints are above")
        return Took(**json.loads(reply))

    def run(self, **request: object) -> Took:
        self.begin(**request)
        return self.ended()


@contextmanager
def trainee(**environment: str) -> Iterator[Trainee]:
    """The process, with the machine's own number of threads unless `environment` says otherwise."""
    own = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks._trainee"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**own, **environment},
    ) as process:
        try:
            yield Trainee(cast("IO[str]", process.stdin), cast("IO[str]", process.stdout))
        finally:
            process.kill()


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        seconds = _run(json.loads(line))
        replies.write(json.dumps({"seconds": seconds, "peak_bytes": _peak_bytes()}) + "\n")


def _run(request: Mapping[str, Any]) -> float:
    from benchmarks._bare_loop import run_loop  # noqa: PLC0415  (torch, trl, peft: many seconds)
    from benchmarks._trl_script import Switches, run_script  # noqa: PLC0415
    from services.language_model.loading import load_tokenizer  # noqa: PLC0415
    from services.training.dataset import tokenise_demonstration  # noqa: PLC0415

    base, rows, way = request["base"], Path(request["rows"]), request["way"]
    recipe = compose_recipe(
        request.get("recipe", "embedded"), request.get("overrides", []), base_model=base, base_revision="main"
    )
    if way == "ours":
        return _ours(rows, recipe, Path(request["out"]), request)
    tokenizer = load_tokenizer(base, revision="main")
    tokenised = [
        tokenise_demonstration(line, tokenizer, chat_template="")
        for line in read_lines(rows)
        if isinstance(line, DemonstrationLine)
    ]
    if way == "loop":
        return run_loop(tokenised, recipe, Path(request["out"]))
    return run_script(base, tokenised, Path(request["out"]), Switches(**request.get("switches", {})))


def _ours(rows: Path, recipe: Recipe, out: Path, request: Mapping[str, Any]) -> float:
    """Seconds of the product's stage: the trainer is built and checkpoints are written in them."""
    import torch  # noqa: PLC0415

    from services.training.qlora import QloraTrainer  # noqa: PLC0415
    from services.training.seats import Seats  # noqa: PLC0415
    from services.training.trainer import TrainingJob  # noqa: PLC0415

    if "threads" in request:  # in the place of what the loading of the base decides
        torch.set_num_threads(request["threads"])
        torch.set_num_threads = lambda nthreads: None  # noqa: ARG005
    seats = Seats(Path(request["seats"]), 2) if "seats" in request else None
    with tempfile.TemporaryDirectory() as workdir:
        job = TrainingJob(rows=rows, recipe=recipe, workdir=Path(workdir))
        trained = QloraTrainer(seats=seats).train(job, progress=lambda _: None)
        shutil.copytree(trained.folder, out, dirs_exist_ok=True)
    return trained.stages[0].seconds


def _peak_bytes() -> int:
    """Since the last time it was asked; what a round left behind in cycles is given up before the next."""
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        return 0
    peak = torch.cuda.max_memory_allocated()
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return int(peak)


if __name__ == "__main__":
    main()
