"""Every page and every list of the API takes as many SQL statements with much as with little."""

from datetime import UTC, datetime

from sqlalchemy import Engine

from benchmarks._filled import Crowd
from benchmarks._long_history import Years, fill_years
from benchmarks._looking import Looker, let_in, looking_app
from services.db.session import session_scope
from services.settings import Settings
from tests.builders import add_persona
from tests.conftest import cut_away
from tests.fakes import FakeGenerator
from tests.lineage_builders import add_serving_version

LITTLE = Years(Crowd(raters=4, answers_each=3, days=2), ratings_each=1, versions=3)
MUCH = Years(Crowd(raters=12, answers_each=60, days=40), ratings_each=4, versions=30)
OTHERS = 5  # personas beside the one of those years, each of which a version of its own serves


def test_a_page_is_a_fixed_number_of_statements(engine: Engine, settings: Settings):
    """The pages are the app's own routes: a new one that does not keep to it fails here."""
    little = statements(engine, settings, LITTLE, others=0)
    much = statements(engine, settings, MUCH, others=OTHERS)
    assert len(little) > 40
    assert {page: len(much[page]) for page in much} == {page: len(little[page]) for page in little}, [
        (page, sorted(set(much[page]) ^ set(little[page])))
        for page in little
        if len(much[page]) != len(little[page])
    ]


def statements(
    engine: Engine, settings: Settings, years: Years, *, others: int
) -> dict[str, tuple[str, ...]]:
    at = datetime.now(UTC)
    with cut_away(engine):
        with session_scope(engine) as session:
            fill_years(session, years, at=at)
        with session_scope(engine) as session:
            token, known = let_in(session, at=at)
        with session_scope(engine) as session:
            for number in range(others):
                add_serving_version(session, add_persona(session, slug=f"poet-{number}"))
        looker = Looker(looking_app(settings, engine, FakeGenerator()), token, known)
        return {page: looker.look(address).statements for page, address in looker.addresses().items()}
