"""The adapter store: whole or not there, never replaced, every byte checked on the way out."""

import json
import multiprocessing
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from pathlib import Path, PurePosixPath

import fsspec
import pytest

from services.adapters.digests import ADAPTER_FILES
from services.adapters.file_store import FileAdapterStore
from services.adapters.store import AdapterName
from services.domain.personas import PersonaSlug
from services.errors.artifacts import AdapterExists, AdapterMissing, AdapterRefused
from services.errors.inputs import InvalidSlug
from services.errors.outages import AdapterStoreUnavailable
from tests.services.adapters.publishing import PIRATE, PROVENANCE, flip_byte, publish, version_file


def test_what_is_published_is_fetched_under_its_name(store, make_folder, tmp_path):
    folder = make_folder()
    manifest = publish(store, folder, number=7)

    fetched = store.fetch(manifest.name, into=tmp_path / "cache")

    assert manifest.name == f"pirate@{manifest.digest[:12]}"
    assert (manifest.persona, manifest.number, manifest.provenance) == (PIRATE, 7, PROVENANCE)
    assert store.manifest(manifest.name) == manifest
    weights = "adapter_model.safetensors"
    assert (fetched / weights).read_bytes() == (folder / weights).read_bytes()
    assert json.loads((fetched / "adapter_config.json").read_text()) == {"peft_type": "LORA", "r": 2}


def test_the_layout_is_the_documented_one(store, url, make_folder):
    publish(store, make_folder(), number=7)

    files, path = version_file(url, "", number=7)

    names = {PurePosixPath(entry).name for entry in files.ls(path, detail=False)}
    assert names == {*ADAPTER_FILES, "manifest.json"}


def test_the_same_bytes_twice_give_the_same_manifest(store, make_folder):
    folder = make_folder()

    assert publish(store, folder) == publish(store, folder)


def test_other_bytes_under_a_taken_number_are_refused(store, make_folder, tmp_path):
    kept = publish(store, make_folder(1.0))

    with pytest.raises(AdapterExists, match="pirate/v0001"):
        publish(store, make_folder(2.0))
    assert store.fetch(kept.name, into=tmp_path / "cache").is_dir()


def test_the_digest_depends_on_weights_and_configuration_and_on_nothing_else(store, make_folder):
    one = publish(store, make_folder(1.0), number=1)

    assert publish(store, make_folder(1.0), number=2).digest == one.digest
    assert publish(store, make_folder(2.0), number=3).digest != one.digest
    assert publish(store, make_folder(1.0, lora_alpha=4), number=4).digest != one.digest


def test_a_folder_without_manifest_does_not_exist_and_a_retry_overwrites_it(
    store, url, make_folder, tmp_path
):
    manifest = publish(store, make_folder(1.0))
    files, path = version_file(url, "manifest.json")
    files.rm(path)
    flip_byte(url, "adapter_model.safetensors", -1)

    with pytest.raises(AdapterMissing):
        store.manifest(manifest.name)
    again = publish(store, make_folder(2.0))

    assert again.digest != manifest.digest
    assert store.fetch(again.name, into=tmp_path / "cache").is_dir()


def test_remains_of_a_killed_publisher_are_ignored_and_cleared(make_folder, tmp_path):
    store = FileAdapterStore(f"file://{tmp_path / 'store'}")
    store.begin()
    partial = tmp_path / "store" / "pirate" / ".v0001.partial"
    partial.mkdir(parents=True)
    (partial / "adapter_model.bin").write_bytes(b"half")

    manifest = publish(store, make_folder())

    assert set(manifest.files) == set(ADAPTER_FILES)
    assert not partial.exists()


@pytest.mark.parametrize(
    "other", ["adapter_model.bin", "adapter_model.pt", "model.pkl", "training_args.bin", "README.md"]
)
def test_nothing_but_configuration_and_safetensors_is_taken(store, make_folder, other):
    folder = make_folder()
    (folder / other).write_bytes(b"x")

    with pytest.raises(AdapterRefused, match=other):
        publish(store, folder)


def test_an_unfinished_or_broken_folder_is_refused(store, make_folder, tmp_path):
    without_weights, broken, no_object = make_folder(), make_folder(), make_folder()
    (without_weights / "adapter_model.safetensors").unlink()
    (broken / "adapter_model.safetensors").write_bytes(b"\x80\x04pickle")
    (no_object / "adapter_config.json").write_text("[]")

    for folder in (without_weights, broken, no_object, tmp_path / "nowhere"):
        with pytest.raises(AdapterRefused):
            publish(store, folder)


@pytest.mark.parametrize("slug", ["../x", "", "a/b", "Pirate", "."])
def test_a_slug_that_does_not_parse_touches_no_file(make_folder, tmp_path, slug):
    store = FileAdapterStore(f"file://{tmp_path / 'store'}")

    with pytest.raises(InvalidSlug):
        store.publish(make_folder(), persona=PersonaSlug(slug), number=1, provenance={})
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "name",
    ["base", "pirate", "../x@0123456789ab", "pirate@../../../etc", "pirate@0123456789AB", "@", "a b@0"],
)
def test_a_name_that_does_not_parse_is_no_adapter(store, tmp_path, name):
    with pytest.raises(AdapterMissing):
        store.fetch(AdapterName(name), into=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_version_zero_is_the_base_and_is_never_published(store, make_folder):
    with pytest.raises(AdapterRefused, match="numbered from 1"):
        publish(store, make_folder(), number=0)


def test_a_store_that_fsspec_cannot_open_says_so():
    with pytest.raises(AdapterStoreUnavailable, match="ADAPTER_STORE"):
        FileAdapterStore("nosuch://place")


def test_a_store_that_is_not_mounted_is_not_taken_for_an_empty_one(store, url, make_folder, tmp_path):
    manifest = publish(store, make_folder())
    files, root = fsspec.url_to_fs(url)
    elsewhere = f"{root}-elsewhere"
    files.mv(root, elsewhere, recursive=True)

    for use in (store.manifest, lambda name: store.fetch(name, into=tmp_path / "cache")):
        with pytest.raises(AdapterStoreUnavailable, match="mounted"):
            use(manifest.name)
    with pytest.raises(AdapterStoreUnavailable, match="mounted"):
        publish(store, make_folder(2.0), number=2)

    files.mv(elsewhere, root, recursive=True)
    assert store.manifest(manifest.name) == manifest


def test_a_store_that_cannot_be_read_is_unavailable_and_its_versions_are_not_missing(make_folder, tmp_path):
    store = FileAdapterStore(f"file://{tmp_path / 'store'}")
    store.begin()
    manifest = publish(store, make_folder())
    (tmp_path / "store" / "pirate" / "v0001" / "manifest.json").unlink()
    (tmp_path / "store" / "pirate" / "v0001" / "manifest.json").mkdir()

    with pytest.raises(AdapterStoreUnavailable, match="ADAPTER_STORE"):
        store.manifest(manifest.name)


def _offer(url: str, folder: Path, results: "Queue[str]") -> None:
    try:
        results.put(publish(FileAdapterStore(url), folder).digest)
    except AdapterExists:
        results.put("exists")


def test_of_two_processes_that_publish_one_number_one_wins_whole(make_folder, tmp_path):
    url = f"file://{tmp_path / 'store'}"
    context = multiprocessing.get_context("fork")
    for number in range(5):
        place = f"{url}{number}"
        FileAdapterStore(place).begin()
        results: Queue[str] = context.Queue()
        offers = [
            context.Process(target=_offer, args=(place, make_folder(weight), results))
            for weight in (1.0, 2.0)
        ]
        for offer in offers:
            offer.start()
        outcomes = sorted(results.get(timeout=20) for _ in offers)
        for offer in offers:
            offer.join()
        assert outcomes[1] == "exists"
        name = AdapterName(f"pirate@{outcomes[0][:12]}")
        assert FileAdapterStore(place).fetch(name, into=tmp_path / "cache").is_dir()


def test_a_removed_version_is_gone_for_readers_and_the_others_stay(store, make_folder, tmp_path):
    gone, kept = publish(store, make_folder(1.0)), publish(store, make_folder(2.0), number=2)
    store.fetch(gone.name, into=tmp_path / "cache")
    assert store.sizes(PIRATE)[1] == store.sizes(PIRATE)[2] > 0

    store.remove(PIRATE, 1)
    store.remove(PIRATE, 1)

    assert set(store.sizes(PIRATE)) == {2}
    with pytest.raises(AdapterMissing):
        store.fetch(gone.name, into=tmp_path / "cache")
    assert store.fetch(kept.name, into=tmp_path / "cache").is_dir()


def test_a_removal_that_was_interrupted_is_finished_by_the_next(store, url, make_folder):
    """The manifest is gone and the weights are not: nobody reads that folder, and it can still be removed."""
    name = publish(store, make_folder()).name
    files, path = version_file(url, "manifest.json")
    files.rm_file(path)

    with pytest.raises(AdapterMissing):
        store.manifest(name)
    assert set(store.sizes(PIRATE)) == {1}
    store.remove(PIRATE, 1)
    assert store.sizes(PIRATE) == {}


def test_a_removed_number_can_be_published_again(store, make_folder):
    first = publish(store, make_folder())
    store.remove(PIRATE, 1)
    assert publish(store, make_folder()) == first


def test_a_folder_tells_when_it_was_written(store, make_folder):
    before = datetime.now(UTC) - timedelta(seconds=5)
    publish(store, make_folder())
    assert before < store.last_written(PIRATE, 1) < datetime.now(UTC) + timedelta(seconds=5)
    with pytest.raises(AdapterMissing):
        store.last_written(PIRATE, 2)


def test_a_store_that_is_not_there_has_no_sizes_and_removes_nothing(tmp_path):
    absent = FileAdapterStore(f"file://{tmp_path / 'unmounted'}")
    with pytest.raises(AdapterStoreUnavailable):
        absent.sizes(PIRATE)
    with pytest.raises(AdapterStoreUnavailable):
        absent.remove(PIRATE, 1)
