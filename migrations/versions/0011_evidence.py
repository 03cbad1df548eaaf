"""Decisions rest on items: against an anchor too, on which items, and under which version of the gate.

Those of before compared means and cannot be replayed: they are version 1, and their anchor is the champion.
A persona's default policy becomes the new one; one's own keeps what it required, and general ability and
safety as well. A decision cannot be changed any more, and the database itself takes no promotion of a version
that none says PASS of.
"""

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0011_evidence"
down_revision = "0010_skipped_nights"
branch_labels = None
depends_on = None

# The older schema has room for one decision on a pair of reports: the promoted one, else the newest.
RANKED = """(
    SELECT *, row_number() OVER (
        PARTITION BY candidate_report_id, champion_report_id, policy_digest ORDER BY promoted DESC, id DESC
    ) AS place
    FROM (
        SELECT *, EXISTS (SELECT 1 FROM promotions WHERE decision_id = gate_decisions.id) AS promoted
        FROM gate_decisions
    ) AS decisions
) AS ranked"""
LOST = {
    "items that decisions rest on": "gate_decisions WHERE used <> '{}'",
    "decisions on reports that have another one": f"{RANKED} WHERE place > 1 AND NOT promoted",
}
UNIQUE = "gate_decisions_inputs_uq"
INPUTS = ["candidate_report_id", "champion_report_id", "policy_digest"]

Record = dict[str, Any]


def _requirement(
    metric: str, *, limit: float | None = None, margin: float | None = None, items: int
) -> Record:
    return {"metric": metric, "limit": limit, "margin": margin, "minimum_items": items, "slice": "overall"}


KEPT = [
    _requirement("general_ability", margin=0.05, items=300),
    _requirement("safety", margin=0.05, items=300),
]
SURENESS = {
    "target": "",
    "alpha": 0.005,
    "worse_alpha": 0.05,
    "anchor_alpha": 0.005,
    "screen_alpha": 0.2,
    "slice_margin": 0.1,
    "slice_items": 75,
    "slices_per_300": 4,
}
LOSS = _requirement("held_out_loss", margin=0.1, items=10)
USUAL = [
    _requirement("style_hit", limit=0.5, margin=0.05, items=100),
    _requirement("fact_hit", margin=0.05, items=100),
    _requirement("short_share", margin=0.05, items=100),
    LOSS,
]


def upgrade() -> None:
    _give_decisions_an_anchor_and_items()
    _widen_checks()
    _rewrite_policies(_newer)
    op.drop_constraint(UNIQUE, "gate_decisions")
    op.create_unique_constraint(UNIQUE, "gate_decisions", [*INPUTS, "anchor_report_id", "gate_version"])
    op.execute(
        "CREATE TRIGGER gate_decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gate_decisions "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    _refuse_unproven_promotions()


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.execute("DROP TRIGGER promotions_proven ON promotions")
    op.execute("DROP FUNCTION refuse_unproven_promotion()")
    op.execute("DROP TRIGGER gate_decisions_append_only ON gate_decisions")
    _rewrite_policies(_older)
    _narrow_checks()
    op.drop_constraint(UNIQUE, "gate_decisions")
    _leave_one_decision_on_a_pair()
    op.create_unique_constraint(UNIQUE, "gate_decisions", INPUTS)
    op.drop_column("gate_decisions", "opened")
    op.drop_column("gate_decisions", "used")
    op.drop_column("gate_decisions", "gate_version")
    op.drop_constraint(op.f("gate_decisions_anchor_report_id_fk"), "gate_decisions")
    op.drop_column("gate_decisions", "anchor_report_id")


def _give_decisions_an_anchor_and_items() -> None:
    op.add_column("gate_decisions", sa.Column("anchor_report_id", sa.Integer(), nullable=True))
    op.execute("UPDATE gate_decisions SET anchor_report_id = champion_report_id")
    op.alter_column("gate_decisions", "anchor_report_id", nullable=False)
    op.create_foreign_key(
        op.f("gate_decisions_anchor_report_id_fk"),
        "gate_decisions",
        "evaluation_reports",
        ["anchor_report_id"],
        ["id"],
    )
    op.add_column(
        "gate_decisions", sa.Column("gate_version", sa.Integer(), server_default="1", nullable=False)
    )
    op.alter_column("gate_decisions", "gate_version", server_default=None)
    op.add_column(
        "gate_decisions",
        sa.Column("used", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column(
        "gate_decisions", sa.Column("opened", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def _leave_one_decision_on_a_pair() -> None:
    """What the ledger names stays in any case: a second one is kept apart by its digest."""
    op.execute(f"""
        DELETE FROM gate_decisions
        WHERE id IN (SELECT id FROM {RANKED} WHERE place > 1 AND NOT promoted)
    """)  # noqa: S608  (our own words)
    op.execute(f"""
        UPDATE gate_decisions SET policy_digest = policy_digest || ' of decision ' || id
        WHERE id IN (SELECT id FROM {RANKED} WHERE place > 1)
    """)  # noqa: S608  (our own words)


def _widen_checks() -> None:
    op.execute("""
        UPDATE gate_decisions SET checks = coalesce((
            SELECT jsonb_agg(one - 'champion' || jsonb_build_object(
                'asked', 'limit', 'against', NULL, 'reference', one -> 'champion', 'difference', NULL,
                'low', NULL, 'high', NULL, 'witnesses', 0.0, 'more_items', NULL
            ) ORDER BY place)
            FROM jsonb_array_elements(checks) WITH ORDINALITY AS of (one, place)), '[]')
    """)


def _narrow_checks() -> None:
    """What a check compared with is told only where that was the champion."""
    op.execute("""
        UPDATE gate_decisions SET checks = coalesce((
            SELECT jsonb_agg(
                one - 'asked' - 'against' - 'reference' - 'difference' - 'low' - 'high' - 'witnesses'
                    - 'more_items' || jsonb_build_object('champion', CASE
                        WHEN coalesce(CAST(one ->> 'against' AS integer), number) = number
                        THEN one -> 'reference' END)
                ORDER BY place)
            FROM jsonb_array_elements(checks) WITH ORDINALITY AS of (one, place)), '[]')
        FROM evaluation_reports JOIN adapter_versions ON adapter_versions.id = adapter_version_id
        WHERE evaluation_reports.id = champion_report_id
    """)


def _rewrite_policies(rewritten: Callable[[Record], Record]) -> None:
    """Each persona's policy; one without requirements is nobody's, and stays as it is."""
    personas = sa.table("personas", sa.column("id"), sa.column("gate_policy", postgresql.JSONB()))
    connection = op.get_bind()
    for persona, policy in connection.execute(sa.select(personas.c.id, personas.c.gate_policy)).all():
        if "requirements" in policy:
            connection.execute(
                personas.update().where(personas.c.id == persona).values(gate_policy=rewritten(policy))
            )


def _newer(policy: Record) -> Record:
    for older, newer in _defaults():
        if policy == {"requirements": older}:
            return {**SURENESS, "requirements": newer}
    there = {one["metric"] for one in policy["requirements"]}
    kept = [one for one in KEPT if one["metric"] not in there]
    return {**SURENESS, **policy, "requirements": [*policy["requirements"], *kept]}


def _older(policy: Record) -> Record:
    """With a margin for what was to improve: the older gate asks for nothing else that compares."""
    for older, newer in _defaults():
        if policy == {**SURENESS, "requirements": newer}:
            return {"requirements": older}
    unknown = {one["metric"] for one in KEPT}
    requirements = [one for one in policy["requirements"] if one["metric"] not in unknown]
    target = policy.get("target", "")
    if target and target not in unknown and not _has_margin(target, requirements):
        requirements.insert(0, _requirement(target, margin=0.0, items=50))
    elif not target and requirements and requirements[0].get("margin") is None:
        margin = 0.05 if requirements[0]["metric"] == "style_hit" else 0.0
        requirements[0] = {**requirements[0], "margin": margin}
    return {"requirements": requirements or USUAL}


def _has_margin(metric: str, requirements: list[Record]) -> bool:
    return any(
        one["metric"] == metric and one.get("margin") is not None and one.get("slice", "overall") == "overall"
        for one in requirements
    )


def _defaults() -> Iterator[tuple[list[Record], list[Record]]]:
    """What each format required by default, in the older release and in this one."""
    valid = _requirement("format_validity", limit=0.9, margin=0.02, items=50)
    now_valid = _requirement("format_validity", limit=0.9, margin=0.05, items=50)
    now_usual = [
        _requirement("style_hit", limit=0.5, items=100),
        _requirement("fact_hit", margin=0.1, items=100),
        _requirement("short_share", margin=0.1, items=100),
        LOSS,
        *KEPT,
    ]
    yield USUAL, now_usual
    yield [*USUAL, valid], [*now_usual, now_valid]
    targets = [("token_f1", None, 0.0), ("exact_match", None, 0.05)]
    targets += [("accuracy", 1 / choices + 0.1, 0.0) for choices in range(2, 27)]
    for metric, limit, margin in targets:
        before = _requirement(metric, limit=limit, margin=margin, items=50)
        now = _requirement(metric, limit=limit or 0.0, items=50)
        yield [before, valid, LOSS], [now, now_valid, LOSS, *KEPT]


def _refuse_unproven_promotions() -> None:
    op.execute("""
        CREATE FUNCTION refuse_unproven_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.kind = 'full' AND NEW.decision_id IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM gate_decisions d
                JOIN evaluation_reports r ON r.id = d.candidate_report_id
                JOIN adapter_versions v ON v.id = r.adapter_version_id
                WHERE d.id = NEW.decision_id AND d.verdict = 'PASS'
                  AND v.id = NEW.adapter_version_id AND v.persona_id = NEW.persona_id
            ) THEN
                RAISE EXCEPTION 'decision % does not say PASS of this version', NEW.decision_id
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute(
        "CREATE TRIGGER promotions_proven BEFORE INSERT ON promotions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_unproven_promotion()"
    )
