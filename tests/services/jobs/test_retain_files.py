"""Retention of what is no folder of a version: golden answers, frozen files, sweeps, work folders."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.adapters.freezing import EVIDENCE, TRAINING_SETS, freeze
from services.adapters.promotions import find_persona
from services.adapters.store import AdapterName
from services.adapters.versions import register
from services.db.erasing_lock import hold_erasures
from services.db.lineage_tables import TrainingRunRow
from services.db.session import session_scope
from services.domain.fingerprint import Fingerprint
from services.domain.personas import PersonaSlug
from services.domain.training import RunState
from services.jobs.installation import Installation
from services.jobs.retain import Retained, foresee_with, retain_with
from services.training.holding import held
from services.training.runs import folder_name
from tests.builders import AT, add_persona
from tests.fakes import FACTS
from tests.lineage_builders import add_decision, add_run, add_training_set, add_version, unguarded

PIRATE = PersonaSlug("pirate")
LATER = datetime.now(UTC) + timedelta(days=60)


def gone(told: Iterable[Retained], of: str) -> list[str]:
    return [one["folder"] for one in told if one["of"] == of and not one["stays"]]


def test_what_removed_versions_were_expected_to_answer_goes_with_them(
    installation: Installation, make_folder
):
    names: list[AdapterName] = []
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug=PIRATE)
        for number in range(1, 6):
            run = add_run(session, add_training_set(session, persona), state="running")
            folder = make_folder(float(number))
            version = register(
                session,
                installation.store,
                persona=PIRATE,
                run_id=run.id,
                folder=folder,
                provenance={},
                at=AT,
            )
            names.append(AdapterName(version.name))
            installation.store.expect(names[-1], Fingerprint(FACTS, ((-1.0,),)))

    foreseen = foresee_with(installation, at=LATER)
    assert len(installation.store.remembered(PIRATE)) == 5
    told = retain_with(installation, at=LATER)

    assert told == foreseen
    wanted = ["v0001", "v0002", *sorted(f"golden/{name.partition('@')[2]}" for name in names[:2])]
    assert gone(told, PIRATE) == wanted
    assert set(installation.store.remembered(PIRATE)) == set(names[2:])
    assert gone(retain_with(installation, at=LATER), PIRATE) == []


@pytest.fixture
def files(installation: Installation, tmp_path: Path) -> dict[str, Path]:
    """Frozen files by what they are: of a set, of a decision, and of nobody."""
    frozen = {}
    for what in ("rows", "held out", "evidence", "left", "left evidence"):
        (source := tmp_path / what).write_text(what)
        folder = EVIDENCE if "evidence" in what else TRAINING_SETS
        frozen[what] = freeze(installation.settings.store_url, source, folder=folder)
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug=PIRATE)
        add_training_set(
            session,
            persona,
            path=frozen["rows"].path,
            report={"held_out": {"path": frozen["held out"].path, "references": 1}},
            created_at=datetime.now(UTC) + timedelta(minutes=1),
        )
        decision = add_decision(session, add_version(session, persona), verdict="FAIL")
        with unguarded(session):
            decision.evidence_path, decision.evidence_digest = frozen["evidence"].path, "digest"
    root = Path(installation.settings.store_url.removeprefix("file://"))
    return {what: root / one.path for what, one in frozen.items()}


def test_frozen_files_that_no_row_names_go(installation: Installation, files: dict[str, Path]):
    foreseen = foresee_with(installation, at=LATER)
    assert all(file.exists() for file in files.values())
    told = retain_with(installation, at=LATER)

    assert told == foreseen
    assert gone(told, "training sets") == [files["left"].name[:12]]
    assert gone(told, "evidence") == [files["left evidence"].name[:12]]
    assert {what for what, file in files.items() if file.exists()} == {"rows", "held out", "evidence"}


def test_a_frozen_file_stays_for_a_day_and_while_the_database_may_not_know_its_row_yet(
    installation: Installation, files: dict[str, Path]
):
    unknown = files["left"]
    ahead = (datetime.now(UTC) + timedelta(hours=2)).timestamp()  # than the newest row
    os.utime(unknown, (ahead, ahead))
    soon = retain_with(installation, at=datetime.now(UTC) + timedelta(hours=23))
    assert {one["why"] for one in soon if one["of"] in {"training sets", "evidence"}} == {
        "newer than what the database knows",
        "written within the last day",
    }
    retain_with(installation, at=LATER)
    assert (unknown.exists(), files["left evidence"].exists()) == (True, False)


def test_what_is_frozen_meanwhile_is_waited_for(installation: Installation, files: dict[str, Path]):
    """A file that is there already is named by a row that is not committed yet."""
    with ThreadPoolExecutor(1) as pool, session_scope(installation.engine) as session:
        hold_erasures(session)
        add_training_set(session, find_persona(session, PIRATE), path=f"{TRAINING_SETS}/{files['left'].name}")
        job = pool.submit(retain_with, installation, at=LATER)
        assert not wait([job], timeout=0.5).done
        session.commit()
        job.result(30)
    assert (files["left"].exists(), files["left evidence"].exists()) == (True, False)


def test_sweeps_go_with_their_set_and_with_time(installation: Installation):
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug="twin-pirate")
        kept, redacted = (add_training_set(session, persona) for _ in range(2))
        redacted.redacted_at = AT
        names = [f"twin-pirate-{one.id}-0a1b2c3d" for one in (kept, redacted)]
    sweeps = installation.settings.var_dir.resolve() / "sweeps"
    old = sweeps / "trials" / "of-long-ago"
    for folder in (*(sweeps / name for name in names), old):
        folder.mkdir(parents=True)
        (folder / "result.json").write_text("{}")
    os.utime(old / "result.json", (0, 0))

    told = retain_with(installation, at=datetime.now(UTC))
    assert gone(told, "sweeps") == [names[1]]
    assert gone(told, "trials") == [old.name]
    assert {one.name for one in sweeps.rglob("*.json")} == {"result.json"}
    assert sorted(one.name for one in sweeps.iterdir()) == sorted((names[0], "trials"))
    assert gone(retain_with(installation, at=LATER), "sweeps") == [names[0]]


def fates(told: list[Retained]) -> dict[str, bool]:
    return {one["folder"]: one["stays"] for one in told}


def work_folder(installation: Installation, state: RunState, *, days_old: int) -> Path:
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug=f"{state}-{days_old}")
        name = folder_name(add_run(session, add_training_set(session, persona), state=state))
    folder = installation.settings.runs_dir / name
    (folder / "checkpoint-1").mkdir(parents=True)
    weights = folder / "checkpoint-1" / "weights"
    weights.write_bytes(b"1234")
    then = (datetime.now(UTC) - timedelta(days=days_old)).timestamp()
    os.utime(weights, (then, then))
    return folder


def test_what_trainings_left_goes_when_nobody_will_come_back_to_it(installation):
    done = work_folder(installation, RunState.SUCCEEDED, days_old=0)
    killed = work_folder(installation, RunState.RUNNING, days_old=29)
    given_up = work_folder(installation, RunState.FAILED, days_old=31)

    redacted = work_folder(installation, RunState.FAILED, days_old=1)
    with session_scope(installation.engine) as session:
        session.get_one(TrainingRunRow, int(redacted.name[:6])).training_set.redacted_at = AT

    told = retain_with(installation, at=datetime.now(UTC))

    gone = dict.fromkeys((done.name, given_up.name, redacted.name), False)
    assert fates(told) == gone | {killed.name: True}
    assert {one["bytes"] for one in told} == {4}
    assert list(installation.settings.runs_dir.iterdir()) == [killed]


def test_a_folder_a_process_works_in_stays_however_old(installation):
    folder = work_folder(installation, RunState.RUNNING, days_old=400)
    with held(installation.engine, 1, workdir=folder):
        (lock,) = folder.glob(".lock")
        os.utime(lock, (0, 0))
        (told,) = retain_with(installation, at=datetime.now(UTC))
        assert (told["stays"], told["why"]) == (True, "a process works in it")
        assert folder.is_dir()
    retain_with(installation, at=datetime.now(UTC))
    assert not folder.exists()
