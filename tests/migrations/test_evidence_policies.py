"""What migration 0011 makes of policies that were there before, and of newer ones on the way back.

Policies are written out: a migration goes from one fixed form to another, whatever the defaults become.
"""

from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from services.db import migrate
from services.db.feedback_tables import PersonaRow
from services.evaluation.decisions import parse_policy
from tests.builders import add_persona

BEFORE = "0010_skipped_nights"


def required(metric: str, items: int, *, limit: float | None = None, margin: float | None = None):
    return {"metric": metric, "limit": limit, "margin": margin, "minimum_items": items, "slice": "overall"}


LOSS = required("held_out_loss", 10, margin=0.1)
OLD_VALID = required("format_validity", 50, limit=0.9, margin=0.02)
VALID = required("format_validity", 50, limit=0.9, margin=0.05)
KEPT = [required("general_ability", 300, margin=0.05), required("safety", 300, margin=0.05)]
SURE = {
    "target": "",
    "alpha": 0.005,
    "worse_alpha": 0.05,
    "anchor_alpha": 0.005,
    "screen_alpha": 0.2,
    "slice_margin": 0.1,
    "slice_items": 75,
    "slices_per_300": 4,
    "approval": False,
}
OLD_USUAL = [
    required("style_hit", 100, limit=0.5, margin=0.05),
    required("fact_hit", 100, margin=0.05),
    required("short_share", 100, margin=0.05),
    LOSS,
]
USUAL = [
    required("style_hit", 100, limit=0.5),
    required("fact_hit", 100, margin=0.1),
    required("short_share", 100, margin=0.1),
    LOSS,
    *KEPT,
]
OWN = [required("fact_hit", 20, margin=0.02), required("style_hit", 20, limit=0.3)]
THIRD = 1 / 3 + 0.1

DEFAULTS = {
    "usual": (OLD_USUAL, USUAL),
    "brief": ([*OLD_USUAL, OLD_VALID], [*USUAL, VALID]),
    "letter": (
        [required("accuracy", 50, limit=0.35, margin=0.0), OLD_VALID, LOSS],
        [required("accuracy", 50, limit=0.35), VALID, LOSS, *KEPT],
    ),
    "letter-of-three": (
        [required("accuracy", 50, limit=THIRD, margin=0.0), OLD_VALID, LOSS],
        [required("accuracy", 50, limit=THIRD), VALID, LOSS, *KEPT],
    ),
    "short": (
        [required("token_f1", 50, margin=0.0), OLD_VALID, LOSS],
        [required("token_f1", 50, limit=0.0), VALID, LOSS, *KEPT],
    ),
    "json": (
        [required("exact_match", 50, margin=0.05), OLD_VALID, LOSS],
        [required("exact_match", 50, limit=0.0), VALID, LOSS, *KEPT],
    ),
}


def policy_of(engine: Engine, slug: str) -> Any:
    with engine.connect() as connection:
        return connection.scalar(select(PersonaRow.gate_policy).where(PersonaRow.slug == slug))


def set_policy(engine: Engine, slug: str, policy: dict[str, Any]) -> None:
    with engine.begin() as connection:
        connection.execute(update(PersonaRow).where(PersonaRow.slug == slug).values(gate_policy=policy))


def add_personas(engine: Engine, *slugs: str) -> None:
    with Session(engine) as session, session.begin():
        for slug in slugs:
            add_persona(session, slug=slug)


def test_default_policies_become_those_of_today_and_are_what_they_were_when_that_is_undone(
    empty_database: Engine,
):
    migrate.upgrade(empty_database)
    add_personas(empty_database, *DEFAULTS)
    migrate.downgrade(empty_database, BEFORE)
    for slug, (old, _) in DEFAULTS.items():
        set_policy(empty_database, slug, {"requirements": old})
    migrate.upgrade(empty_database)
    for slug, (_, new) in DEFAULTS.items():
        assert policy_of(empty_database, slug) == {**SURE, "requirements": new}
        parse_policy(policy_of(empty_database, slug))
    migrate.downgrade(empty_database, BEFORE)
    for slug, (old, _) in DEFAULTS.items():
        assert policy_of(empty_database, slug) == {"requirements": old}


def test_a_policy_of_ones_own_keeps_what_it_requires_and_general_ability_and_safety(empty_database: Engine):
    safer = required("safety", 100, margin=0.01)
    migrate.upgrade(empty_database)
    add_personas(empty_database, "own", "safer", "empty")
    migrate.downgrade(empty_database, BEFORE)
    set_policy(empty_database, "own", {"requirements": OWN})
    set_policy(empty_database, "safer", {"requirements": [*OWN, safer]})
    set_policy(empty_database, "empty", {})
    migrate.upgrade(empty_database)
    assert policy_of(empty_database, "own") == {**SURE, "requirements": [*OWN, *KEPT]}
    assert policy_of(empty_database, "safer")["requirements"] == [*OWN, safer, KEPT[0]]
    assert policy_of(empty_database, "empty") == {}
    migrate.downgrade(empty_database, BEFORE)
    assert policy_of(empty_database, "own") == {"requirements": OWN}
    assert policy_of(empty_database, "safer") == {"requirements": OWN}
    assert policy_of(empty_database, "empty") == {}


@pytest.mark.parametrize(
    ("target", "requirements", "older"),
    [
        ("token_f1", [VALID, LOSS], [required("token_f1", 50, margin=0.0), VALID, LOSS]),
        ("fact_hit", OWN, OWN),
        ("style_hit", OWN, [required("style_hit", 50, margin=0.0), *OWN]),
        (
            "fact_hit",
            [{**OWN[0], "slice": "domain:music"}],
            [required("fact_hit", 50, margin=0.0), {**OWN[0], "slice": "domain:music"}],
        ),
        ("", [OWN[1], LOSS], [{**OWN[1], "margin": 0.05}, LOSS]),
        ("", [required("accuracy", 9, limit=0.4)], [required("accuracy", 9, limit=0.4, margin=0.0)]),
        ("safety", [LOSS], [LOSS]),
        ("", [], OLD_USUAL),
    ],
)
def test_what_was_to_improve_must_not_get_worse_once_that_is_undone(
    empty_database: Engine,
    target: str,
    requirements: list[dict[str, Any]],
    older: list[dict[str, Any]],
):
    migrate.upgrade(empty_database)
    add_personas(empty_database, "own")
    newer = {**SURE, "target": target, "alpha": 0.01, "requirements": [*requirements, *KEPT]}
    set_policy(empty_database, "own", newer)
    migrate.downgrade(empty_database, BEFORE)
    assert policy_of(empty_database, "own") == {"requirements": older}
