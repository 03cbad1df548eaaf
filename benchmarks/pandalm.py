"""PandaLM's human test set: three annotators each, repeated prompts, bad rows; every row is accounted for.

    python -m benchmarks.pandalm FOLDER

FOLDER holds the base and pandalm_human_test/testset-v1.json. One persona learns from the comparisons, a
control from the same with better and worse answers exchanged by a coin.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from benchmarks._accounts import dropped_rows, files_of, rejected_rows
from benchmarks._intervals import accuracy, preferences
from benchmarks._nights import Judged, Learner, nights
from benchmarks._shown import had, plan, show
from benchmarks._shuffled import shuffled
from benchmarks._table import Bar, Relation, Row
from services.domain.example_policy import ExamplePolicy
from services.domain.training import Objective
from services.settings import read_settings
from services.training_sets.importers.formats import FormatName, read_file
from services.training_sets.importers.records import ImportedComparison
from services.training_sets.importers.rows import Reading

NAME = "pandalm"
DATA = "pandalm_human_test"
_NONE = Bar(Relation.IS, 0)
# Each of the three judged hundreds of pairs on one day.
_POLICY = ExamplePolicy(
    objectives=(Objective.DPO,), daily_limit=100_000, holdout_percent=30, pairs_per_prompt=100
)


def measure(engine: Engine, folder: Path) -> list[Row]:
    reads = list(read_file(folder / "testset-v1.json", FormatName.PANDALM, Reading()))
    learners = [
        Learner(plan("pandalm", _POLICY), {NAME: reads}, {}),
        Learner(plan("pandalm-control", _POLICY), {NAME: shuffled(reads)}, {}),
    ]
    ended = dict(nights(engine, learners))
    real, control = (had(ended[learner.slug]) for learner in learners)
    compared = [read for read in reads if isinstance(read, ImportedComparison)]
    choices = Counter(read.choice for read in compared)
    return [
        Row("records", len(reads) - len(compared) + len(compared) // 3),
        *rejected_rows(reads),
        Row("comparisons read, three of each other record", len(compared)),
        Row("of them " + ", ".join(f"{choice} {count}" for choice, count in sorted(choices.items())), None),
        Row("prompts", len({read.question for read in compared})),
        Row("said twice in the file: stored once", len(compared) - len(set(compared))),
        *_account_rows(real, stored=len(set(compared))),
        Row("label smoothing, from measured disagreement", real.training_set["plan"]["label_smoothing"]),
        Row("reward accuracy before, by definition", 0.5, 0.5),
        Row("reward accuracy after", _told(real), _told(control)),
        Row("verdict of the gate", real.verdict.value, control.verdict.value),
        Row("training, seconds", real.seconds, control.seconds),
    ]


def _account_rows(night: Judged, *, stored: int) -> list[Row]:
    files = files_of(read_settings().store_url, night)
    same, near = files.on_both_sides()
    judging = {source for line in files.held_out for source in line["sources"]}
    return [
        Row("pairs learnt", len(files.rows)),
        Row("comparisons in them", len({source for line in files.rows for source in line["sources"]})),
        Row("pairs held out to judge", len(files.held_out)),
        Row("comparisons in them", len(judging)),
        *dropped_rows("comparisons", night.training_set["dropped"]),
        Row("neither in a row nor left out with a reason", stored - len(files.accounted_for()), bar=_NONE),
        Row("prompts on both sides of the holdout", same, bar=_NONE),
        Row("near duplicates on both sides of the holdout", near, bar=_NONE),
    ]


def _told(night: Judged) -> str:
    return str(accuracy(preferences(night.items)))


def main(arguments: Sequence[str]) -> int:
    return show(NAME, DATA, arguments, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
