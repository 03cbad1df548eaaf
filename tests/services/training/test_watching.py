"""What a training reports is there to be watched while it runs, whatever was killed or lost on the way."""

import math
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from services.db.lineage_tables import TrainingRunRow
from services.domain.progress import CheckpointScored, MemoryExpected, Progress, StageEnded, stage_ends
from services.domain.training import Evaluation, Objective, RunState, StageResult
from services.errors.lookups import UnknownRecord
from services.training import reporting
from services.training.watching import run_page, runs_of
from tests.builders import AT, add_persona
from tests.lineage_builders import add_run, add_training_set, add_version


@pytest.fixture
def run(session: Session) -> TrainingRunRow:
    return add_run(session, add_training_set(session, add_persona(session)), state=RunState.RUNNING)


def progress(step: int, *, loss: float = 2.0, stage: int = 1, **given) -> Progress:
    objective = (Objective.SFT, Objective.DPO)[stage - 1]
    return Progress(objective, stage, step, 40, loss, 100.0, 40.0 - step, **given)


def result(objective: Objective = Objective.SFT, **given) -> StageResult:
    values: dict[str, Any] = {
        "rows": 300,
        "dropped_rows": 0,
        "supervised_tokens": 900,
        "steps": 20,
        "resumed_from_step": 0,
    }
    values |= {"seconds": 9.0, "losses": ((10, 2.0), (20, 1.0)), "final_loss": 1.0, "concessions": ()}
    values |= {"stopped_early": "", "evaluations": (Evaluation(10, 1.5, ("Arr!",)),), "peak_bytes": 5}
    return StageResult(objective=objective, **(values | given))


def test_the_curve_is_there_while_the_run_runs(session: Session, run: TrainingRunRow):
    reporting.record(session, run.id, MemoryExpected({"optimiser": 7}, 100), at=AT)
    for step in (10, 20):
        reporting.record(session, run.id, progress(step, loss=3.0 - step / 20), at=AT)
    reporting.record(session, run.id, CheckpointScored(1, 20, 2.2, ("Arr!",)), at=AT)

    page = run_page(session, run.id)
    (panel,) = page.panels
    assert panel.learnt == [(10, 2.5), (20, 2.0)]
    assert panel.kept_out == [(20, 2.2)]
    assert page.stages[0].scores[0].previews == ["Arr!"]
    assert (page.newest.step, page.newest.tokens_per_second, page.newest.seconds_left) == (20, 100.0, 20.0)
    assert (page.summary.step, page.summary.total_steps, page.summary.loss) == (20, 40, 2.0)
    assert page.memory == {"optimiser": 7}
    assert page.stage_now.objective == Objective.SFT


def test_what_a_killed_attempt_did_after_its_checkpoint_is_replaced(session: Session, run: TrainingRunRow):
    for step in (10, 20, 30):
        reporting.record(session, run.id, progress(step), at=AT)
    reporting.record(session, run.id, CheckpointScored(1, 30, 2.2, ()), at=AT)
    reporting.record(session, run.id, progress(20, loss=1.75), at=AT + timedelta(hours=1))

    stage = run_page(session, run.id).stages[0]
    assert [(point.step, point.loss) for point in stage.points] == [(10, 2.0), (20, 1.75)]
    assert not stage.scores


def test_the_end_of_a_stage_fills_in_what_was_lost_and_says_how_it_went(
    session: Session, run: TrainingRunRow
):
    reporting.record(session, run.id, progress(10, concessions=("batches of 1 row",)), at=AT)
    assert run_page(session, run.id).concessions == ("batches of 1 row",)

    ends = list(stage_ends([result(concessions=("batches of 1 row",)), result(Objective.DPO)]))
    for ended in [*ends, *ends]:  # as a retry tells it once more
        reporting.record(session, run.id, ended, at=AT)

    first, second = (stage := run_page(session, run.id)).stages
    assert [point.step for point in first.points] == [10, 20]
    assert first.points[0].tokens_per_second == 100.0  # as it was reported
    assert [point.step for point in second.points] == [30, 40]
    assert [score.step for score in second.scores] == [30]
    assert [one.result["rows"] for one in stage.stages] == [300, 300]
    assert "losses" not in first.result
    assert stage.concessions == ("batches of 1 row",)


def test_a_diverged_loss_is_stored_as_no_number(session: Session, run: TrainingRunRow):
    reporting.record(session, run.id, progress(10, loss=math.nan), at=AT)
    reporting.record(session, run.id, CheckpointScored(1, 10, math.inf, ()), at=AT)
    reporting.record(session, run.id, StageEnded(1, 0, result(final_loss=math.nan)), at=AT)

    stage = run_page(session, run.id).stages[0]
    assert stage.points[0].loss is None
    assert stage.result["final_loss"] is None


def test_a_persona_has_its_own_runs_newest_first_by_two_statements(session: Session, run: TrainingRunRow):
    persona = run.training_set.persona
    other = add_training_set(session, add_persona(session, slug="other"))
    add_run(session, other, state=RunState.FAILED)
    later = add_run(session, add_training_set(session, persona), state=RunState.SUCCEEDED)
    add_version(session, persona).training_run_id = later.id
    session.flush()

    session.expire_all()
    statements: list[str] = []
    event.listen(
        session.connection(), "before_cursor_execute", lambda *told: statements.append(told[2]), once=False
    )
    newest, first = runs_of(session, persona, limit=9)
    assert len(statements) == 2 + 1  # the last for the persona, which was expired
    assert (newest.id, newest.state, newest.version) == (later.id, "succeeded", 1)
    assert (first.id, first.state, first.version) == (run.id, "interrupted", None)
    assert newest.stages == (Objective.SFT, Objective.DPO)
    assert [one.id for one in runs_of(session, persona, limit=1)] == [later.id]


def test_a_run_says_which_version_it_goes_on_from(session: Session, run: TrainingRunRow):
    assert run_page(session, run.id).goes_on_from is None
    run.starting_digest = str(add_version(session, run.training_set.persona, number=3).digest)
    session.flush()
    assert run_page(session, run.id).goes_on_from == 3


@pytest.mark.parametrize("run_id", [0, 404, 10**12])
def test_a_run_that_does_not_exist_is_unknown(session: Session, run_id: int):
    with pytest.raises(UnknownRecord, match="no training run"):
        run_page(session, run_id)
