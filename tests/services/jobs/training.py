"""What trainings of a test left in the database."""

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from services.db.lineage_tables import AdapterVersionRow


def versions(engine: Engine) -> list[AdapterVersionRow]:
    with Session(engine) as session:
        return list(session.scalars(select(AdapterVersionRow).where(AdapterVersionRow.number > 0)))
