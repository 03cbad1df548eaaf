from dataclasses import replace
from pathlib import Path

import pytest

from services.adapters.file_store import FileAdapterStore
from services.adapters.store import AdapterName
from services.domain.fingerprint import Fingerprint
from services.domain.personas import PersonaSlug
from services.errors.artifacts import AdapterCorrupt
from services.errors.outages import AdapterStoreUnavailable
from tests.fakes import FACTS

NAME = AdapterName("pirate@0123456789ab")
EVALUATED = Fingerprint(FACTS, ((-1.0, -2.0), (-3.0, None)))
ELSEWHERE = replace(EVALUATED, facts=replace(FACTS, device="another"))


@pytest.fixture(params=["file://{}", "memory://{}"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileAdapterStore:
    store = FileAdapterStore(request.param.format(tmp_path / "store"))
    store.begin()
    return store


def test_what_a_version_answered_is_kept_for_each_server(store: FileAdapterStore):
    assert store.expected(NAME) == ()
    store.expect(NAME, EVALUATED)
    store.expect(NAME, ELSEWHERE)
    assert set(map(repr, store.expected(NAME))) == {repr(EVALUATED), repr(ELSEWHERE)}
    assert store.expected(AdapterName("pirate@ffffffffffff")) == ()


def test_what_was_kept_first_stays(store: FileAdapterStore):
    store.expect(NAME, EVALUATED)
    store.expect(NAME, replace(EVALUATED, golden=((-9.0,),)))
    assert store.expected(NAME) == (EVALUATED,)


@pytest.mark.parametrize("damage", [("-2.0", "-2.5"), ("{", "["), ("golden", "silver")])
def test_a_changed_byte_makes_the_version_unsound(tmp_path: Path, damage: tuple[str, str]):
    store = FileAdapterStore(f"file://{tmp_path}")
    store.begin()
    store.expect(NAME, EVALUATED)
    [file] = (tmp_path / "pirate" / "golden").glob("0123456789ab-*.json")
    file.write_text(file.read_text().replace(*damage))
    with pytest.raises(AdapterCorrupt, match="expected to answer"):
        store.expected(NAME)


def test_what_cannot_be_forgotten_is_the_stores_trouble(tmp_path: Path, make_folder):
    store = FileAdapterStore(f"file://{tmp_path}")
    store.begin()
    kept = store.publish(make_folder(), persona=PersonaSlug("pirate"), number=1, provenance={})
    (tmp_path / "pirate" / "golden" / f"{kept.name.partition('@')[2]}-a.json").mkdir(parents=True)
    with pytest.raises(AdapterStoreUnavailable):
        store.restore(make_folder(), persona=PersonaSlug("pirate"), number=1, provenance={})


def test_a_store_that_is_not_there_takes_nothing(tmp_path: Path):
    with pytest.raises(AdapterStoreUnavailable):
        FileAdapterStore(f"file://{tmp_path}").expect(NAME, EVALUATED)
