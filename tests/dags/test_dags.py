"""The DAG files: what they import, what Airflow reads in them, which forms they take, when they skip."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from services.adapters.promoting import promote
from services.adapters.promotions import find_persona, who_serves
from services.db.lineage_tables import TrainingSetSourcesRow
from services.db.session import make_engine, session_scope
from services.domain.training import RunState
from services.feedback.questions import new_rater
from services.operations.stack import DAG_IDS
from services.settings import Settings
from tests.builders import AT, add_answer, add_correction, add_persona
from tests.dags.conftest import CallTask, RunScript
from tests.dags.forms import BACK, ERASE, FORMS, NEW, NOBODY, ONE
from tests.lineage_builders import (
    add_canary,
    add_decision,
    add_run,
    add_serving_version,
    add_training_set,
    add_version,
)

WATCH = "watch_canaries"
KEEP = "remove_old_versions"
WAITS = {"approval": ""}
RETRAIN = ["assemble", "train", "evaluate", "gate", "promote"]


@pytest.fixture(scope="module")
def facts(run_script: RunScript) -> dict[str, Any]:
    return run_script("dag_facts.py", [(dag, form) for dag, form, _ in FORMS])


@pytest.fixture(scope="module")
def decisions(dag_database: str) -> dict[str, int]:
    """The ids of one stored decision of each verdict; what passed is promoted, which needs no server then."""
    engine = make_engine(dag_database)
    with session_scope(engine) as session:
        persona = add_persona(session, slug="judged")
        ids = {}
        for number, verdict in enumerate(("PASS", "FAIL", "INSUFFICIENT"), start=1):
            version = add_version(session, persona, number=number, digest=f"{number}" * 64)
            ids[verdict] = add_decision(session, version, verdict=verdict).id
        promote(session, decision_id=ids["PASS"], actor="by-a-test", at=datetime.now(UTC))
    engine.dispose()
    return ids


def test_importing_every_dag_file_is_light(run_script: RunScript):
    imported = run_script("light_imports.py")
    heavy = {"torch", "transformers", "peft", "trl", "bitsandbytes", "flask"}
    assert heavy & set(imported["modules"]) == set()
    assert imported["seconds"] < 3


def test_every_file_is_read_and_says_what_it_is_for(facts: dict[str, Any]):
    assert facts["errors"] == {}
    assert set(facts["dags"]) == {"nightly_retrain", ONE, KEEP, NEW, BACK, WATCH, ERASE} == DAG_IDS
    assert all(dag["doc"] for dag in facts["dags"].values())


@pytest.mark.parametrize("dag_id", ["nightly_retrain", NEW, ONE])
def test_retraining_goes_from_assemble_to_promote(facts: dict[str, Any], dag_id: str):
    tasks = facts["dags"][dag_id]["tasks"]
    group = [f"retrain.{name}" for name in RETRAIN]
    assert set(group) < set(tasks)
    for before, after in pairwise(group):
        assert tasks[after]["upstream"] == [before]


def test_a_night_maps_the_whole_group_over_the_personas(facts: dict[str, Any]):
    tasks = facts["dags"]["nightly_retrain"]["tasks"]
    assert {name for name, task in tasks.items() if task["mapped"]} == {f"retrain.{name}" for name in RETRAIN}
    assert tasks["retrain.assemble"]["upstream"] == ["due_personas"]


def test_an_erasure_maps_retraining_over_who_is_served_by_a_tainted_version_and_settles_each(
    facts: dict[str, Any],
):
    tasks = facts["dags"][ERASE]["tasks"]
    mapped = {f"replace.retrain.{name}" for name in RETRAIN} | {"replace.settle"}
    assert {name for name, task in tasks.items() if task["mapped"]} == mapped
    assert tasks["replace.settle"]["upstream"] == ["erase", "replace.retrain.promote"]
    assert tasks["replace.settle"]["rule"] == "all_done"
    assert tasks["replace.retrain.assemble"]["upstream"] == ["erase"]


@pytest.mark.parametrize("dag_id", ["nightly_retrain", KEEP])
def test_nights_follow_the_settings_and_never_overlap(facts: dict[str, Any], settings: Settings, dag_id: str):
    night = facts["dags"][dag_id]
    assert night["schedule"] == settings.nightly_cron
    assert night["timezone"] == settings.nightly_timezone
    assert night["catchup"] is False
    assert night["max_active_runs"] == 1


def test_canaries_are_watched_by_the_settings_and_never_twice_at_once(
    facts: dict[str, Any], settings: Settings
):
    watch = facts["dags"][WATCH]
    assert (watch["schedule"], watch["catchup"], watch["max_active_runs"]) == (settings.canary_cron, False, 1)
    assert watch["tasks"]["watch"]["upstream"] == ["open_canaries"]
    assert watch["tasks"]["alert"]["upstream"] == []  # told also while no canary is open


@pytest.mark.parametrize("dag_id", [NEW, ONE, BACK, ERASE])
def test_forms_are_sent_by_people_only(facts: dict[str, Any], dag_id: str):
    assert facts["dags"][dag_id]["schedule"] is None


@pytest.mark.parametrize("dag_id", ["nightly_retrain", NEW, ONE])
def test_only_training_and_evaluation_wait_for_the_gpu(facts: dict[str, Any], dag_id: str):
    tasks = facts["dags"][dag_id]["tasks"]
    gpu = {name: task for name, task in tasks.items() if task["executor"] == "gpu"}
    assert set(gpu) == {"retrain.train", "retrain.evaluate"}
    assert {(task["queue"], task["pool"], task["retries"]) for task in gpu.values()} == {("gpu", "gpu", 2)}
    assert {task["pool"] for name, task in tasks.items() if name not in gpu} == {"default_pool"}


def test_every_task_ends_in_time_and_is_tried_again(facts: dict[str, Any]):
    tasks = {
        f"{dag_id}.{name}": task
        for dag_id, dag in facts["dags"].items()
        for name, task in dag["tasks"].items()
    }
    assert {task["retries"] for task in tasks.values()} == {2}
    longest = {name: task["timeout"] for name, task in tasks.items()}
    assert all(longest.values()), longest
    assert {limit < 3600 for name, limit in longest.items() if tasks[name]["executor"] != "gpu"} == {True}
    assert {limit < 24 * 3600 for limit in longest.values()} == {True}  # a night is over before the next


@pytest.mark.parametrize("number", range(len(FORMS)), ids=[f"{dag}-{form}" for dag, form, _ in FORMS])
def test_a_form_is_checked_before_anything_runs(facts: dict[str, Any], number: int):
    assert facts["taken"][number] is FORMS[number][2]


@pytest.fixture(scope="module")
def promoted(call_task: CallTask, decisions: dict[str, int]) -> dict[str, Any]:
    """What the promote task answers to each verdict."""
    calls = [("by-a-test", WAITS, {"decision_id": decision}) for decision in decisions.values()]
    answers = call_task("nightly_retrain", "retrain.promote", *calls)
    return dict(zip(decisions, answers, strict=True))


@pytest.mark.parametrize("verdict", ["FAIL", "INSUFFICIENT"])
def test_promote_is_skipped_with_the_verdict_as_its_reason(promoted: dict[str, Any], verdict: str):
    assert verdict in promoted[verdict]["skipped"]


def test_promote_ends_at_the_promotion_of_what_passed(promoted: dict[str, Any]):
    assert promoted["PASS"]["returned"] > 0


def test_an_open_canary_is_found_and_watched(call_task: CallTask, dag_database: str):
    engine = make_engine(dag_database)
    with session_scope(engine) as session:
        add_canary(session, add_persona(session, slug="tried"), number=1)
    engine.dispose()
    (found,) = call_task(WATCH, "open_canaries", ("run", {}, {}))
    assert found == {"returned": ["tried"]}
    calls = [("run", {}, {"persona": slug}) for slug in ("tried", "nobody")]
    seen, unknown = call_task(WATCH, "watch", *calls)
    assert "0 conversations count" in seen["returned"]
    assert "no persona 'nobody'" in unknown["failed"]


@pytest.fixture(scope="module")
def thrice_served(dag_database: str) -> str:
    """The slug of a persona that three versions served, one after another."""
    engine = make_engine(dag_database)
    with session_scope(engine) as session:
        persona = add_persona(session, slug="thrice")
        for number in (1, 2, 3):
            add_serving_version(session, persona, number=number, digest=f"{number}a" * 32)
    engine.dispose()
    return "thrice"


def test_a_rollback_that_is_tried_again_goes_back_one_step(
    call_task: CallTask, dag_database: str, thrice_served: str
):
    form = {"persona": thrice_served, "version": None, "reason": "worse on physics"}
    calls = [("first", form, {}), ("first", form, {}), ("second", form, {}), ("first", form, {})]
    moved = call_task(BACK, "rollback", *calls)
    first, again, second, late = [answer["returned"] for answer in moved]
    assert first == again == late
    assert second > first
    engine = make_engine(dag_database)
    with session_scope(engine) as session:
        assert who_serves(session, find_persona(session, thrice_served)).number == 1
    engine.dispose()


def test_a_creation_that_is_tried_again_is_no_error(call_task: CallTask, tmp_path: Path):
    seeds = [tmp_path / name for name in ("seeds.jsonl", "other.jsonl")]
    for number, file in enumerate(seeds):
        file.write_text(json.dumps({"instruction": f"Say {number}", "output": "Arr."}) + "\n")
    form = {
        "slug": "made-twice",
        "display_name": "Made ",
        "prompt_template": "You help a {audience}.",
        "seed_file": str(seeds[0]),
        "answer_format": "saq",
        "word_limit": 20,
        "overrides": ["lora.r=8"],
    }
    changes: list[dict[str, object]] = [
        {},
        {},
        {"display_name": "Another"},
        {"overrides": []},
        {"answer_format": "free_text"},
        {"seed_file": str(seeds[1])},
        {"overrides": ["lora.rank=8"]},
    ]
    calls = [("by-a-test", {}, {"params": form | change}) for change in changes]
    made, again, *others = call_task(NEW, "create", *calls)
    assert made == again == {"returned": "made-twice"}
    assert ["failed" in other for other in others] == [True] * 5
    for other, what in zip(
        others, ("display name", "recipe overrides", "answer format", "examples"), strict=False
    ):
        assert "already a persona" in other["failed"]
        assert f"its {what}" in other["failed"]
        assert "persona-loop assemble made-twice" in other["failed"]


def test_an_erasure_that_is_tried_again_names_the_same_personas_until_they_are_settled(
    call_task: CallTask, dag_database: str
):
    engine = make_engine(dag_database)
    with session_scope(engine) as session:
        persona = add_persona(session, slug="tainted")
        rater = new_rater(session, at=AT)
        source = add_correction(session, add_answer(session, persona, rater=rater), "Arr!", rater=rater)
        learnt = add_training_set(session, persona, policy={}, report={})
        kind, _, number = source.partition(":")
        session.add(TrainingSetSourcesRow(training_set_id=learnt.id, kind=kind, ids=[int(number)]))
        version = add_serving_version(session, persona, digest="7a" * 32)
        version.training_run_id = add_run(session, learnt, state=RunState.SUCCEEDED).id
    form = {"rater": str(rater), "reason": "by letter", "overrides": []}
    calls = [("first", form, {}), ("first", form, {}), ("first", form | {"rater": NOBODY}, {})]
    erased, again, nobody = call_task(ERASE, "erase", *calls)
    assert erased == again == {"returned": ["tainted"]}
    assert "no rater" in nobody["failed"]
    settling = [("first", form, {"persona": "tainted"})] * 2
    settled = call_task(ERASE, "replace.settle", *settling)
    assert settled == [{"returned": 0}] * 2
    assert call_task(ERASE, "erase", calls[0]) == [{"returned": []}]
    engine.dispose()
