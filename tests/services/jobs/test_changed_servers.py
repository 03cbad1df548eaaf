"""A server that changed under what serves is told of; what serves stays, and what is new waits."""

from dataclasses import replace

import pytest

from services.adapters.promotions import find_persona
from services.db.lineage_tables import EvaluationReportRow
from services.db.session import session_scope
from services.domain.fingerprint import Fingerprint
from services.errors.outages import InferenceUnavailable
from services.jobs.changed_servers import warnings_in
from services.jobs.installation import Installation
from services.language_model.routing import RoutedGenerator
from tests.builders import add_persona
from tests.fakes import FACTS, FakeGenerator
from tests.lineage_builders import add_serving_version, add_version, unguarded


@pytest.fixture
def evaluated(installation: Installation) -> None:
    """A persona whose version was evaluated on the server as it is; and one that the plain base serves."""
    with session_scope(installation.engine) as session:
        add_persona(session, slug="tutor")
        version = add_serving_version(session, add_persona(session))
        report = session.query(EvaluationReportRow).filter_by(adapter_version_id=version.id).one()
        with unguarded(session):
            report.fingerprint = Fingerprint(FACTS, ((-1.0,),)).as_record()


@pytest.mark.usefixtures("evaluated")
def test_on_the_server_it_was_evaluated_on_there_is_nothing_to_tell(installation: Installation):
    assert warnings_in(installation) == []


@pytest.mark.usefixtures("evaluated")
def test_after_an_upgrade_each_persona_is_named_with_what_changed(
    installation: Installation, generator: FakeGenerator
):
    generator.server = replace(FACTS, packages={"torch": "2.14.0"})
    other = FakeGenerator(server=replace(FACTS, base_digest="another base"))
    for server in (generator, RoutedGenerator([other, generator])):
        (told,) = warnings_in(replace(installation, generator=server))
        assert told.startswith("pirate: version 1 serves on another server")
        assert "(torch is 2.14.0, not 2.13.0)" in told
    with session_scope(installation.engine) as session:
        assert add_version(session, find_persona(session, "pirate"), number=2)  # not what serves
    assert len(warnings_in(installation)) == 1


@pytest.mark.usefixtures("evaluated")
def test_a_server_that_does_not_answer_is_told_of(installation: Installation):
    class Away(FakeGenerator):
        def facts(self):
            raise InferenceUnavailable("http://127.0.0.1:1")

    (told,) = warnings_in(replace(installation, generator=Away()))
    assert "http://127.0.0.1:1" in told
