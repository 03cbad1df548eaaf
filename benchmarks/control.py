"""The control night: the demo's ratings permuted over its answers, corrections left out, as many rows.

    python -m benchmarks.control [VAR_DIR]

VAR_DIR is the folder of an installation in which a demo was played, and which is stopped; without it the
demo that `loop` left is used, or one is played. Its database is copied, never touched. Stars that say nothing
about the answers teach nothing: the adapter is trained and judged as any other is, and the gate has to say
FAIL.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from benchmarks._demo import DEMO, play_demo, read_summary
from benchmarks._held_out import newest_report, run_of
from benchmarks._installation import own_installation
from benchmarks._permuted import add_rows, permute
from benchmarks._serving import database, inference_server
from benchmarks._table import RESULTS, Bar, Relation, Row, report
from services.db import embedded
from services.db.lineage_tables import GateDecisionRow, TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.checks import Verdict
from services.errors.tree import PersonaLoopError
from services.jobs import assemble as assembling
from services.jobs import evaluate as evaluating
from services.jobs import gate as gating
from services.jobs import train as training
from services.jobs.installation import now
from services.language_model.asking import InferenceClient
from services.settings import Settings

NAME = "control"
CONTROL = "control"  # the persona's slug
_COPIED = ("secrets.env", "postgres", "adapters")
_ROUNDS = 3  # of adding rows: an answer too long for the recipe makes none


def main(arguments: Sequence[str]) -> int:
    source = Path(arguments[0]) if arguments else DEMO
    if not arguments and not read_summary(source):
        play_demo()
    summary = read_summary(source)
    if not summary or not all((source / name).exists() for name in _COPIED):
        print(f"{source} holds no demo to copy: play one with `make demo ONCE=1`.", file=sys.stderr)
        return 2
    if _runs(source):
        print(f"The installation in {source} is running: stop it, then copy.", file=sys.stderr)
        return 2
    var_dir = RESULTS / NAME
    _copy(source, var_dir)
    try:
        with own_installation(var_dir) as settings, database(settings) as engine:
            rows = _measure(settings, engine, original=summary["persona"])
    except PersonaLoopError as error:
        print(error, file=sys.stderr)
        return 1
    report(NAME, rows)
    return 0


def _runs(source: Path) -> bool:
    """Whether its database is up: the files of a running server are no copy."""
    with own_installation(source) as settings:
        return embedded.embedded_url(settings) is not None


def _copy(source: Path, var_dir: Path) -> None:
    """The stopped server's files with their owners, its password, and the store of sets and adapters."""
    shutil.rmtree(var_dir, ignore_errors=True)
    var_dir.mkdir(parents=True)
    for name in _COPIED:
        subprocess.run(["cp", "-a", str(source / name), str(var_dir)], check=True)  # noqa: S603, S607


def _measure(settings: Settings, engine: Engine, *, original: str) -> list[Row]:
    with session_scope(engine) as session:
        judged = newest_report(session, original)
        real = run_of(session, judged)
        decided = session.scalars(
            select(GateDecisionRow).where(GateDecisionRow.candidate_report_id == judged.id)
        ).one()
        copied = permute(session, original, CONTROL, until=real.training_set.cutoff, at=now())
    with inference_server(settings):
        added, set_id = _fill_up(settings, engine, wanted=real.training_set.counts["demonstrations"])
        reports = evaluating.evaluate(training.train(set_id))
        decision_id = gating.gate(reports["candidate"], reports["champion"])["decision_id"]
    with session_scope(engine) as session:
        control = session.scalars(
            select(TrainingRunRow).where(TrainingRunRow.training_set_id == set_id)
        ).one()
        return [
            Row("ratings given to other answers", copied),
            Row("further answers rated, to have as many rows", added),
            *_run_rows(control, real),
            *_decision_rows(session.get_one(GateDecisionRow, decision_id), decided),
        ]


def _fill_up(settings: Settings, engine: Engine, *, wanted: int) -> tuple[int, int]:
    """How many further answers it took to have as many demonstrations as the real night, and the set."""
    client = InferenceClient(settings.inference_endpoint, token=settings.inference_token.get_secret_value())
    added = 0
    for _ in range(_ROUNDS):
        set_id = assembling.assemble(CONTROL, now().isoformat()).get("training_set_id")
        there = 0  # a set that is too small is not made
        if set_id is not None:
            with session_scope(engine) as session:
                there = session.get_one(TrainingSetRow, set_id).counts["demonstrations"]
        if there >= wanted:
            break
        added += add_rows(engine, client, CONTROL, wanted=wanted - there)
    return added, assembling.assemble(CONTROL, now().isoformat())["training_set_id"]


def _run_rows(control: TrainingRunRow, real: TrainingRunRow) -> list[Row]:
    """Figures of the control night, and of the real one beside them."""
    rows, rows_real = control.training_set, real.training_set
    wanted = rows_real.counts["demonstrations"]
    return [
        Row(
            "demonstrations learnt from",
            rows.counts["demonstrations"],
            wanted,
            Bar(Relation.AT_LEAST, wanted),
        ),
        Row("pairs learnt from", rows.counts["pairs"], rows_real.counts["pairs"], Bar(Relation.IS, 0)),
        Row("stages", ", ".join(rows.plan["stages"]), ", ".join(rows_real.plan["stages"])),
        Row("steps trained", control.step, real.step),
        Row("answer tokens learnt from", control.supervised_tokens, real.supervised_tokens),
        Row("loss of the last steps", control.loss, real.loss),
    ]


def _decision_rows(control: GateDecisionRow, real: GateDecisionRow) -> list[Row]:
    measured = {_asked(check): check["measured"] for check in real.checks}
    return [
        *(
            Row(
                f"{check['metric']} ({check['slice']}): {check['verdict']}, {check['reason']}",
                check["measured"],
                measured.get(_asked(check)),
            )
            for check in control.checks
        ),
        Row("verdict of the gate", control.verdict, real.verdict, Bar(Relation.IS, Verdict.FAIL.value)),
    ]


def _asked(check: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells one check of a decision from the others."""
    return check["asked"], check["metric"], check["slice"], check["against"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
