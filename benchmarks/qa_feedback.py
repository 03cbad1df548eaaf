"""Human comparisons with ties and with passages longer than the context, from which this base learns nothing.

    python -m benchmarks.qa_feedback FOLDER

FOLDER holds the base and qa_feedback/dev_feedback.json. One persona gets the file as it is, of which too
little fits the context for a night; one the questions without their passages, and a control the same with
better and worse answers exchanged by a coin. The gate has to refuse both; having no night is no refusal.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from benchmarks._accounts import dropped_rows
from benchmarks._intervals import accuracy, preferences
from benchmarks._nights import Judged, Learner, begin, cutoff_of, nights
from benchmarks._shown import YES, plan, show, yes
from benchmarks._shuffled import shuffled
from benchmarks._table import Row
from services.db.lineage_tables import TrainingSetRow
from services.db.session import session_scope
from services.domain.checks import Verdict
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import Choice
from services.domain.training import Objective
from services.jobs import assemble as assembling
from services.training_sets.importers.formats import FormatName, read_file
from services.training_sets.importers.records import ImportedComparison, Read
from services.training_sets.importers.rows import Reading

NAME = "qa_feedback"
WHOLE, SHORT, CONTROL = "as given", "without passages", "without passages, shuffled"
_POLICY = ExamplePolicy(
    objectives=(Objective.DPO,), daily_limit=100_000, holdout_percent=30, pairs_per_prompt=2
)
_TOO_FEW = f"pairs, and {_POLICY.minimum_pairs} are needed"
# What became of the rows is kept with a set, and a night without training has none.
_FEW = replace(_POLICY, minimum_pairs=1)


def measure(engine: Engine, folder: Path) -> list[Row]:
    reads = list(read_file(folder / "dev_feedback.json", FormatName.QA_FEEDBACK, Reading()))
    short = [_without_passages(read) for read in reads]
    learners = {
        WHOLE: Learner(plan("qa-whole", _POLICY), {NAME: reads}, {}),
        SHORT: Learner(plan("qa-short", _POLICY), {NAME: short}, {}),
        CONTROL: Learner(plan("qa-control", _POLICY), {NAME: shuffled(short)}, {}),
    }
    ended = dict(nights(engine, list(learners.values())))
    compared = [read for read in reads if isinstance(read, ImportedComparison)]
    choices = Counter(read.choice for read in compared)
    return [
        Row("questions read", len({read.question for read in compared})),
        Row("comparisons read", len(compared)),
        Row("of them ties", choices[Choice.TIE]),
        Row("records rejected", len(reads) - len(compared)),
        *_counted(engine, Learner(plan("qa-counted", _FEW), {NAME: reads}, {})),
        *(row for what, learner in learners.items() for row in _rows(what, ended[learner.slug])),
    ]


def _without_passages(read: Read) -> Read:
    if isinstance(read, ImportedComparison):
        return replace(read, question=replace(read.question, context=""))
    return read


def _counted(engine: Engine, learner: Learner) -> list[Row]:
    """What is left of the file as it is."""
    begin(engine, learner)
    assembled = assembling.assemble(learner.slug, cutoff_of(engine, learner.slug))
    with session_scope(engine) as session:
        frozen = session.get_one(TrainingSetRow, assembled["training_set_id"])
        return [Row(f"{WHOLE}: pairs left", frozen.row_count), *dropped_rows(WHOLE, frozen.dropped)]


def _rows(what: str, night: Judged | str) -> list[Row]:
    if isinstance(night, str):
        too_few = what == WHOLE and _TOO_FEW in night
        return [Row(f"{what}: no training, as too few pairs fit ({night})", yes(too_few), bar=YES)]
    preferred = preferences(night.items)
    return [
        Row(f"{what}: pairs learnt", night.training_set["rows"]),
        *dropped_rows(what, night.training_set["dropped"]),
        Row(f"{what}: held-out pairs", sum(map(len, preferred.values()))),
        Row(f"{what}: reward accuracy before, by definition", 0.5),
        Row(f"{what}: reward accuracy after", str(accuracy(preferred))),
        Row(f"{what}: verdict {night.verdict}", yes(night.verdict is not Verdict.PASS), bar=YES),
        Row(f"{what}: the base still serves", yes(night.serves == 0), bar=YES),
        Row(f"{what}: training, seconds", night.seconds),
    ]


def main(arguments: Sequence[str]) -> int:
    return show(NAME, NAME, arguments, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
