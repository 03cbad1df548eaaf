"""The database links ledger and audit log; made again from the rows, the links tell every change."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from services.accounts import audit
from services.db.chains import chained_rows
from services.db.session import session_scope
from services.domain.chain import check_chain
from tests.builders import AT, add_persona
from tests.lineage_builders import add_serving_version

HARD = 'a\tb\n"quoted" back\\slash \x7f \u2028 é 日本 𝄞 \x01'


def change(session: Session, statement: str) -> None:
    """As whoever owns the tables can, past every guard."""
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(text(statement))
    session.execute(text("SET LOCAL session_replication_role = origin"))


def fill(session: Session) -> None:
    for number in range(4):
        audit.record(session, HARD, str(number), actor="test", at=AT, details={"role": HARD, "a": 1.5})
    session.flush()


def test_the_links_are_those_that_the_rows_make(session: Session):
    fill(session)
    checked = check_chain(chained_rows(session, "audit log"))
    assert checked.broken is None
    assert checked.rows >= 4
    assert len(checked.head) == 64


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'somebody else' WHERE subject = '1'",
        "UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE subject = '1'",
        "UPDATE audit_entries SET details = '{}' WHERE subject = '1'",
        "DELETE FROM audit_entries WHERE subject = '1'",
    ],
)
def test_a_change_past_every_guard_shows(session: Session, statement: str):
    fill(session)
    change(session, statement)
    assert check_chain(chained_rows(session, "audit log")).broken is not None


def test_what_is_cut_off_the_end_shows_by_a_link_noted_before(session: Session):
    fill(session)
    noted = check_chain(chained_rows(session, "audit log")).head
    change(session, "DELETE FROM audit_entries WHERE subject = '3'")
    checked = check_chain(chained_rows(session, "audit log"), noted=(noted,))
    assert checked.broken is None
    assert not checked.found


def test_a_move_is_linked_and_a_changed_one_shows(session: Session):
    persona = add_persona(session)
    add_serving_version(session, persona, number=1)
    session.flush()
    assert check_chain(chained_rows(session, "ledger")).broken is None
    change(session, "UPDATE promotions SET reason = 'another'")
    assert check_chain(chained_rows(session, "ledger")).broken is not None


def test_writers_at_once_make_one_chain(clean: Engine):
    def write(number: int) -> None:
        with session_scope(clean) as session:
            audit.record(session, "invite", str(number), actor="test", at=AT)

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(40)))
    with session_scope(clean) as session:
        checked = check_chain(chained_rows(session, "audit log"))
    assert checked.broken is None
    assert checked.rows >= 40
