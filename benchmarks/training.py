"""Training against the source documents' script, a bare loop, and itself one after the other; CPU.

    python -m benchmarks.training [FOLDER]

The embedded base learns the demo's own corrections. With FOLDER, which holds tiny_lm_stories260K/ and
tame_the_weights/, a pretrained model of 260 032 parameters learns a persona's file as well. Ways to train
take turns and their medians are compared; held-out losses come from a process of their own, as scores of a
4-bit base on a CPU spoil its training.
"""

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks._first_step import first_step_rows
from benchmarks._night_rows import Night, demo_night, persona_night
from benchmarks._table import Bar, Relation, Row, report
from benchmarks._trainee import Trainee, trainee
from services.domain.training import Objective
from services.training.recipe import compose_recipe
from services.training.scoring_task import ScoringTask
from services.training.validation import scoring

NAME = "training"
BASE = "tiny_lm_stories260K/hf_mlp192"
FILES = "tame_the_weights"
CONTEXT = 512  # tokens that the second base can read
ROUNDS = 3
# As the script learns: one pass at its rate. Everything else is the embedded recipe as it is.
SAME_PACE = ("training.epochs=1", "training.learning_rate=2e-4")
FASTER = Bar(Relation.AT_LEAST, 2.2)
SWITCHES: Mapping[str, Mapping[str, object]] = {
    "loss on the answer only": {"answers_only": True},
    "batch 8 x 1 in the place of 2 x 4": {"batch_size": 8, "accumulation": 1},
    "no checkpointing": {"checkpointing": False},
    "LoRA dropout 0": {"dropout": 0.0},
    "eager attention": {"attention": "eager"},
    "packing": {"packing": True},
}


def main(arguments: Sequence[str]) -> int:
    nights = [demo_night()]
    if arguments:
        folder = Path(arguments[0])
        missing = [name for name in (BASE, FILES) if not (folder / name).is_dir()]
        if missing:
            print(f"{folder} holds no {' and no '.join(missing)}: name a folder of both.", file=sys.stderr)
            return 2
        nights.append(persona_night(folder / BASE, folder / FILES, longest=CONTEXT))
    rows = []
    for night in nights:
        rows += against_the_script(night)
    rows += own_cost(nights[0])
    rows += side_by_side(nights[0])
    rows += first_step_rows(nights[0])
    report(NAME, rows)
    return 0


def against_the_script(night: Night) -> list[Row]:
    """Examples a second and held-out loss, ours and theirs by turns; then each switch of theirs once."""
    count = len(night.learnt)
    with tempfile.TemporaryDirectory() as folder, trainee() as theirs, trainee() as ours:
        out, rows = Path(folder), night.write(Path(folder) / "rows.jsonl")
        asked = {"base": night.base, "rows": rows}
        own = {**asked, "way": "ours", "overrides": SAME_PACE, "out": out / "ours"}
        script = {**asked, "way": "script", "out": out / "script"}
        turns = [(ours.run(**own).seconds, theirs.run(**script).seconds) for _ in range(ROUNDS)]
        mine, their = (median(seconds) for seconds in zip(*turns, strict=True))
        switched = {
            what: theirs.run(**{**script, "switches": switch, "out": out / what.replace(" ", "-")}).seconds
            for what, switch in SWITCHES.items()
        }
        recipe_pace = ours.run(**{**own, "overrides": ("training.epochs=1",), "out": out / "recipe"}).seconds
        losses = _held_out_losses(night, out)
    label = f"{night.name}, {count} rows"
    return [
        Row(f"{label}: examples a second", count / mine, count / their),
        Row(f"{label}: times the script's examples a second", their / mine, bar=FASTER),
        Row(
            f"{label}: held-out answer loss ({len(night.held_out)} rows)",
            losses["ours"],
            losses["script"],
            Bar(Relation.AT_MOST, losses["script"]),
        ),
        Row(f"{label}: the recipe's own rate, examples a second", count / recipe_pace, count / their),
        Row(f"{label}: the recipe's own rate, held-out answer loss", losses["recipe"], losses["script"]),
        *_switched(label, {what: their / seconds for what, seconds in switched.items()}, losses),
    ]


def _switched(label: str, speeds: Mapping[str, float], losses: Mapping[str, float]) -> list[Row]:
    return [
        Row(
            f"{label}: the script with {what}, times its speed (held-out loss beside)",
            speed,
            losses[what.replace(" ", "-")],
        )
        for what, speed in speeds.items()
    ]


def own_cost(night: Night) -> list[Row]:
    """Our trainer, with its checkpoints and reports, against a bare loop over the same batches."""
    with tempfile.TemporaryDirectory() as folder, trainee() as one, trainee() as other:
        rows = night.write(Path(folder) / "rows.jsonl")
        asked = {"base": night.base, "rows": rows}
        turns = [
            (
                one.run(**asked, way="ours", out=Path(folder) / "ours").seconds,
                other.run(**asked, way="loop", out=Path(folder) / "loop").seconds,
            )
            for _ in range(ROUNDS)
        ]
        ours, bare = (median(turn[way] for turn in turns) for way in (0, 1))
    return [
        Row("all epochs of the recipe, seconds: ours and a bare loop", ours, bare),
        Row(
            "our own cost around the library, share of the bare loop",
            ours / bare,
            bar=Bar(Relation.AT_MOST, 1.05),
        ),
    ]


def side_by_side(night: Night) -> list[Row]:
    """Two trainings at once on cores of their own, against one after the other with two threads."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rows = night.write(Path(folder) / "rows.jsonl")
        asked = {"base": night.base, "rows": rows, "way": "ours", "overrides": ("training.epochs=1",)}
        pair = [stack.enter_context(trainee()) for _ in range(2)]
        alone = stack.enter_context(trainee())
        together: list[float] = []
        after: list[float] = []
        for one in (*pair, alone):
            one.run(**asked, out=Path(folder) / "warm")  # its imports are not of a training
        for _ in range(ROUNDS):
            together.append(_at_once(pair, {**asked, "seats": Path(folder) / "seats"}, Path(folder)))
            began = time.monotonic()
            for _ in range(2):
                alone.run(**asked, out=Path(folder) / "alone", threads=2)
            after.append(time.monotonic() - began)
    return [
        Row(
            "two personas, seconds: side by side on a core each, one after the other on two",
            median(together),
            median(after),
        ),
        Row(
            "two personas side by side, times as fast",
            median(after) / median(together),
            bar=Bar(Relation.AT_LEAST, 1.2),
        ),
    ]


def _at_once(pair: Sequence[Trainee], asked: Mapping[str, object], folder: Path) -> float:
    """Seconds until the later one was done; both began at the same time."""
    began = time.monotonic()
    for number, one in enumerate(pair):
        one.begin(**asked, out=folder / f"pair-{number}")
    for one in pair:
        one.ended()
    return time.monotonic() - began


def _held_out_losses(night: Night, out: Path) -> dict[str, float]:
    """By the name of the folder that an adapter is in."""
    recipe = compose_recipe("embedded", [], base_model=night.base, base_revision="main")
    rows = tuple(night.tokenised(night.held_out))
    task = ScoringTask(Objective.SFT, recipe.model, rows, beta=recipe.preference.beta)
    with scoring(task, out) as process:
        adapters = sorted(path.parent for path in out.glob("*/adapter_model.safetensors"))
        return {folder.name: process.score(folder, step=0).loss for folder in adapters}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
